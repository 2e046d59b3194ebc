//! Whole regions on memory stores: writer, relay and resolver over real clusters. Holes are repaired from the peers' stores.

use crate::cluster::{Cluster, address};
use crate::load::{PATIENCE, SHARDS};
use bytes::Bytes;
use prometheus::Registry;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use sterna_crdt::{Name, RegionId};
use sterna_env::{Env, Scope};
use sterna_log::{AggregateId, Membership};
use sterna_replicate::{Options, Replication, Source};
use sterna_store::{Memory, Store};
use sterna_stream::{Hub, LogSource, Stream};
use sterna_stream_fluvio::{Compression, Fluvio, Retention};
use sterna_write::{Command, Gate, OpenOptions, Region, Writer, keys};

const MODEL: &str = r#"
version = 1

[aggregate.cart.fields]
items = { map = "counter" }
note  = "string?"

[aggregate.cart.commands.add]
args    = { sku = "string" }
effects = [{ add = "1", to = "items", key = "args.sku" }]

[aggregate.cart.commands.remark]
args    = { text = "string" }
effects = [{ set = "args.text", to = "note" }]
"#;

pub const NAMES: [&str; 2] = ["a", "b"];

/// Two regions, each with its cluster, and the way by which they repair holes.
pub struct World {
    pub env: Env,
    pub clusters: [Cluster; 2],
    hub: Arc<Hub>,
}

pub struct Node {
    pub me: RegionId,
    pub store: Arc<Memory>,
    pub writer: Arc<Writer>,
    pub registry: Registry,
    pub source: Arc<Source>,
    _replication: Arc<Replication>,
    scope: Scope,
}

impl World {
    pub fn new(clusters: [Cluster; 2]) -> Self {
        let env = Env::real();
        Self { hub: Hub::with_shards(env.clone(), SHARDS), env, clusters }
    }

    /// Two regions that take commands.
    pub async fn nodes(&self) -> [Node; 2] {
        let [a, b] = [0, 1].map(|at| self.start(at, Arc::new(Memory::default())));
        let nodes = [a.await, b.await];
        self.until("both gates are open", || nodes.iter().all(Node::is_open)).await;
        self.until("each follows the other", || nodes.iter().all(|node| node.metric("sterna_replicate_connected") == 1.0)).await;
        nodes
    }

    pub async fn start(&self, at: usize, store: Arc<Memory>) -> Node {
        self.start_with(at, store, |stream| stream).await
    }

    /// With something between the region and its stream.
    pub async fn start_with<S: Stream + 'static>(
        &self,
        at: usize,
        store: Arc<Memory>,
        between: impl FnOnce(Arc<Fluvio>) -> Arc<S>,
    ) -> Node {
        let (model, diagnostics) = sterna_model::parse(MODEL);
        let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
        let members = NAMES.iter().map(|&name| name.into()).collect();
        let options = OpenOptions { name: NAMES[at].into(), members, shards: SHARDS, model: model.into(), copied: false };
        let region = Region::open(self.env.clone(), store.clone(), options).await.expect("the store is empty or fits");
        let scope = Scope::new(self.env.clone());
        let writer = Writer::start(region, &scope, None).await.expect("the store can be read");
        let source = Source::new(writer.region().clone(), writer.logs().clone());
        let me = writer.region().me;
        let registry = Registry::new();
        self.hub.serve(me, source.clone() as Arc<dyn LogSource>);
        let stream = between(Fluvio::open(self.env.clone(), self.options(at, &registry)).await.expect("the topic fits"));
        let replication = Replication::start(Options {
            writer: writer.clone(),
            source: source.clone(),
            stream,
            repair: self.hub.repair(me),
            scope: &scope,
            registry: Some(&registry),
        });
        Node { me, store, writer, registry, source, _replication: replication, scope }
    }

    pub fn options<'a>(&self, at: usize, registry: &'a Registry) -> sterna_stream_fluvio::Options<'a> {
        sterna_stream_fluvio::Options {
            me: RegionId(at as u16),
            membership: Arc::new(Membership::first(NAMES.map(Name::from), SHARDS)),
            own: address(&self.clusters[at]),
            peers: vec![(RegionId(1 - at as u16), address(&self.clusters[1 - at]))],
            topic: "sterna".to_owned(),
            retention: Retention::default(),
            compression: Compression::Lz4,
            replicas: 1,
            registry: Some(registry),
        }
    }

    pub async fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let waiting = async {
            while !holds() {
                self.env.sleep(Duration::from_millis(10)).await;
            }
        };
        self.env.timeout(PATIENCE, waiting).await.unwrap_or_else(|| panic!("it did not come that {what}"));
    }

    /// `follower` has applied all that `origin` has written.
    pub fn has_all(&self, origin: &Node, follower: &Node) -> bool {
        let [there, here] = [origin, follower].map(|node| &node.writer.region().board);
        here.shards().all(|shard| here.applied(shard).get(origin.me) == there.applied(shard).get(origin.me))
    }

    /// Waits until each of the nodes has applied all that each has written.
    pub async fn settled(&self, nodes: &[Node]) {
        self.until("all regions have everything", || nodes.iter().all(|node| nodes.iter().all(|other| self.has_all(other, node)))).await;
    }
}

