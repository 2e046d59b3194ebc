//! Regions with a write store and a read store in memory.

use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use sterna_crdt::RegionId;
use sterna_env::{Env, Scope};
use sterna_log::{AggregateId, Frame, FrameEntry, LogId, Position, ShardId, Token};
use sterna_read::{Options, Page, ReadRefused, Reads};
use sterna_store::{Memory, Store};
use sterna_write::{Accepted, Command, Gate, OpenOptions, Region, Writer};
use tokio::sync::watch;

pub const SHARDS: u16 = 4;
pub const WAIT: Duration = Duration::from_secs(5);

pub struct Node {
    pub writer: Arc<Writer>,
    pub reads: Arc<Reads>,
    pub store: Arc<Memory>,
    pub read_store: Arc<Memory>,
    pub registry: prometheus::Registry,
    pub scope: Scope,
}

pub fn model(text: &str) -> Arc<sterna_model::Model> {
    let (model, diagnostics) = sterna_model::parse(text);
    Arc::new(model.unwrap_or_else(|| panic!("{diagnostics:#?}")))
}

/// A region on these stores, with what they hold.
pub async fn start(name: &str, members: &[&str], text: &str, store: Memory, read_store: Memory) -> Node {
    let read_store = Arc::new(read_store);
    start_over(name, members, text, store, read_store.clone(), read_store).await
}

/// A region whose read side sees `read_store` as `shown`.
pub async fn start_over(name: &str, members: &[&str], text: &str, store: Memory, read_store: Arc<Memory>, shown: Arc<dyn Store>) -> Node {
    process(name, members, text, (Arc::new(store), read_store), shown, None).await
}

/// One of the region's processes; with a lease, if they share the read store.
pub async fn process(
    name: &str,
    members: &[&str],
    text: &str,
    (store, read_store): (Arc<Memory>, Arc<Memory>),
    shown: Arc<dyn Store>,
    lease: Option<watch::Receiver<bool>>,
) -> Node {
    let env = Env::real();
    let options = OpenOptions {
        name: name.into(),
        members: members.iter().map(|&m| m.into()).collect(),
        shards: SHARDS,
        model: model(text),
        copied: false,
    };
    let region = Region::open(env.clone(), store.clone(), options).await.expect("the store is empty or fits");
    let scope = Scope::new(env);
    let writer = Writer::start(region.clone(), &scope, None).await.expect("the store can be read");
    region.set_gate(Gate::Open);
    let registry = prometheus::Registry::new();
    let options = Options {
        region,
        logs: writer.logs().clone(),
        states: writer.states().clone(),
        store: shown,
        scope: scope.clone(),
        registry: registry.clone(),
    };
    let reads = match lease {
        Some(lease) => Reads::sharing(options, lease),
        None => Reads::start(options).await,
    };
    let reads = reads.expect("the read store is empty or fits");
    Node { writer, reads, store, read_store, registry, scope }
}

pub async fn one(text: &str) -> Node {
    start("one", &["one"], text, Memory::default(), Memory::default()).await
}

pub fn aggregate(kind: &str, id: &str) -> AggregateId {
    AggregateId { kind: kind.into(), id: id.into() }
}

pub fn command(kind: &str, id: &str, name: &str, args: &Json) -> Command {
    Command {
        aggregate: aggregate(kind, id),
        name: name.into(),
        args: args.to_string().into(),
        key: None,
        if_match: None,
        token: None,
        wait: Duration::from_millis(50),
        actor: "anna".into(),
        trace: "".into(),
        represent: true,
        cause: None,
    }
}

impl Node {
    pub fn me(&self) -> RegionId {
        self.writer.region().me
    }

    pub async fn run(&self, kind: &str, id: &str, name: &str, args: Json) -> Accepted {
        self.writer.execute(command(kind, id, name, &args)).await.expect("the command is valid")
    }

    /// Names everything that this region has applied.
    pub fn all(&self) -> Token {
        let mut token = Token::default();
        self.writer.region().board.progress().iter().for_each(|(log, position)| token.raise(log, position));
        token
    }

    /// Until the projector has everything.
    pub async fn projected(&self) {
        let applied = self.writer.region().board.progress();
        for _ in 0..2_000 {
            let projected = self.reads.projected();
            if applied.iter().all(|(log, position)| projected.get(log) >= position) {
                return;
            }
            self.writer.region().env.sleep(Duration::from_millis(5)).await;
        }
        panic!("the projector stands at {:?}, the region at {applied:?}", self.reads.projected());
    }

    /// Until no view is being built.
    pub async fn built(&self) {
        for _ in 0..2_000 {
            if self.reads.status().views.iter().all(|view| view.building.is_none()) {
                return;
            }
            self.writer.region().env.sleep(Duration::from_millis(5)).await;
        }
        panic!("still building: {:?}", self.reads.status());
    }

