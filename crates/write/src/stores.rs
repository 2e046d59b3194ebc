//! The stores of a region: one, or several that each have a range of shards.

use crate::keys::Unreadable;
use std::sync::Arc;
use sterna_log::ShardId;
use sterna_store::{CommitError, ReadError, Store};

/// What keeps somebody from the region's records.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

/// Each with the first of its shards, in order. What belongs to the region and not to a shard is in all of them; the first one's counts.
#[derive(Clone)]
pub struct Stores(Arc<[(u16, Arc<dyn Store>)]>);

impl Stores {
    /// Of stores with the first of their shards: the first store has shard 0, and each one reaches to the next.
    ///
    /// # Panics
    /// If there is none, or the first one does not begin with shard 0.
    pub fn new(mut parts: Vec<(u16, Arc<dyn Store>)>) -> Self {
        parts.sort_by_key(|(first, _)| *first);
        assert_eq!(parts.first().map(|(first, _)| *first), Some(0), "a store has shard 0");
        Self(parts.into())
    }

    /// The one with this shard.
    pub fn of(&self, shard: ShardId) -> &Arc<dyn Store> {
        let behind = self.0.partition_point(|(first, _)| *first <= shard.0);
        &self.0[behind - 1].1
    }

    /// The one with what belongs to the region.
    pub fn first(&self) -> &Arc<dyn Store> {
        &self.0[0].1
    }

    pub fn all(&self) -> impl Iterator<Item = &Arc<dyn Store>> {
        self.0.iter().map(|(_, store)| store)
    }

    /// Each store, with its shards of a region that has so many.
    pub fn parts(&self, shards: u16) -> impl Iterator<Item = (&Arc<dyn Store>, std::ops::Range<u16>)> {
        let ends = self.0.iter().skip(1).map(|(first, _)| *first).chain([shards]);
        self.0.iter().zip(ends).map(|((first, store), end)| (store, *first..end))
    }

    /// Nobody but this process writes.
    pub fn sole_writer(&self) -> bool {
        self.all().all(|store| store.limits().sole_writer)
    }
}

impl From<Arc<dyn Store>> for Stores {
    fn from(store: Arc<dyn Store>) -> Self {
        Self(Arc::new([(0, store)]))
    }
}

impl<S: Store + 'static> From<Arc<S>> for Stores {
    fn from(store: Arc<S>) -> Self {
        Self::from(store as Arc<dyn Store>)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sterna_store::Memory;

    #[test]
    fn every_shard_has_its_store() {
        let stores: Vec<Arc<dyn Store>> = (0..3).map(|_| Arc::new(Memory::default()) as Arc<dyn Store>).collect();
        let all = Stores::new(vec![(2, stores[1].clone()), (0, stores[0].clone()), (3, stores[2].clone())]);
        for (shard, at) in [(0, 0), (1, 0), (2, 1), (3, 2), (9, 2)] {
            assert!(Arc::ptr_eq(all.of(ShardId(shard)), &stores[at]), "{shard}");
        }
        assert_eq!(all.parts(8).map(|(_, shards)| shards).collect::<Vec<_>>(), [0..2, 2..3, 3..8]);
    }
}
