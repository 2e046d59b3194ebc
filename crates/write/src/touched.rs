//! Aggregates with bounded counters that were written lately: whoever moves rights looks at them.

use crate::limits::TOUCHED_MAX;
use parking_lot::Mutex;
use sterna_env::HashMap;
use sterna_log::AggregateId;
use tokio::sync::Notify;

/// What does not fit is left out: rights are also moved when somebody lacks them.
#[derive(Default)]
pub struct Touched {
    ids: Mutex<HashMap<AggregateId, bool>>,
    added: Notify,
}

impl Touched {
    pub(crate) fn add(&self, id: AggregateId, here: bool) {
        let mut ids = self.ids.lock();
        if ids.len() < TOUCHED_MAX || ids.contains_key(&id) {
            *ids.entry(id).or_default() |= here;
            self.added.notify_one();
        }
    }

    /// Those since the last time, in order, and whether commands of this region wrote them; waits until there is one.
    pub async fn take(&self) -> Vec<(AggregateId, bool)> {
        loop {
            let mut ids: Vec<(AggregateId, bool)> = std::mem::take(&mut *self.ids.lock()).into_iter().collect();
            if !ids.is_empty() {
                ids.sort_unstable();
                return ids;
            }
            self.added.notified().await;
        }
    }
}
