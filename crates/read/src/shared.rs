//! What the projector tells readers.

use crate::feed::Hub;
use crate::layouts::Layouts;
use crate::metrics::Metrics;
use crate::view::Generation;
use parking_lot::Mutex;
use std::sync::Arc;
use sterna_crdt::Name;
use sterna_env::HashMap;
use sterna_env::{Instant, Scope};
use sterna_log::{Applied, Progress, ShardId};
use sterna_model::Model;
use sterna_store::Store;
use sterna_write::Region;
use tokio::sync::{mpsc, oneshot, watch};

/// What readers share with the projector.
pub(crate) struct Shared {
    pub region: Arc<Region>,
    pub store: Arc<dyn Store>,
    pub scope: Scope,
    pub metrics: Metrics,
    pub feed: Hub,
    pub orders: mpsc::Sender<Order>,
    /// What is committed to the read store.
    pub progress: watch::Sender<Progress>,
    /// By shard: at least what anything in the read store was made from. Raised before a commit.
    ceilings: Vec<Mutex<Applied>>,
    plan: watch::Sender<Arc<Plan>>,
    pulse: Mutex<Pulse>,
}

/// What queries are answered by.
pub(crate) struct Plan {
    pub model: Arc<Model>,
    pub layouts: Layouts,
    /// In order of the model.
    pub views: Vec<Planned>,
}

pub(crate) struct Planned {
    pub name: Name,
    pub live: Option<Arc<Generation>>,
    pub building: Option<u32>,
}

/// How the projector does.
#[derive(Clone)]
pub(crate) struct Pulse {
    /// When the projector last had everything that the region had applied.
    pub caught_up: Instant,
    /// By how much the count of applied events was ahead of that of projected ones then.
    pub ahead: i64,
    /// By generation.
    pub failed: HashMap<u32, i64>,
    /// By generation: documents or events that its building has read.
    pub read: HashMap<u32, u64>,
}

/// A command to the projector.
pub(crate) enum Order {
    /// Answered with the new generation, `None` if there is no such view, or what failed.
    Rebuild { view: Name, reply: oneshot::Sender<Result<Option<u32>, String>> },
}

/// What [`Shared`] is made of.
pub(crate) struct Parts {
    pub region: Arc<Region>,
    pub store: Arc<dyn Store>,
    pub scope: Scope,
    pub metrics: Metrics,
    pub feed: Hub,
    pub orders: mpsc::Sender<Order>,
    pub plan: Plan,
    pub progress: Progress,
    pub failed: HashMap<u32, i64>,
}

impl Shared {
    pub fn new(parts: Parts) -> Self {
        let Parts { region, store, scope, metrics, feed, orders, plan, progress, failed } = parts;
        let caught_up = region.env.now();
        // What was projected before this process began may have been ahead of its progress, but not of the region's.
        let ceilings = region.board.shards().map(|shard| {
            let mut ceiling = region.board.applied(shard);
            ceiling.join(&progress.shard(shard));
            Mutex::new(ceiling)
        });
        Self {
            ceilings: ceilings.collect(),
            progress: watch::Sender::new(progress),
            plan: watch::Sender::new(Arc::new(plan)),
            pulse: Mutex::new(Pulse { caught_up, ahead: 0, failed, read: HashMap::default() }),
            region,
            store,
            scope,
            metrics,
            feed,
            orders,
        }
    }

    pub fn plan(&self) -> Arc<Plan> {
        self.plan.borrow().clone()
    }

    pub fn plans(&self) -> watch::Receiver<Arc<Plan>> {
        self.plan.subscribe()
    }

    pub fn set_plan(&self, plan: Plan) {
        self.plan.send_replace(Arc::new(plan));
    }

    /// At least what an answer was made from, if this is asked after the answer's snapshot was taken.
    pub fn ceiling(&self, shard: ShardId) -> Applied {
        self.ceilings[usize::from(shard.0)].lock().clone()
    }

    pub fn raise_ceiling(&self, shard: ShardId, applied: &Applied) {
        self.ceilings[usize::from(shard.0)].lock().join(applied);
    }

    pub fn pulse(&self) -> Pulse {
        self.pulse.lock().clone()
    }

    pub fn with_pulse(&self, change: impl FnOnce(&mut Pulse)) {
        change(&mut self.pulse.lock());
    }

    /// Whether everything that the region has applied is projected.
    pub fn is_caught_up(&self) -> bool {
        let progress = self.progress.borrow();
        let board = &self.region.board;
        board.shards().all(|shard| progress.shard(shard).covers(&board.applied(shard)))
    }

    /// Events that were applied and are not projected, about.
    pub fn backlog_events(&self) -> u64 {
        let ahead = self.region.board.events() as i64 - self.metrics.events.get() as i64;
        u64::try_from(ahead - self.pulse.lock().ahead).unwrap_or(0)
    }

    /// How long ago live views had everything that the region had applied.
    pub fn staleness_seconds(&self) -> f64 {
        if self.is_caught_up() { 0.0 } else { (self.region.env.now() - self.pulse.lock().caught_up).as_secs_f64() }
    }
}

impl Plan {
    pub fn view(&self, name: &str) -> Option<&Planned> {
        let name = &self.model.view(name)?.name;
        self.views.iter().find(|view| view.name == *name)
    }
}
