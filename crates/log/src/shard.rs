//! Shards and the hash that places aggregates on them. The hash is written down here and never changes.

use std::fmt;
use sterna_crdt::{Name, RegionId};

/// A shard's number, below the cluster's number of shards, which is the same in every region for the life of the cluster.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ShardId(pub u16);

/// One log: what `origin` committed in `shard`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LogId {
    pub origin: RegionId,
    pub shard: ShardId,
}

/// The unit of consistency: a type and an id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AggregateId {
    pub kind: Name,
    pub id: Name,
}

impl fmt::Display for AggregateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.id)
    }
}

/// XXH3-64 (seed 0) of `kind`, a zero byte and `id`, modulo the number of shards.
pub fn shard_of(kind: &str, id: &str, shards: u16) -> ShardId {
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    hash.update(kind.as_bytes());
    hash.update(&[0]);
    hash.update(id.as_bytes());
    ShardId((hash.digest() % u64::from(shards.max(1))) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_placement_is_fixed_for_ever() {
        let placed: Vec<u16> = ["c-1", "c-2", "20130101-UA-1545-EWR", ""].iter().map(|id| shard_of("cart", id, 16).0).collect();
        assert_eq!(placed, PLACED);
    }

    const PLACED: [u16; 4] = [15, 9, 12, 7];
}