    pub async fn document(&self, kind: &str, id: &str) -> Result<String, ReadRefused> {
        let found = self.reads.document(kind, id, Some(&self.all()), WAIT).await?;
        Ok(String::from_utf8(found.json.to_vec()).expect("a document is text"))
    }

    pub async fn page(&self, view: &str, filters: &[(&str, &str)], limit: usize, after: Option<&str>) -> Result<Page, ReadRefused> {
        let filters: Vec<_> = filters.iter().map(|(column, value)| (column.to_string(), value.to_string())).collect();
        self.reads.view(view, &filters, Some(limit), after, Some(&self.all()), WAIT).await
    }

    /// All rows, read in pages of `limit`.
    pub async fn rows_by(&self, view: &str, filters: &[(&str, &str)], limit: usize) -> Vec<Json> {
        let (mut rows, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = self.page(view, filters, limit, after.as_deref()).await.expect("the query is valid");
            let found = data(&page);
            assert!(found.len() <= limit && (page.next.is_none() || found.len() == limit));
            rows.extend(found);
            after = page.next;
            if after.is_none() {
                return rows;
            }
        }
    }

    pub async fn rows(&self, view: &str, filters: &[(&str, &str)]) -> Vec<Json> {
        self.rows_by(view, filters, 1_000).await
    }

    /// Ends the region; what is durable stays.
    pub async fn stop(self) -> (Memory, Memory) {
        drop(self.writer);
        self.scope.stop().await;
        (self.store.copy(), self.read_store.copy())
    }

    async fn frame(&self, log: LogId, to: &Node) -> Frame {
        let region = self.writer.region();
        let (after, until) = (to.writer.region().board.copied(log.shard).get(log.origin), region.board.applied(log.shard).get(log.origin));
        let entries = self.writer.logs().read(log, after, until, 1 << 20).await.expect("the store can be read");
        Frame {
            log,
            after,
            entries: entries.into_iter().map(|e| FrameEntry { position: e.position, bytes: e.bytes }).collect(),
            sealed: until,
            applied: region.board.applied(log.shard),
            incarnation: region.life().incarnation,
            models: Vec::new(),
            membership_number: 1,
            membership_hash: region.membership.hash(),
            sent_ms: region.env.wall_ms(),
        }
    }

    /// Takes what `from` has of its own logs, as if it said it all once more in a new life, because it was restored.
    pub async fn hear_again(&self, from: &Node) {
        for shard in (0..SHARDS).map(ShardId) {
            let log = LogId { origin: from.me(), shard };
            let (logs, end) = (from.writer.logs(), self.writer.region().board.copied(shard).get(from.me()));
            let entries = logs.read(log, Position::ZERO, end, 1 << 20).await.expect("the store can be read");
            let later = |position: Position| Position { epoch: position.epoch + 1, ..position };
            let entries = entries.into_iter().map(|e| FrameEntry { position: later(e.position), bytes: e.bytes }).collect();
            let frame = Frame { after: end, entries, ..from.frame(log, self).await };
            self.writer.merge(frame).await.expect("it begins where the copy ends");
        }
    }

    /// Takes what `from` has of its own logs.
    pub async fn pull(&self, from: &Node) {
        for shard in (0..SHARDS).map(ShardId) {
            let frame = from.frame(LogId { origin: from.me(), shard }, self).await;
            self.writer.merge(frame).await.expect("frames come without holes");
        }
    }
}

/// Two regions that know each other.
pub async fn two(text: &str) -> [Node; 2] {
    let members = ["east", "west"];
    [
        start("east", &members, text, Memory::default(), Memory::default()).await,
        start("west", &members, text, Memory::default(), Memory::default()).await,
    ]
}

pub async fn converge(nodes: &[Node; 2]) {
    for _ in 0..3 {
        nodes[0].pull(&nodes[1]).await;
        nodes[1].pull(&nodes[0]).await;
    }
}

pub fn data(page: &Page) -> Vec<Json> {
    let body: Json = serde_json::from_slice(&page.body).expect("a page is JSON");
    assert_eq!(body["next"].as_str(), page.next.as_deref());
    body["data"].as_array().expect("a page has data").clone()
}

/// Everything that a read store holds, but for what differs from life to life.
pub async fn contents(store: &dyn Store, letters: &[u8]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let snapshot = store.snapshot().await.expect("the store can be read");
    let mut all = BTreeMap::new();
    for letter in letters {
        let pairs = sterna_store::scan_prefix(&*snapshot, &[*letter]).await.expect("the store can be read");
        all.extend(pairs.into_iter().map(|(key, value)| (key.to_vec(), value.to_vec())));
    }
    all
}
