//! One follower of one log.

use super::Hub;
use super::channel::Gone;
use crate::{FollowError, Follower};
use std::collections::BTreeMap;
use std::sync::Arc;
use sterna_crdt::RegionId;
use sterna_env::{Boxed, Instant};
use sterna_log::{Frame, LogId, Position};
use tokio::sync::watch;

pub(super) struct HubFollower {
    hub: Arc<Hub>,
    me: RegionId,
    log: LogId,
    /// Up to which frame of the channel was taken.
    cursor: u64,
    /// Frames that end here or before are not delivered.
    after: Position,
    /// What is under way, by arrival; the number tells arrivals of one instant apart.
    arriving: BTreeMap<(Instant, u64), Arc<Frame>>,
    taken: u64,
    changes: watch::Receiver<u64>,
}

impl HubFollower {
    pub(super) fn new(hub: Arc<Hub>, me: RegionId, log: LogId, cursor: u64, after: Position) -> Self {
        let changes = hub.changes.subscribe();
        Self { hub, me, log, cursor, after, arriving: BTreeMap::new(), taken: 0, changes }
    }

    /// Takes all that was published and rolls for each frame when it arrives.
    fn take(&mut self) -> Result<(), FollowError> {
        let now = self.hub.env.now();
        let mut state = self.hub.state.lock();
        let state = &mut *state;
        state.check_link(self.log.origin, self.me)?;
        let channel = state.channels.entry(self.log).or_default();
        while let Some((number, frame)) = channel.next(self.cursor).map_err(|Gone| FollowError::Expired(self.after))? {
            self.cursor = number;
            if !frame.is_heartbeat() && frame.end() <= self.after {
                continue;
            }
            for delay in state.faults.deliveries(&mut state.dice, &mut state.troubles) {
                self.taken += 1;
                self.arriving.insert((now + delay, self.taken), frame.clone());
            }
        }
        Ok(())
    }

    fn arrived(&mut self) -> Option<Frame> {
        let first = self.arriving.first_entry()?;
        (first.key().0 <= self.hub.env.now()).then(|| Arc::unwrap_or_clone(first.remove()))
    }

    async fn wait(&mut self) {
        let Some((&(due, _), _)) = self.arriving.first_key_value() else {
            self.changes.changed().await.ok();
            return;
        };
        let pause = due.saturating_duration_since(self.hub.env.now());
        self.hub.env.timeout(pause, self.changes.changed()).await;
    }
}

impl Follower for HubFollower {
    fn next(&mut self) -> Boxed<'_, Result<Frame, FollowError>> {
        Box::pin(async move {
            loop {
                self.changes.borrow_and_update();
                self.take()?;
                if let Some(frame) = self.arrived() {
                    return Ok(frame);
                }
                self.wait().await;
            }
        })
    }
}
