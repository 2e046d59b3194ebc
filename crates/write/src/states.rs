//! Aggregates as last committed.

use crate::aggregate::load;
use crate::changes::Changes;
use crate::limits::CACHE_AGGREGATES_MAX;
use crate::{Aggregate, Handed, Region};
use parking_lot::{Mutex, MutexGuard};
use std::collections::VecDeque;
use std::sync::Arc;
use sterna_env::HashMap;
use sterna_log::{AggregateId, Progress, ShardId, shard_of};
use sterna_store::ReadError;

/// Reads aggregates: from the shards' caches where this process is the store's only writer, else from the store. Only what is
/// durable is ever seen.
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
    /// It was asked for since it was last passed over.
    used: bool,
}

impl States {
    pub fn new(region: Arc<Region>) -> Self {
        let shards = (0..region.shards()).map(|_| Mutex::default()).collect();
        Self { sole_writer: region.stores.sole_writer(), shards, region }
    }

    /// In the order of `ids`; `None` for one that never had an event.
    pub async fn get_many(&self, ids: &[AggregateId]) -> Result<Vec<Option<Arc<Aggregate>>>, ReadError> {
        let mut found: Vec<Option<Arc<Aggregate>>> = ids.iter().map(|id| self.cached(self.shard(id), id)).collect();
        let missing: Vec<usize> = (0..ids.len()).filter(|&at| found[at].is_none()).collect();
        for (store, shards) in self.region.stores.parts(self.region.shards()) {
            let missing: Vec<usize> = missing.iter().copied().filter(|&at| shards.contains(&self.shard(&ids[at]).0)).collect();
            if missing.is_empty() {
                continue;
            }
            let wanted: Vec<(ShardId, &AggregateId)> = missing.iter().map(|&at| (self.shard(&ids[at]), &ids[at])).collect();
            let snapshot = store.snapshot().await?;
            for (at, loaded) in missing.into_iter().zip(load(&*snapshot, &wanted, &self.region.model()).await?) {
                found[at] = loaded.map(Arc::new);
            }
        }
        Ok(found)
    }

    pub(crate) fn cached(&self, shard: ShardId, id: &AggregateId) -> Option<Arc<Aggregate>> {
        let mut cache = self.of(shard);
        let held = cache.held.get_mut(id)?;
        held.used = true;
        Some(Arc::clone(&held.aggregate))
    }

    /// From now on [`Self::take_changes`] knows what documents of the shard are, if everything applied is `projected`.
    pub fn follow(&self, shard: ShardId, projected: &Progress) {
        let mut cache = self.of(shard);
        // A commit that has ended is on the board.
        if self.sole_writer && cache.changes.is_quiet() && projected.shard(shard).covers(&self.region.board.applied(shard)) {
            cache.changes.follow();
        }
    }

    /// What was taken is not projected: documents are unknown until the shard is followed again.
    pub fn give_up(&self, shard: ShardId) {
        self.of(shard).changes.give_up();
    }

    /// What became of these aggregates since they were taken the last time. Whoever takes projects.
    pub fn take_changes(&self, ids: &[AggregateId]) -> Vec<Handed> {
        ids.iter().map(|id| self.of(self.shard(id)).changes.take(id)).collect()
    }

    pub(crate) fn commit_begins(&self, shard: ShardId) {
        self.of(shard).changes.commit_begins();
    }

    /// It is in the states and on the board. One that failed never ends, but is forgotten.
    pub(crate) fn commit_ends(&self, shard: ShardId) {
        self.of(shard).changes.commit_ends();
    }

    pub(crate) fn put(&self, shard: ShardId, id: AggregateId, before: &Arc<Aggregate>, aggregate: Arc<Aggregate>) {
        if self.sole_writer {
            let mut cache = self.of(shard);
            cache.changes.note(&id, before, &aggregate);
            cache.put(id, aggregate);
        }
    }

    pub(crate) fn forget(&self, shard: ShardId) {
        *self.of(shard) = Cache::default();
    }

    fn of(&self, shard: ShardId) -> MutexGuard<'_, Cache> {
        self.shards[usize::from(shard.0)].lock()
    }

    fn shard(&self, id: &AggregateId) -> ShardId {
        shard_of(&id.kind, &id.id, self.shards.len() as u16)
    }
}

impl Cache {
    /// What makes room is the oldest that was not used since it came, or since it was passed over (second chance: Tanenbaum,
    /// "Modern Operating Systems", page replacement).
    fn put(&mut self, id: AggregateId, aggregate: Arc<Aggregate>) {
        if let Some(held) = self.held.get_mut(&id) {
            held.aggregate = aggregate;
            return;
        }
        self.order.push_back(id.clone());
        self.held.insert(id, Held { aggregate, used: false });
        while self.held.len() > CACHE_AGGREGATES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            let again = self.held.get_mut(&oldest).is_some_and(|held| std::mem::take(&mut held.used));
            match again {
                true => self.order.push_back(oldest),
                false => _ = self.held.remove(&oldest),
            }
        }
    }
}
