//! Regions that share a hub.

use prometheus::Registry;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use sterna_crdt::RegionId;
use sterna_env::{Boxed, Env, Listener, Scope, Socket, World};
use sterna_log::AggregateId;
use sterna_replicate::{Options, Replication, Source};
use sterna_store::Memory;
use sterna_stream::{Hub, LogSource};
use sterna_write::{Accepted, Command, Gate, OpenOptions, Refused, Region, Writer};

/// How long keys are kept: a test waits for longer.
pub const WINDOW_S: u64 = 600;

const MODEL: &str = r#"
version = 1
idempotency_window = "10m"

[aggregate.cart.fields]
items = { map = "counter" }
note  = "string?"

[aggregate.cart.commands.add]
args    = { sku = "string", quantity = "int" }
effects = [{ add = "args.quantity", to = "items", key = "args.sku" }]

[aggregate.cart.commands.annotate]
args    = { note = "string" }
effects = [{ set = "args.note", to = "note" }]

[aggregate.product.fields]
stock = { counter = { min = 0 } }
seats = { counter = { min = 0, max = 9 } }

[aggregate.product.commands.restock]
args    = { quantity = "int" }
effects = [{ add = "args.quantity", to = "stock" }]

[aggregate.product.commands.reserve]
args    = { quantity = "int" }
effects = [{ add = "-args.quantity", to = "stock" }]

[aggregate.product.commands.sit]
args    = { count = "int" }
effects = [{ add = "args.count", to = "seats" }]

[aggregate.payment]
home = "us"

[aggregate.payment.fields]
amount = "int?"

[aggregate.payment.commands.charge]
on      = "absent"
args    = { amount = "int" }
effects = [{ set = "args.amount", to = "amount" }]

[aggregate.account.fields]
balance = "counter"

[aggregate.account.commands.deposit]
args    = { amount = "int" }
effects = [{ add = "args.amount", to = "balance" }]

[aggregate.account.commands.debit]
args    = { amount = "int", to = "string" }
effects = [{ add = "-args.amount", to = "balance" }]

[aggregate.account.commands.bill]
args    = { amount = "int", to = "string" }
effects = [{ add = "-args.amount", to = "balance" }]

[aggregate.account.commands.credit]
args    = { amount = "int" }
require = [{ that = "id != 'closed'", code = "closed", else = "the account is closed" }]
effects = [{ add = "args.amount", to = "balance" }]

[aggregate.account.commands.refund]
args    = { amount = "int" }
effects = [{ add = "args.amount", to = "balance" }]

[reaction.credit]
on      = "account.debit"
send    = "account.credit"
to      = "args.to"
args    = { amount = "args.amount" }
refused = { send = "account.refund", to = "id", args = { amount = "args.amount" } }

[reaction.charge]
on   = "account.bill"
send = "payment.charge"
to   = "args.to"
args = { amount = "args.amount" }
"#;

pub const NAMES: [&str; 3] = ["ap", "eu", "us"];
pub const SHARDS: u16 = 4;

pub struct Cluster {
    pub env: Env,
    pub hub: Arc<Hub>,
    pub nodes: BTreeMap<&'static str, Node>,
    /// How far the regions' wall clocks are off, in milliseconds.
    clocks: BTreeMap<&'static str, Arc<AtomicI64>>,
}

/// A region whose wall clock is off.
struct Skewed {
    env: Env,
    by_ms: Arc<AtomicI64>,
}

impl World for Skewed {
    fn wall_us(&self) -> u64 {
        self.env.wall_us().saturating_add_signed(self.by_ms.load(Ordering::Relaxed) * 1000)
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        self.env.fill_random(bytes);
    }

    fn spawn(&self, task: Boxed<'static, ()>) -> tokio::task::JoinHandle<()> {
        self.env.spawn(task)
    }

