//! The memory engine: several regions of one process share a hub.
//!
//! No threads, no clock of its own, and all chance comes from the seed of its [`Faults`]: the same calls in the same order give
//! the same deliveries.

mod channel;
mod faults;
mod follower;
mod log;

pub use channel::Retention;
pub use faults::{Faults, Troubles};
pub use log::MemoryLog;

use crate::{FollowError, Follower, LogSource, PublishError, Repair, Stream};
use bytes::Bytes;
use channel::Channel;
use faults::Dice;
use follower::HubFollower;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use sterna_crdt::RegionId;
use sterna_env::{Boxed, Env};
use sterna_log::{Frame, LogId, Position};
use tokio::sync::watch;

/// About as many bytes of entries as one repair answers with.
const FETCH_BYTES: usize = 1 << 20;

/// Where regions of one process meet. Frames are kept for each log, up to its [`Retention`].
pub struct Hub {
    env: Env,
    shards: u16,
    state: Mutex<State>,
    /// Counts changes; followers wait for the next one.
    changes: watch::Sender<u64>,
}

struct State {
    channels: BTreeMap<LogId, Channel>,
    sources: BTreeMap<RegionId, Arc<dyn LogSource>>,
    /// `(from, to)`: nothing gets from the first to the second.
    cuts: BTreeSet<(RegionId, RegionId)>,
    retention: Retention,
    faults: Faults,
    dice: Dice,
    troubles: Troubles,
}

impl Hub {
    /// A hub that knows every shard.
    pub fn new(env: Env) -> Arc<Self> {
        Self::with_shards(env, u16::MAX)
    }

    pub fn with_shards(env: Env, shards: u16) -> Arc<Self> {
        let faults = Faults::default();
        let state = State {
            channels: BTreeMap::new(),
            sources: BTreeMap::new(),
            cuts: BTreeSet::new(),
            retention: Retention::default(),
            dice: Dice::new(faults.seed),
            faults,
            troubles: Troubles::default(),
        };
        Arc::new(Self { env, shards, state: Mutex::new(state), changes: watch::Sender::new(0) })
    }

    /// The stream as `me` sees it.
    pub fn region(self: &Arc<Self>, me: RegionId) -> Arc<dyn Stream> {
        Arc::new(HubRegion { hub: self.clone(), me, is_shared: false })
    }

    /// The stream as one of several processes of `me` sees it, of which one publishes.
    pub fn shared_region(self: &Arc<Self>, me: RegionId) -> Arc<dyn Stream> {
        Arc::new(HubRegion { hub: self.clone(), me, is_shared: true })
    }

    /// Repair as `me` sees it: it reaches the sources that others have [`Hub::serve`]d.
    pub fn repair(self: &Arc<Self>, me: RegionId) -> Arc<dyn Repair> {
        Arc::new(HubRegion { hub: self.clone(), me, is_shared: false })
    }

    /// Answers repairs that ask `region` from `source`.
    pub fn serve(&self, region: RegionId, source: Arc<dyn LogSource>) {
        self.state.lock().sources.insert(region, source);
    }

    /// No longer answers for `region`: it is down. What it had published stays.
    pub fn unserve(&self, region: RegionId) {
        self.state.lock().sources.remove(&region);
    }

    /// From now on; the dice start again at the seed.
    pub fn set_faults(&self, faults: Faults) {
        let mut state = self.state.lock();
        state.dice = Dice::new(faults.seed);
        state.faults = faults;
    }

    /// What has happened to frames until now.
    pub fn troubles(&self) -> Troubles {
        self.state.lock().troubles
    }

    pub fn set_retention(&self, retention: Retention) {
        self.state.lock().retention = retention;
    }

    /// Nothing that `from` publishes reaches `to`, until [`Hub::heal`].
    pub fn cut(&self, from: RegionId, to: RegionId) {
        self.state.lock().cuts.insert((from, to));
        self.changed();
    }

    /// Mends what [`Hub::cut`] cut, in this direction.
    pub fn heal(&self, from: RegionId, to: RegionId) {
        self.state.lock().cuts.remove(&(from, to));
        self.changed();
    }

    fn changed(&self) {
        self.changes.send_modify(|n| *n += 1);
    }

    fn refuse_unknown(&self, log: LogId) -> Result<(), FollowError> {
        if log.shard.0 >= self.shards {
            return Err(FollowError::Refused(format!("there is no shard {}, the cluster has {}", log.shard.0, self.shards)));
        }
        Ok(())
    }
}

impl State {
    fn check_link(&self, from: RegionId, to: RegionId) -> Result<(), FollowError> {
        if self.cuts.contains(&(from, to)) {
            return Err(FollowError::Unreachable(format!("the link from region {} to region {} is cut", from.0, to.0)));
        }
        Ok(())
    }
}

struct HubRegion {
    hub: Arc<Hub>,
    me: RegionId,
    is_shared: bool,
}

impl Stream for HubRegion {
    fn publish(&self, frame: Frame) -> Boxed<'_, Result<(), PublishError>> {
        Box::pin(async move {
            if frame.log.origin != self.me || frame.log.shard.0 >= self.hub.shards {
                return Err(PublishError::Unavailable(format!("region {} does not write log {:?}", self.me.0, frame.log)));
            }
            let mut state = self.hub.state.lock();
            let retention = state.retention;
            state.channels.entry(frame.log).or_default().push(frame, retention);
            drop(state);
            self.hub.changed();
            Ok(())
        })
    }

    fn follow(&self, log: LogId, after: Position) -> Boxed<'_, Result<Box<dyn Follower>, FollowError>> {
        Box::pin(async move {
            self.hub.refuse_unknown(log)?;
            let mut state = self.hub.state.lock();
            state.check_link(log.origin, self.me)?;
            let cursor = state.channels.entry(log).or_default().cursor_behind(after)?;
            Ok(Box::new(HubFollower::new(self.hub.clone(), self.me, log, cursor, after)) as Box<dyn Follower>)
        })
    }

    fn is_shared(&self) -> bool {
        self.is_shared
    }
}

impl HubRegion {
    /// Another region, if the way there and back is whole.
    fn source(&self, of: RegionId) -> Result<Arc<dyn LogSource>, FollowError> {
        let state = self.hub.state.lock();
        state.check_link(self.me, of)?;
        state.check_link(of, self.me)?;
        state.sources.get(&of).cloned().ok_or_else(|| FollowError::Unreachable(format!("region {} is down", of.0)))
    }
}

impl Repair for HubRegion {
    fn fetch(&self, from: RegionId, log: LogId, after: Position) -> Boxed<'_, Result<Frame, FollowError>> {
        Box::pin(async move {
            self.hub.refuse_unknown(log)?;
            self.source(from)?.read(log, after, FETCH_BYTES).await
        })
    }

    fn call(&self, to: RegionId, request: Bytes) -> Boxed<'_, Result<Bytes, FollowError>> {
        Box::pin(async move {
            let answer = self.source(to)?.answer(self.me, request).await?;
            // The way back may have been cut meanwhile.
            self.source(to).map(|_| answer)
        })
    }
}
