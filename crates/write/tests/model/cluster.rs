//! Regions with real shard writers on memory stores; frames are carried by the test.

use crate::language::{REGIONS, VERSIONS, text};
use std::sync::Arc;
use std::time::Duration;
use sterna_crdt::{Dot, Name, RegionId};
use sterna_env::{Env, Scope};
use sterna_log::{AggregateId, Applied, Cause, Event, Frame, FrameEntry, LogId, Position, ShardId};
use sterna_model::Model;
use sterna_store::{Limits, Memory, Page, Snapshot, Store};
use sterna_write::keys::ledger::{LedgerRecord, prefix};
use sterna_write::keys::void;
use sterna_write::{Accepted, Aggregate, Command, Gate, OpenOptions, Refused, Region, Writer};

pub const SHARDS: u16 = 3;

pub struct Node {
    pub writer: Arc<Writer>,
    pub scope: Scope,
}

pub struct Cluster {
    pub env: Env,
    pub nodes: Vec<Node>,
    /// By version, from 1.
    models: Vec<Arc<Model>>,
}

impl Cluster {
    pub async fn open(seed: u64) -> Self {
        let env = sterna_env::testing::paused(seed);
        let mut nodes = Vec::new();
        let parse = |version| {
            let (model, diagnostics) = sterna_model::parse_with(&text(version), Some(&REGIONS));
            Arc::new(model.unwrap_or_else(|| panic!("{diagnostics:?}")))
        };
        let models: Vec<Arc<Model>> = (1..=VERSIONS).map(parse).collect();
        for name in REGIONS {
            let store: Arc<dyn Store> = Arc::new(Memory::new(Limits { sole_writer: true, ..Limits::default() }, 100_000));
            let members = REGIONS.iter().map(|&name| name.into()).collect();
            let options = OpenOptions { name: name.into(), members, shards: SHARDS, model: Arc::clone(&models[0]), copied: false };
            let region = Region::open(env.clone(), store, options).await.expect("the store is empty");
            let scope = Scope::new(env.clone());
            let writer = Writer::start(region, &scope, None).await.expect("the store can be read");
            writer.region().set_gate(Gate::Open);
            nodes.push(Node { writer, scope });
        }
        Self { env, nodes, models }
    }

    fn version(&self, region: usize) -> u32 {
        self.nodes[region].writer.region().model().version
    }

    /// The region takes the next version of the model, if all hold that: so only when nobody is behind it. True if it did.
    pub async fn upgrade(&self, region: usize) -> Result<bool, String> {
        let version = self.version(region);
        let behind = (0..self.nodes.len()).any(|other| self.version(other) < version);
        let Some(next) = self.models.get(version as usize).filter(|_| !behind) else { return Ok(false) };
        for node in &self.nodes {
            node.writer.region().offer_model(Arc::clone(next)).map_err(|error| format!("{error}: {:?}", error.mistakes))?;
        }
        self.nodes[region].writer.region().take_next_model().await.map_err(|error| error.to_string())?;
        Ok(true)
    }

    pub async fn pause(&self, ms: u64) {
        self.env.sleep(Duration::from_millis(ms)).await;
    }

    /// Until nothing is to be done without time passing: every notice is obeyed.
    pub async fn quiet(&self) -> Result<(), String> {
        for _ in 0..200 {
            self.pause(1).await;
            let mut notices = 0;
            for node in &self.nodes {
                let snapshot = node.snapshot().await;
                for shard in (0..SHARDS).map(ShardId) {
                    notices += snapshot.scan(void::all_notices(shard), Page::first(10)).await.expect("memory can be read").len();
                }
            }
            if notices == 0 {
                return Ok(());
            }
        }
        Err("notices of void causes are never obeyed".to_owned())
    }
}

/// What is run, and perhaps run again.
#[derive(Clone, Debug)]
pub struct Call {
    pub kind: Name,
    pub id: Name,
    pub name: Name,
    pub args: String,
    /// Empty: the server makes one.
    pub key: Name,
    pub cause: Option<Cause>,
}

impl Node {
    pub fn me(&self) -> RegionId {
        self.writer.region().me
    }