impl Node {
    /// Ends it at once: tasks are dropped wherever they are. What is durable stays.
    pub async fn kill(self) -> Arc<Memory> {
        let Self { store, writer, source, _replication, scope, .. } = self;
        scope.ask_to_stop();
        drop((writer, source, _replication));
        scope.stop().await;
        Arc::new(store.copy())
    }

    /// Waits until it has written down where in `origin`'s topic the ends of its copies are.
    pub async fn kept_places(&self, origin: &Node) {
        let region = self.writer.region();
        let env = Env::real();
        let kept = async {
            for shard in region.board.shards() {
                let key = keys::follower::key(&format!("stream/{}", region.membership.name(origin.me)), shard);
                let end = region.board.copied(shard).get(origin.me).to_bytes();
                // A version and the position come first.
                let fits = |place: Bytes| place.get(1..=end.len()) == Some(&end[..]);
                let kept = async || {
                    let snapshot = self.store.snapshot().await.expect("the store can be read");
                    sterna_store::get(&*snapshot, &key).await.expect("the store can be read").is_some_and(fits)
                };
                while !kept().await {
                    env.sleep(Duration::from_millis(100)).await;
                }
            }
        };
        env.timeout(PATIENCE, kept).await.expect("places are kept");
    }

    pub fn is_open(&self) -> bool {
        self.writer.region().gate() == Gate::Open
    }

    /// Adds one `sku` to a cart.
    pub async fn add(&self, cart: &str, sku: &str) {
        self.command(cart, "add", json!({ "sku": sku })).await;
    }

    /// Writes something of any length into a cart.
    #[allow(dead_code, reason = "for the figures")]
    pub async fn remark(&self, cart: &str, text: &str) {
        self.command(cart, "remark", json!({ "text": text })).await;
    }

    async fn command(&self, cart: &str, name: &str, args: Value) {
        let command = Command {
            aggregate: AggregateId { kind: "cart".into(), id: cart.into() },
            name: name.into(),
            args: args.to_string().into(),
            key: None,
            if_match: None,
            token: None,
            wait: Duration::ZERO,
            actor: "".into(),
            trace: "".into(),
            represent: false,
            cause: None,
        };
        self.writer.execute(command).await.expect("it is valid");
    }

    /// How many of each item a cart has.
    pub async fn items(&self, cart: &str) -> serde_json::Map<String, Value> {
        let aggregate = [AggregateId { kind: "cart".into(), id: cart.into() }];
        let found = self.writer.states().get_many(&aggregate).await.expect("the store can be read");
        let Some(state) = found[0].clone() else { return serde_json::Map::new() };
        let region = self.writer.region();
        let model = region.model();
        let json = sterna_write::document_json(model.aggregate("cart").expect("it is declared"), cart, &state, &region.membership);
        let mut document: Value = serde_json::from_str(&json).expect("a document is JSON");
        match document["state"]["items"].take() {
            Value::Object(items) => items,
            other => panic!("{other}"),
        }
    }

    /// The sum over a metric's labels.
    pub fn metric(&self, name: &str) -> f64 {
        let family = self.registry.gather().into_iter().find(|family| family.name() == name);
        family.map_or(0.0, |family| family.get_metric().iter().map(|m| m.get_counter().get_value() + m.get_gauge().get_value()).sum())
    }
}