    fn connect(&self, address: String) -> Boxed<'static, std::io::Result<Box<dyn Socket>>> {
        let env = self.env.clone();
        Box::pin(async move { env.connect(&address).await })
    }

    fn listen(&self, address: String) -> Boxed<'static, std::io::Result<Box<dyn Listener>>> {
        let env = self.env.clone();
        Box::pin(async move { env.listen(&address).await })
    }
}

pub struct Node {
    pub me: RegionId,
    pub store: Arc<Memory>,
    pub writer: Arc<Writer>,
    pub replication: Arc<Replication>,
    pub registry: Registry,
    scope: Scope,
}

impl Cluster {
    pub fn new(seed: u64) -> Self {
        let env = sterna_env::testing::paused(seed);
        let clocks = NAMES.iter().map(|name| (*name, Arc::default())).collect();
        Self { hub: Hub::with_shards(env.clone(), SHARDS), env, nodes: BTreeMap::new(), clocks }
    }

    /// Three regions that take commands.
    pub async fn open(seed: u64) -> Self {
        let mut cluster = Self::new(seed);
        for name in NAMES {
            cluster.start(name, Memory::default(), false).await;
        }
        cluster.until("every gate is open", |c| NAMES.iter().all(|name| c[name].is_open())).await;
        cluster
    }

    pub async fn start(&mut self, name: &'static str, store: Memory, copied: bool) {
        self.start_process(name, name, Arc::new(store), copied).await;
    }

    /// One of a region's processes, under a name of its own. Peers reach the one that was started last.
    pub async fn start_process(&mut self, process: &'static str, name: &'static str, store: Arc<Memory>, copied: bool) {
        let (model, diagnostics) = sterna_model::parse_with(MODEL, Some(&NAMES));
        let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
        let members = NAMES.iter().map(|&name| name.into()).collect();
        let options = OpenOptions { name: name.into(), members, shards: SHARDS, model: model.into(), copied };
        let env = Env::new(Skewed { env: self.env.clone(), by_ms: Arc::clone(&self.clocks[name]) });
        let region = Region::open(env.clone(), store.clone(), options).await.expect("the store is empty or fits");
        let scope = Scope::new(env);
        let registry = Registry::new();
        let writer = Writer::start(region, &scope, Some(&registry)).await.expect("the store can be read");
        let source = Source::new(writer.region().clone(), writer.logs().clone());
        let me = writer.region().me;
        self.hub.serve(me, source.clone() as Arc<dyn LogSource>);
        let replication = Replication::start(Options {
            writer: writer.clone(),
            source,
            stream: self.hub.region(me),
            repair: self.hub.repair(me),
            scope: &scope,
            registry: Some(&registry),
        });
        self.nodes.insert(process, Node { me, store, writer, replication, registry, scope });
    }

    /// Ends a region and gives what is durable.
    pub async fn stop(&mut self, name: &str) -> Memory {
        let Node { me, store, writer, replication, scope, .. } = self.nodes.remove(name).expect("it runs");
        self.hub.unserve(me);
        scope.ask_to_stop();
        drop((writer, replication));
        scope.stop().await;
        store.copy()
    }

    /// From now on its wall clock is so far ahead, or behind.
    pub fn set_clock(&self, name: &str, ahead_ms: i64) {
        self.clocks[name].store(ahead_ms, Ordering::Relaxed);
    }

    pub fn id(&self, name: &str) -> RegionId {
        RegionId(NAMES.iter().position(|n| *n == name).expect("it is a member") as u16)
    }

    pub fn cut(&self, one: &str, other: &str) {
        self.hub.cut(self.id(one), self.id(other));
        self.hub.cut(self.id(other), self.id(one));
    }

    pub fn heal(&self, one: &str, other: &str) {
        self.hub.heal(self.id(one), self.id(other));
        self.hub.heal(self.id(other), self.id(one));
    }

    pub async fn pause(&self, seconds: u64) {
        self.env.sleep(Duration::from_secs(seconds)).await;
    }

