//! Progress: for each log, the position up to which somebody has applied it.

use crate::{LogId, Position, ShardId};
use std::collections::BTreeMap;
use sterna_crdt::RegionId;

/// One shard's part of a progress: for each origin, the position applied. Sorted by origin, no zeros.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Applied(pub Vec<(RegionId, Position)>);

impl Applied {
    pub fn get(&self, origin: RegionId) -> Position {
        self.0.iter().find(|(o, _)| *o == origin).map_or(Position::ZERO, |(_, p)| *p)
    }

    /// Raises one component to at least `position`; true if that changed it.
    pub fn raise(&mut self, origin: RegionId, position: Position) -> bool {
        match self.0.binary_search_by_key(&origin, |(o, _)| *o) {
            Ok(at) if self.0[at].1 >= position => return false,
            Ok(at) => self.0[at].1 = position,
            Err(_) if position == Position::ZERO => return false,
            Err(at) => self.0.insert(at, (origin, position)),
        }
        true
    }

    pub fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|&(origin, position)| self.get(origin) >= position)
    }

    pub fn join(&mut self, other: &Self) {
        other.0.iter().for_each(|&(origin, position)| {
            self.raise(origin, position);
        });
    }

    /// Without one origin's component.
    pub fn without(&self, origin: RegionId) -> Self {
        Self(self.0.iter().filter(|(o, _)| *o != origin).copied().collect())
    }
}

/// A vector of positions over logs. Never goes back: every change raises. No zeros, no empty shards.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Progress(BTreeMap<ShardId, Applied>);

impl Progress {
    pub fn get(&self, log: LogId) -> Position {
        self.0.get(&log.shard).map_or(Position::ZERO, |applied| applied.get(log.origin))
    }

    pub fn shard(&self, shard: ShardId) -> Applied {
        self.0.get(&shard).cloned().unwrap_or_default()
    }

    /// Raises one component to at least `position`; true if that changed it.
    pub fn raise(&mut self, log: LogId, position: Position) -> bool {
        position != Position::ZERO && self.0.entry(log.shard).or_default().raise(log.origin, position)
    }

    pub fn raise_shard(&mut self, shard: ShardId, applied: &Applied) {
        if !applied.0.is_empty() {
            self.0.entry(shard).or_default().join(applied);
        }
    }

    pub fn join(&mut self, other: &Self) {
        other.0.iter().for_each(|(shard, applied)| self.raise_shard(*shard, applied));
    }

    pub fn iter(&self) -> impl Iterator<Item = (LogId, Position)> + '_ {
        self.0.iter().flat_map(|(&shard, applied)| applied.0.iter().map(move |&(origin, position)| (LogId { origin, shard }, position)))
    }
}
