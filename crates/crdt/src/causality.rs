//! Who did what after what: dots, version vectors, hybrid logical clocks.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::fmt;

/// A region's number in the membership record. Numbers are given once and never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct RegionId(pub u16);

/// One life of a region's store: the region in the upper 16 bits, the wall time in milliseconds at which this life
/// began in the lower 48. Lives of one region are ordered by their beginning.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Incarnation(pub u64);

impl Incarnation {
    const OPENED_BITS: u32 = 48;

    pub fn new(region: RegionId, opened_ms: u64) -> Self {
        debug_assert!(opened_ms < 1 << Self::OPENED_BITS, "48 bits of milliseconds last until the year 10889");
        Self(u64::from(region.0) << Self::OPENED_BITS | opened_ms & ((1 << Self::OPENED_BITS) - 1))
    }

    pub fn region(self) -> RegionId {
        RegionId((self.0 >> Self::OPENED_BITS) as u16)
    }

    pub fn opened_ms(self) -> u64 {
        self.0 & ((1 << Self::OPENED_BITS) - 1)
    }
}

/// An event's identity within its aggregate: the `n`-th (from 1) that this incarnation made there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Dot {
    pub incarnation: Incarnation,
    pub n: u64,
}

impl fmt::Display for Dot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.incarnation.region().0, self.incarnation.opened_ms(), self.n)
    }
}

/// A hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014): milliseconds since the Unix epoch in the
/// upper 48 bits, a counter in the lower 16.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Clock(pub u64);

impl Clock {
    pub fn from_ms(ms: u64) -> Self {
        Self(ms << 16)
    }

    pub fn ms(self) -> u64 {
        self.0 >> 16
    }

    /// The next clock: greater than `self`, and not behind the wall.
    pub fn tick(self, wall_ms: u64) -> Self {
        Self((self.0 + 1).max(wall_ms << 16))
    }
}

/// Total order over the events of one aggregate that extends causality: an event's clock is greater than that of every event
/// its aggregate had applied. The incarnation (so first the region) breaks ties.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Order {
    pub clock: Clock,
    pub incarnation: Incarnation,
}

/// For each incarnation, how many of its events an aggregate has applied. Sorted by incarnation, no zeros.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct VersionVector(SmallVec<[(Incarnation, u64); 3]>);

impl VersionVector {
    pub fn get(&self, incarnation: Incarnation) -> u64 {
        self.0.iter().find(|(i, _)| *i == incarnation).map_or(0, |(_, n)| *n)
    }

    pub fn contains(&self, dot: Dot) -> bool {
        self.get(dot.incarnation) >= dot.n
    }

    /// Raises one component to at least `dot.n`.
    pub fn add(&mut self, dot: Dot) {
        match self.0.binary_search_by_key(&dot.incarnation, |(i, _)| *i) {
            Ok(at) => self.0[at].1 = self.0[at].1.max(dot.n),
            Err(at) if dot.n > 0 => self.0.insert(at, (dot.incarnation, dot.n)),
            Err(_) => {}
        }
    }

    pub fn covers(&self, other: &Self) -> bool {
        other.iter().all(|dot| self.contains(dot))
    }

    pub fn join(&mut self, other: &Self) {
        other.iter().for_each(|dot| self.add(dot));
    }

    /// What both hold.
    pub fn meet(&mut self, other: &Self) {
        self.0.retain_mut(|(incarnation, n)| {
            *n = other.get(*incarnation).min(*n);
            *n > 0
        });
    }

    /// The last dot of each incarnation, in order of incarnation.
    pub fn iter(&self) -> impl Iterator<Item = Dot> + '_ {
        self.0.iter().map(|&(incarnation, n)| Dot { incarnation, n })
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl FromIterator<Dot> for VersionVector {
    fn from_iter<I: IntoIterator<Item = Dot>>(dots: I) -> Self {
        let mut vector = Self::default();
        dots.into_iter().for_each(|dot| vector.add(dot));
        vector
    }
}