    pub async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        for _ in 0..6_000 {
            if holds(self) {
                return;
            }
            self.env.sleep(Duration::from_millis(10)).await;
        }
        panic!("within a minute it did not come that {what}: {}", self.standing());
    }

    /// What each region has applied, and what it knows of the others.
    fn standing(&self) -> String {
        let mut text = String::new();
        for (name, node) in &self.nodes {
            let region = node.writer.region();
            _ = writeln!(text, "\n{name}: {:?} {:?}", region.life(), region.gate());
            for shard in region.board.shards() {
                let known: Vec<_> = self.nodes.values().map(|other| region.board.known(shard, other.me).0).collect();
                let (copied, applied) = (region.board.copied(shard).0, region.board.applied(shard).0);
                _ = writeln!(text, "  {shard:?} copied {copied:?}\n    applied {applied:?}\n    known {known:?}");
            }
        }
        text
    }

    /// Waits until each running region has applied all that each has written, and each knows that of all.
    pub async fn settled(&self) {
        self.until("everything is settled", |c| {
            c.nodes.values().all(|node| {
                let board = &node.writer.region().board;
                board.shards().all(|shard| {
                    c.nodes.values().all(|other| {
                        let written = other.writer.region().board.applied(shard).get(other.me);
                        let knows = |third: &Node| third.me == node.me || board.known(shard, third.me).get(other.me) >= written;
                        board.applied(shard).get(other.me) == written && c.nodes.values().all(knows)
                    })
                })
            })
        })
        .await;
    }

    /// The document, which is the same in every running region.
    pub async fn document(&self, kind: &str, id: &str) -> Value {
        let mut documents = Vec::new();
        for node in self.nodes.values() {
            documents.push(node.document(kind, id).await);
        }
        assert!(documents.windows(2).all(|pair| pair[0] == pair[1]), "{kind}/{id} differs: {documents:#?}");
        documents.swap_remove(0)["state"].take()
    }
}

impl std::ops::Index<&str> for Cluster {
    type Output = Node;

    fn index(&self, name: &str) -> &Node {
        &self.nodes[name]
    }
}

impl Node {
    pub fn is_open(&self) -> bool {
        self.writer.region().gate() == Gate::Open
    }

    pub async fn run(&self, kind: &str, id: &str, name: &str, args: Value, key: Option<&str>) -> Result<Accepted, Refused> {
        let command = Command {
            aggregate: AggregateId { kind: kind.into(), id: id.into() },
            name: name.into(),
            args: args.to_string().into(),
            key: key.map(Into::into),
            if_match: None,
            token: None,
            wait: Duration::ZERO,
            actor: "".into(),
            trace: "".into(),
            represent: false,
            cause: None,
        };
        self.writer.execute(command).await
    }

    pub async fn add(&self, id: &str, sku: &str) {
        self.run("cart", id, "add", serde_json::json!({"sku": sku, "quantity": 1}), None).await.expect("it is valid");
    }

    pub async fn document(&self, kind: &str, id: &str) -> Value {
        let found =
            self.writer.states().get_many(&[AggregateId { kind: kind.into(), id: id.into() }]).await.expect("the store can be read");
        let Some(aggregate) = found[0].clone() else { return Value::Null };
        let region = self.writer.region();
        let model = region.model();
        let json = sterna_write::document_json(model.aggregate(kind).expect("it is declared"), id, &aggregate, &region.membership);
        serde_json::from_str(&json).expect("a document is JSON")
    }

    /// The sum over those of a metric that have this value of any label.
    pub fn labelled(&self, name: &str, label: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name);
        let fits = |m: &&prometheus::proto::Metric| m.get_label().iter().any(|pair| pair.value() == label);
        family.map_or(0.0, |family| family.get_metric().iter().filter(fits).map(|m| m.get_counter().get_value()).sum())
    }

    /// The sum over a metric's labels.
    pub fn metric(&self, name: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name);
        let value = |m: &prometheus::proto::Metric| m.get_counter().get_value() + m.get_gauge().get_value();
        family.map_or(0.0, |family| family.get_metric().iter().map(value).sum())
    }
}
