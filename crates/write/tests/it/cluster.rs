//! Regions on memory stores, and frames between them.

use std::sync::Arc;
use std::time::Duration;
use sterna_crdt::RegionId;
use sterna_env::{Env, Scope};
use sterna_log::{AggregateId, Frame, FrameEntry, LogId, Position, ShardId};
use sterna_model::Model;
use sterna_store::{Limits, Memory, Store};
use sterna_write::{Accepted, Command, Gate, MergeError, Merged, OpenError, OpenOptions, Refused, Region, Stores, Writer};

pub const MODEL: &str = r#"
version = 1

[aggregate.cart.fields]
items   = { map = "counter" }
coupons = { set = "string" }
note    = "string?"
address = { register = "string", on_conflict = "keep" }
gifts   = { map = { register = "string", on_conflict = "keep" } }

[aggregate.cart.commands.add_item]
args    = { sku = "string", quantity = { int = { min = 1, max = 100 } } }
effects = [{ add = "args.quantity", to = "items", key = "args.sku" }]

[aggregate.cart.commands.remove_item]
args    = { sku = "string" }
require = [{ that = "args.sku in state.items", code = "not-in-cart", else = "there is no such item in the cart" }]
effects = [{ remove_key = "args.sku", from = "items" }]

[aggregate.cart.commands.annotate]
args    = { note = "string" }
effects = [{ set = "args.note", to = "note" }]

[aggregate.cart.commands.ship_to]
args    = { address = "string" }
effects = [{ set = "args.address", to = "address" }]

[aggregate.cart.commands.give]
args    = { sku = "string", to = "string" }
effects = [{ set = "args.to", to = "gifts", key = "args.sku" }]

[aggregate.cart.commands.open]
on      = "absent"
effects = [{ set = "'new'", to = "note" }]
"#;

pub struct TestRegion {
    pub writer: Arc<Writer>,
    pub scope: Scope,
}

pub async fn open(name: &str, members: &[&str], store: Arc<dyn Store>) -> TestRegion {
    open_with(name, members, store, MODEL).await.expect("the store is empty or fits")
}

pub fn model(text: &str) -> Model {
    let (model, diagnostics) = sterna_model::parse(text);
    model.unwrap_or_else(|| panic!("{diagnostics:?}"))
}

pub async fn open_with(name: &str, members: &[&str], stores: impl Into<Stores>, text: &str) -> Result<TestRegion, OpenError> {
    open_counted(name, members, stores, text, None).await
}

/// With its metrics.
pub async fn open_counted(
    name: &str,
    members: &[&str],
    stores: impl Into<Stores>,
    text: &str,
    registry: Option<&prometheus::Registry>,
) -> Result<TestRegion, OpenError> {
    let model = model(text);
    let env = Env::real();
    let options = OpenOptions {
        name: name.into(),
        members: members.iter().map(|&m| m.into()).collect(),
        shards: 4,
        model: model.into(),
        copied: false,
    };
    let region = Region::open(env.clone(), stores, options).await?;
    let scope = Scope::new(env);
    let writer = Writer::start(region, &scope, registry).await.expect("the store can be read");
    writer.region().set_gate(Gate::Open);
    Ok(TestRegion { writer, scope })
}

pub fn memory(sole_writer: bool) -> Arc<dyn Store> {
    Arc::new(Memory::new(Limits { sole_writer, ..Limits::default() }, 10_000))
}

pub async fn regions(names: &[&str]) -> Vec<TestRegion> {
    let mut regions = Vec::new();
    for name in names {
        regions.push(open(name, names, memory(true)).await);
    }
    regions
}

pub fn cart(id: &str) -> AggregateId {
    AggregateId { kind: "cart".into(), id: id.into() }
}

pub fn command(id: &str, name: &str, args: &str, key: Option<&str>) -> Command {
    Command {
        aggregate: cart(id),
        name: name.into(),
        args: args.to_owned().into(),
        key: key.map(Into::into),
        if_match: None,
        token: None,
        wait: Duration::from_millis(50),
        actor: "".into(),
        trace: "".into(),
        represent: true,
        cause: None,
    }
}

impl TestRegion {
    pub async fn run(&self, id: &str, name: &str, args: &str, key: Option<&str>) -> Result<Accepted, Refused> {
        self.writer.execute(command(id, name, args, key)).await
    }

    pub async fn state(&self, id: &str) -> serde_json::Value {
        let found = self.writer.states().get_many(&[cart(id)]).await.expect("the store can be read");
        let Some(aggregate) = found[0].clone() else { return serde_json::Value::Null };
        let region = self.writer.region();
        let model = region.model();
        let json = sterna_write::document_json(model.aggregate("cart").expect("it is declared"), id, &aggregate, &region.membership);
        serde_json::from_str(&json).expect("a document is JSON")
    }

    /// The length of an aggregate's tail.
    pub async fn open(&self, id: &str) -> usize {
        let found = self.writer.states().get_many(&[cart(id)]).await.expect("the store can be read");
        found[0].as_ref().map_or(0, |aggregate| aggregate.open())
    }

    pub async fn ledger(&self) -> Vec<serde_json::Value> {
        self.writer.conflicts(None, 1_000, &sterna_write::LedgerFilter::default()).await.expect("the store can be read").rows
    }

    pub fn me(&self) -> RegionId {
        self.writer.region().me
    }

    /// This region's copy of a log behind `after`, with a heartbeat of itself if it is its own.
    pub async fn frame(&self, log: LogId, after: Position) -> Frame {
        let region = self.writer.region();
        let applied = region.board.applied(log.shard);
        let until = if log.origin == self.me() { applied.get(self.me()) } else { region.board.copied(log.shard).get(log.origin) };
        let entries = self.writer.logs().read(log, after, until, 1 << 20).await.expect("the store can be read");
        Frame {
            log,
            after,
            entries: entries.into_iter().map(|e| FrameEntry { position: e.position, bytes: e.bytes }).collect(),
            sealed: until,
            applied: if log.origin == self.me() { applied } else { Default::default() },
            incarnation: region.life().incarnation,
            models: Vec::new(),
            membership_number: 1,
            membership_hash: region.membership.hash(),
            sent_ms: region.env.wall_ms(),
        }
    }

    /// Takes what `from` has of `origin`'s logs.
    pub async fn pull(&self, from: &TestRegion, origin: RegionId) -> Vec<Result<Merged, MergeError>> {
        let mut results = Vec::new();
        for shard in (0..4).map(ShardId) {
            let log = LogId { origin, shard };
            let after = self.writer.region().board.copied(shard).get(origin);
            results.push(self.writer.merge(from.frame(log, after).await).await);
        }
        results
    }
}

/// Everybody pulls from everybody until all have everything and know it.
pub async fn converge(regions: &[TestRegion]) {
    for _ in 0..4 {
        for to in regions {
            for from in regions.iter().filter(|r| r.me() != to.me()) {
                for result in to.pull(from, from.me()).await {
                    result.expect("frames come without holes");
                }
            }
        }
    }
}