    pub async fn snapshot(&self) -> Box<dyn Snapshot> {
        self.writer.region().store.snapshot().await.expect("memory can be read")
    }

    /// Decides between the values of a `keep` register if it must.
    pub async fn call(&self, call: &Call) -> Result<Accepted, Refused> {
        let command = |if_match| Command {
            aggregate: AggregateId { kind: call.kind.clone(), id: call.id.clone() },
            name: call.name.clone(),
            args: call.args.clone().into(),
            key: Some(call.key.clone()).filter(|key| !key.is_empty()),
            if_match,
            token: None,
            wait: Duration::ZERO,
            actor: "".into(),
            trace: "".into(),
            represent: false,
            cause: call.cause.clone(),
        };
        match self.writer.execute(command(None)).await {
            Err(Refused::PreconditionRequired { current, .. }) => self.writer.execute(command(Some(current))).await,
            answer => answer,
        }
    }

    pub async fn aggregate(&self, kind: &str, id: &str) -> Option<Arc<Aggregate>> {
        let ids = [AggregateId { kind: kind.into(), id: id.into() }];
        self.writer.states().get_many(&ids).await.expect("memory can be read").swap_remove(0)
    }

    /// Every event that this region has applied.
    pub async fn events(&self) -> Vec<Event> {
        self.placed().await.into_iter().map(|(_, event)| event).collect()
    }

    /// With their places in their logs.
    pub async fn placed(&self) -> Vec<(Position, Event)> {
        let board = &self.writer.region().board;
        let mut events = Vec::new();
        for shard in board.shards() {
            for (origin, until) in board.applied(shard).0 {
                let log = LogId { origin, shard };
                for entry in self.writer.logs().read(log, Position::ZERO, until, usize::MAX).await.expect("memory can be read") {
                    let decoded = entry.entry().expect("it was made here");
                    events.extend((0..).map(|index| entry.at(index)).zip(decoded.events.iter().cloned()));
                }
            }
        }
        events
    }

    pub async fn ledger(&self) -> Vec<LedgerRecord> {
        let range = sterna_store::prefix_range(&prefix(None, None));
        let pairs = self.snapshot().await.scan(range, Page::first(100_000)).await.expect("memory can be read");
        pairs.iter().map(|(_, value)| LedgerRecord::decode(value).expect("it was made here")).collect()
    }

    /// Marks of void events.
    pub async fn marks(&self) -> Vec<void::Voided> {
        let mut all = Vec::new();
        for shard in (0..SHARDS).map(ShardId) {
            let pairs = self.snapshot().await.scan(void::all_news(shard), Page::first(100_000)).await.expect("memory can be read");
            all.extend(pairs.iter().map(|(_, value)| void::read_news(value).expect("it was made here")));
        }
        all
    }

    /// This region's copy of a log behind `after`: all of it, or `entries_max` entries. Only the whole of an own log says what was applied.
    pub async fn frame(&self, log: LogId, after: Position, entries_max: usize) -> Frame {
        let region = self.writer.region();
        let applied = region.board.applied(log.shard);
        let mine = log.origin == self.me();
        let until = if mine { applied.get(self.me()) } else { region.board.copied(log.shard).get(log.origin) };
        let entries = self.writer.logs().read(log, after.min(until), until, usize::MAX).await.expect("memory can be read");
        let whole = mine && entries.len() <= entries_max;
        let entries: Vec<FrameEntry> =
            entries.into_iter().take(entries_max).map(|e| FrameEntry { position: e.position, bytes: e.bytes }).collect();
        let end = entries.last().map_or(after, |e| e.position);
        Frame {
            log,
            after,
            entries,
            sealed: if whole { until } else { end },
            applied: if whole { applied } else { Applied::default() },
            incarnation: region.life().incarnation,
            models: Vec::new(),
            membership_number: 1,
            membership_hash: region.membership.hash(),
            sent_ms: if whole { region.env.wall_ms() } else { 0 },
        }
    }
}

pub fn dot_of(event: &Event) -> (Name, Name, Dot) {
    (event.kind.clone(), event.id.clone(), event.dot())
}
