//! Where entries were inserted into the past of this region's own log.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use sterna_log::{Position, ShardId};
use tokio::sync::watch;

pub(crate) struct Rewinds {
    to: Mutex<BTreeMap<ShardId, Position>>,
    changed: watch::Sender<()>,
}

impl Default for Rewinds {
    fn default() -> Self {
        Self { to: Mutex::default(), changed: watch::Sender::new(()) }
    }
}

impl Rewinds {
    /// What lies behind `position` is to be read again.
    pub fn rewind(&self, shard: ShardId, position: Position) {
        let mut to = self.to.lock();
        let slot = to.entry(shard).or_insert(position);
        *slot = position.min(*slot);
        drop(to);
        self.changed.send_modify(|()| {});
    }

    pub fn take(&self, shard: ShardId) -> Option<Position> {
        self.to.lock().remove(&shard)
    }

    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}
