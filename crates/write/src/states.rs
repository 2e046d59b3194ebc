//! Aggregates as last committed.

use crate::aggregate::load;
use crate::changes::Changes;
use crate::limits::{CACHE_AGGREGATES_MAX, CACHE_RECORDS_BYTES};
use crate::shard::Working;
use crate::{Aggregate, Handed, Region};
use bytes::Bytes;
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
    records: Records,
    changes: Changes,
}

struct Held {
    aggregate: Arc<Aggregate>,
    /// If it changed since it came, and is not too large to be kept.
    record: Option<Bytes>,
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

    /// The first chunk of an aggregate's record as the store has it, if it is known.
    pub(crate) fn record(&self, shard: ShardId, id: &AggregateId) -> Option<Bytes> {
        self.of(shard).records.get(id)
    }

    /// What a commit left.
    pub(crate) fn put(&self, shard: ShardId, id: AggregateId, working: Working) {
        if self.sole_writer {
            let mut cache = self.of(shard);
            cache.changes.note(&id, working.before(), &working.aggregate);
            cache.put(id, working);
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
    fn put(&mut self, id: AggregateId, working: Working) {
        if working.changed {
            self.records.remove(&id);
        }
        let Working { aggregate, record, changed, .. } = working;
        if let Some(held) = self.held.get_mut(&id) {
            held.aggregate = aggregate;
            if changed {
                held.record = record;
            }
            return;
        }
        self.order.push_back(id.clone());
        self.held.insert(id, Held { aggregate, record, used: false });
        while self.held.len() > CACHE_AGGREGATES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            let again = self.held.get_mut(&oldest).is_some_and(|held| std::mem::take(&mut held.used));
            match again {
                true => self.order.push_back(oldest),
                false => {
                    if let Some(record) = self.held.remove(&oldest).and_then(|held| held.record) {
                        self.records.put(oldest, record);
                    }
                }
            }
        }
    }
}

/// Keeps what was put since it was last half full, and in the half before that.
#[derive(Default)]
struct Records {
    young: HashMap<AggregateId, Bytes>,
    old: HashMap<AggregateId, Bytes>,
    /// Of the young ones.
    bytes: usize,
}

impl Records {
    fn get(&self, id: &AggregateId) -> Option<Bytes> {
        self.young.get(id).or_else(|| self.old.get(id)).cloned()
    }

    fn put(&mut self, id: AggregateId, record: Bytes) {
        self.bytes += RECORD_BYTES + id.id.len() + record.len();
        // A copy, without the room that the encoder left.
        self.young.insert(id, Bytes::copy_from_slice(&record));
        if self.bytes > CACHE_RECORDS_BYTES / 2 {
            self.bytes = 0;
            self.old = std::mem::take(&mut self.young);
        }
    }

    /// Its bytes count until the young ones are old.
    fn remove(&mut self, id: &AggregateId) {
        _ = self.young.remove(id);
        _ = self.old.remove(id);
    }
}

/// What an entry takes beside its texts, about.
const RECORD_BYTES: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: usize) -> AggregateId {
        AggregateId { kind: "cart".into(), id: n.to_string().into() }
    }

    #[test]
    fn records_are_bounded_and_never_older_than_the_last_change() {
        let mut records = Records::default();
        let many = CACHE_RECORDS_BYTES / 1_000;
        for n in 0..3 * many {
            records.put(id(n), vec![0; 1_000].into());
        }
        assert!(records.young.len() + records.old.len() <= many);
        let last = id(3 * many - 1);
        assert_eq!((records.get(&id(0)), records.get(&last).map(|record| record.len())), (None, Some(1_000)));
        records.old.insert(last.clone(), Bytes::from_static(b"older"));
        records.remove(&last);
        assert_eq!(records.get(&last), None);
    }
}
