//! Aggregates as last committed.

use crate::aggregate::load;
use crate::changes::Changes;
use crate::limits::{CACHE_AGGREGATES_MAX, CACHE_USES_MAX};
use crate::{Aggregate, Region, Taken};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use sterna_env::HashMap;
use sterna_log::{AggregateId, Applied, Progress, ShardId, shard_of};
use sterna_store::ReadError;

/// Reads aggregates: from the shards' caches where this process is the store's only writer, else from the store, where the caches save decoding
/// what nobody wrote since, and reading its tail. Only what is durable is ever seen.
pub struct States {
    region: Arc<Region>,
    /// What this process committed last is current.
    sole_writer: bool,
    shards: Vec<Mutex<Cache>>,
}

#[derive(Default)]
struct Cache {
    held: HashMap<AggregateId, Held>,
    order: VecDeque<AggregateId>,
    changes: Changes,
}

struct Held {
    aggregate: Arc<Aggregate>,
    /// How often it was written since it came; less one each time it was passed over.
    uses: u8,
}

impl States {
    pub fn new(region: Arc<Region>) -> Self {
        let shards = (0..region.shards()).map(|_| Mutex::default()).collect();
        Self { sole_writer: region.stores.sole_writer(), shards, region }
    }

    /// In the order of `ids`; `None` for one that never had an event.
    pub async fn get_many(&self, ids: &[AggregateId]) -> Result<Vec<Option<Arc<Aggregate>>>, ReadError> {
        let mut found: Vec<Option<Arc<Aggregate>>> = ids.iter().map(|id| self.cached(self.shard(id), id)).collect();
        let missing: Vec<usize> = (0..ids.len()).filter(|&at| !self.sole_writer || found[at].is_none()).collect();
        for (store, shards) in self.region.stores.parts(self.region.shards()) {
            let missing: Vec<usize> = missing.iter().copied().filter(|&at| shards.contains(&self.shard(&ids[at]).0)).collect();
            if missing.is_empty() {
                continue;
            }
            let wanted: Vec<(ShardId, &AggregateId)> = missing.iter().map(|&at| (self.shard(&ids[at]), &ids[at])).collect();
            let known: Vec<_> = missing.iter().map(|&at| found[at].take()).collect();
            let snapshot = store.snapshot().await?;
            for (at, loaded) in missing.into_iter().zip(load(&*snapshot, &wanted, &known, &self.region.model()).await?) {
                found[at] = loaded;
            }
        }
        Ok(found)
    }

    /// As this process knows it; others may have written it since, if there are others.
    pub(crate) fn cached(&self, shard: ShardId, id: &AggregateId) -> Option<Arc<Aggregate>> {
        let cache = self.shards[usize::from(shard.0)].lock();
        Some(Arc::clone(&cache.held.get(id)?.aggregate))
    }

    /// What became of these aggregates since they were taken the last time, and of what is `projected`. Whoever takes projects, or gives up.
    pub fn take_changes(&self, ids: &[AggregateId], projected: &Progress) -> Vec<Taken> {
        let projected: Vec<Applied> = self.region.board.shards().map(|shard| projected.shard(shard)).collect();
        if self.sole_writer {
            self.shards.iter().for_each(|cache| cache.lock().changes.ask());
        }
        let take = |id: &AggregateId| {
            let shard = usize::from(self.shard(id).0);
            let Cache { held, changes, .. } = &mut *self.shards[shard].lock();
            changes.take(id, held.get(id).map(|held| &held.aggregate), &projected[shard])
        };
        ids.iter().map(take).collect()
    }

    /// What was taken is not projected.
    pub fn give_up_changes(&self) {
        self.shards.iter().for_each(|cache| cache.lock().changes.give_up());
    }

    /// A commit of the shard begins. What this returns is for [`Self::commit_ended`].
    pub(crate) fn commit_begins(&self, shard: ShardId) -> Option<u64> {
        self.shards[usize::from(shard.0)].lock().changes.wanted()
    }

    /// Before what it did is put here, and on the board.
    pub(crate) fn commit_ended(&self, shard: ShardId, wanted: Option<u64>) {
        if let Some(round) = wanted {
            self.shards[usize::from(shard.0)].lock().changes.begin(round, self.region.board.applied(shard));
        }
    }

    pub(crate) fn put(&self, shard: ShardId, id: AggregateId, before: &Arc<Aggregate>, aggregate: Arc<Aggregate>) {
        let mut cache = self.shards[usize::from(shard.0)].lock();
        cache.changes.note(&id, before, &aggregate);
        cache.put(id, aggregate);
    }

    pub(crate) fn forget(&self, shard: ShardId) {
        *self.shards[usize::from(shard.0)].lock() = Cache::default();
    }

    fn shard(&self, id: &AggregateId) -> ShardId {
        shard_of(&id.kind, &id.id, self.shards.len() as u16)
    }
}

impl Cache {
    /// What makes room is the oldest that was not written again, or was passed over as often (generalized clock: Smith, "Sequentiality and
    /// prefetching in database systems", 1978). What is only read was written just before.
    fn put(&mut self, id: AggregateId, aggregate: Arc<Aggregate>) {
        if let Some(held) = self.held.get_mut(&id) {
            held.aggregate = aggregate;
            held.uses = (held.uses + 1).min(CACHE_USES_MAX);
            return;
        }
        self.order.push_back(id.clone());
        self.held.insert(id, Held { aggregate, uses: 0 });
        while self.held.len() > CACHE_AGGREGATES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            match self.held.get_mut(&oldest) {
                Some(held) if held.uses > 0 => {
                    held.uses -= 1;
                    self.order.push_back(oldest);
                }
                _ => _ = self.held.remove(&oldest),
            }
        }
    }
}
