//! The one task that writes the read store.
//!
//! It takes turns: a batch of events, a step of a building, a step of clearing. Each is one transaction, which fails if another
//! projector wrote since. What is kept in memory is what was committed: after a failure everything is loaded again.

mod batch;
mod build;
mod changes;
mod clear;
mod collect;
mod load;
mod part;
mod project;
mod subject;
mod verdicts;

pub(crate) use load::{Identity, no_plan, open, start_error};

use crate::cache::Cache;
use crate::document::{DocumentError, Held};
use crate::feed::Writer;
use crate::keys::{Unreadable, feed, meta};
use crate::layouts::Layouts;
use crate::limits::{BATCH_PAUSE_MAX, BATCH_PAUSE_MIN, DOCUMENT_CACHE_BYTES, LOOK_EVERY, RETRY_FIRST, RETRY_MOST};
use crate::registry::{Registry, Tracked};
use crate::shared::{Order, Plan, Planned, Shared};
use crate::view::{GroupError, Groups};
use bytes::Bytes;
use clear::Clearing;
use part::UnderWay;
use std::sync::Arc;
use std::time::Duration;
use sterna_crdt::Name;
use sterna_env::Backoff;
use sterna_env::HashMap;
use sterna_log::Progress;
use sterna_model::Model;
use sterna_store::{CommitError, ReadError, Snapshot, Transaction, Version};
use sterna_write::{Logs, States};
use tokio::sync::mpsc;
use verdicts::Verdicts;

/// Projects until its scope stops.
pub(crate) struct Projector {
    shared: Arc<Shared>,
    logs: Arc<Logs>,
    states: Arc<States>,
    orders: mpsc::Receiver<Order>,
    model: Arc<Model>,
    layouts: Layouts,
    registry: Registry,
    /// Of the registry, for this model.
    tracked: Vec<Tracked>,
    followers: Followers,
    progress: Progress,
    failed: HashMap<u32, i64>,
    feed: Writer,
    documents: Cache<Bytes, Arc<Held>>,
    groups: Groups,
    clearing: Clearing,
    verdicts: Verdicts,
    /// The last commit, while the next batch is prepared.
    under_way: Option<UnderWay>,
    /// The shard that the next batch begins with.
    turn: usize,
    /// Less than [`crate::limits::BATCH_EVENTS_MAX`] after a transaction was too large.
    events_max: usize,
    /// Less than [`crate::limits::BUILD_ROWS_MAX`] after a transaction was too large.
    build_rows_max: usize,
}

/// Which of the tracked generations follow what.
#[derive(Default)]
struct Followers {
    by_type: HashMap<Name, Vec<usize>>,
    by_event: HashMap<Name, HashMap<Name, Vec<usize>>>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ProjectError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

impl From<GroupError> for ProjectError {
    fn from(error: GroupError) -> Self {
        match error {
            GroupError::Read(error) => Self::Read(error),
            GroupError::Unreadable(error) => Self::Unreadable(error),
        }
    }
}

impl From<DocumentError> for ProjectError {
    fn from(error: DocumentError) -> Self {
        match error {
            DocumentError::Read(error) => Self::Read(error),
            DocumentError::Unreadable(error) => Self::Unreadable(error),
        }
    }
}

/// What a turn did.
enum Turn {
    /// There was nothing to do.
    Idle,
    /// There is more.
    More,
    /// Everything was projected; it took so long.
    CaughtUp(Duration),
}

impl Projector {
    pub async fn run(mut self) {
        let env = self.shared.region.env.clone();
        let mut applied = self.shared.region.board.subscribe_any();
        let mut backoff = Backoff::new(RETRY_FIRST, RETRY_MOST);
        while !self.shared.scope.is_stopping() {
            applied.borrow_and_update();
            let turn = self.turn().await;
            if turn.is_ok() {
                backoff.reset();
            }
            let pause = match turn {
                Ok(Turn::More) => None,
                Ok(Turn::CaughtUp(took)) => Some(took.clamp(BATCH_PAUSE_MIN, BATCH_PAUSE_MAX)),
                Ok(Turn::Idle) => {
                    tokio::select! {
                        biased;
                        () = self.shared.scope.stopping() => return,
                        Some(order) = self.orders.recv() => self.obey(order).await,
                        _ = applied.changed() => {}
                        () = env.sleep(LOOK_EVERY) => {}
                    }
                    None
                }
                Err(error) => Some(self.recover(&error, &mut backoff).await),
            };
            if let Some(pause) = pause {
                tokio::select! {
                    biased;
                    () = self.shared.scope.stopping() => return,
                    () = env.sleep(pause) => {}
                }
            } else {
                tokio::task::yield_now().await;
            }
        }
    }

