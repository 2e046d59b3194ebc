//! Suspicions that this store is an old copy of itself.

use crate::limits::CLAIMS_MAX;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use sterna_log::{Position, ShardId};
use tokio::sync::mpsc;

/// Somebody says to have more of this region's log of a shard, up to `position` where it is known. It may be wrong: it is looked into,
/// never believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Claim {
    pub shard: ShardId,
    pub position: Option<Position>,
}

pub(crate) struct Claims {
    sender: mpsc::Sender<Claim>,
    receiver: Mutex<Option<mpsc::Receiver<Claim>>>,
    /// Where this region's older epochs end.
    old_ends: Mutex<BTreeMap<ShardId, Position>>,
}

impl Claims {
    pub fn make(&self, claim: Claim) {
        // When the channel is full there is work enough, and whoever claims will claim again.
        self.sender.try_send(claim).ok();
    }

    /// A peer has applied this much of this region's log, whose end and whose current epoch are these. Unknown as long as the recovery
    /// at the start asks anyway.
    pub fn check(&self, shard: ShardId, theirs: Position, end: Position, epoch: u64) {
        let lost = match self.old_ends.lock().get(&shard) {
            None => false,
            Some(old_end) => theirs > end || theirs.epoch < epoch && theirs > *old_end,
        };
        if lost {
            self.make(Claim { shard, position: Some(theirs) });
        }
    }

    pub fn set_old_end(&self, shard: ShardId, end: Position) {
        self.old_ends.lock().insert(shard, end);
    }

    pub fn old_end(&self, shard: ShardId) -> Position {
        self.old_ends.lock().get(&shard).copied().unwrap_or_default()
    }

    /// The other end, once.
    pub fn take(&self) -> Option<mpsc::Receiver<Claim>> {
        self.receiver.lock().take()
    }
}

impl Default for Claims {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(CLAIMS_MAX);
        Self { sender, receiver: Mutex::new(Some(receiver)), old_ends: Mutex::default() }
    }
}