    async fn turn(&mut self) -> Result<Turn, ProjectError> {
        while let Ok(order) = self.orders.try_recv() {
            self.obey(order).await;
        }
        if !Arc::ptr_eq(&self.model, &self.shared.region.model()) {
            self.adopt().await?;
        }
        let began = self.shared.region.env.now();
        let judged = self.judge().await?;
        let projected = self.project().await?;
        let is_full = projected.is_some_and(|events| events >= self.events_max / 2);
        if !is_full {
            self.settle().await?;
        }
        let built = self.build().await?;
        let cleared = self.clear().await?;
        let now = self.shared.region.env.now();
        let events = self.shared.region.board.events();
        if self.shared.is_caught_up() {
            let ahead = events as i64 - self.shared.metrics.events.get() as i64;
            self.shared.with_pulse(|pulse| (pulse.caught_up, pulse.ahead) = (now, ahead));
        }
        Ok(match projected {
            _ if judged || built || cleared || is_full => Turn::More,
            Some(_) => Turn::CaughtUp(now - began),
            None => Turn::Idle,
        })
    }

    async fn obey(&mut self, order: Order) {
        match order {
            Order::Rebuild { view, reply } => {
                let rebuilt = self.rebuild(&view).await;
                if let Err(error) = &rebuilt {
                    tracing::warn!(%view, %error, "a view can't be built anew");
                }
                // Whoever asked may have gone.
                let _ = reply.send(rebuilt.map_err(|error| error.to_string()));
            }
        }
    }

    async fn recover(&mut self, error: &ProjectError, backoff: &mut Backoff) -> Duration {
        self.shared.metrics.failures.inc();
        if matches!(error, ProjectError::Commit(CommitError::TooLarge)) && self.events_max.max(self.build_rows_max) > 1 {
            (self.events_max, self.build_rows_max) = ((self.events_max / 2).max(1), (self.build_rows_max / 2).max(1));
            tracing::info!(self.events_max, self.build_rows_max, "a transaction was too large: smaller ones follow");
        } else {
            tracing::warn!(%error, "projecting failed; it is tried again");
        }
        if let Err(error) = self.reload().await {
            tracing::warn!(%error, "the read store can't be read");
        }
        backoff.next(&self.shared.region.env)
    }

    /// The store with everything that was committed here.
    async fn snapshot(&mut self) -> Result<Box<dyn Snapshot>, ProjectError> {
        self.settle().await?;
        Ok(self.shared.store.snapshot().await?)
    }

    /// A transaction that conflicts with every other that a projector may have under way.
    fn transaction(&self, read_version: Version) -> Transaction {
        let mut t = Transaction::new(read_version);
        t.read_key(&meta::VIEWS).read_key(&feed::key(self.feed.tip().next));
        t
    }

    /// After the registry changed.
    fn replan(&mut self) {
        self.tracked = self.registry.tracked(&self.model);
        self.followers = Followers::of(&self.tracked);
        let views = self.model.views().iter().map(|view| {
            let live = self.tracked.iter().find(|tracked| tracked.view == view.name && tracked.built.is_none());
            let building = self.tracked.iter().find(|tracked| tracked.view == view.name && tracked.built.is_some());
            Planned {
                name: view.name.clone(),
                live: live.map(|tracked| tracked.generation.clone()),
                building: building.map(|tracked| tracked.generation.number),
            }
        });
        let plan = Plan { model: self.model.clone(), layouts: self.layouts.clone(), views: views.collect() };
        self.shared.set_plan(plan);
    }
}

impl Followers {
    fn of(tracked: &[Tracked]) -> Self {
        let mut followers = Self::default();
        for (at, tracked) in tracked.iter().enumerate() {
            match &tracked.generation.view().source {
                sterna_model::Source::Of(kind) => followers.by_type.entry(kind.clone()).or_default().push(at),
                sterna_model::Source::Events(events) => {
                    for (kind, command) in events {
                        followers.by_event.entry(kind.clone()).or_default().entry(command.clone()).or_default().push(at);
                    }
                }
            }
        }
        followers
    }

    fn of_type(&self, kind: &str) -> &[usize] {
        self.by_type.get(kind).map_or(&[], Vec::as_slice)
    }

    fn of_event(&self, kind: &str, command: &str) -> &[usize] {
        self.by_event.get(kind).and_then(|commands| commands.get(command)).map_or(&[], Vec::as_slice)
    }
}

fn new_documents() -> Cache<Bytes, Arc<Held>> {
    Cache::new(DOCUMENT_CACHE_BYTES)
}
