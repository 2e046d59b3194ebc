//! A counter, and a bounded one as a matrix of counters.
//!
//! Origins refuse an addition that overflows what they see, but concurrent ones may exceed an `i64` together. Sums are kept
//! in 128 bits, so that nothing is lost, and clamped when read.

use crate::{Dot, RegionId, Update, VersionVector};
use std::collections::VecDeque;

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Counter {
    /// Of the base and of all open additions.
    pub(crate) sum: i128,
    pub(crate) base: bool,
    /// In order of arrival, so that closing finds the first one first.
    pub(crate) open: VecDeque<(Dot, i64)>,
}

impl Counter {
    pub fn add(&mut self, delta: i64, update: &Update, open: bool) {
        self.sum += i128::from(delta);
        if open {
            self.open.push_back((update.dot, delta));
        } else {
            self.base = true;
        }
    }

    /// Takes away the base and the open additions that `seen` holds.
    pub fn forget(&mut self, seen: &VersionVector) {
        self.base = false;
        self.open.retain(|(dot, _)| !seen.contains(*dot));
        self.sum = self.open.iter().map(|(_, delta)| i128::from(*delta)).sum();
    }

    pub fn close(&mut self, dot: Dot) {
        while let Some(at) = self.open.iter().position(|(d, _)| *d == dot) {
            self.open.remove(at);
            self.base = true;
        }
    }

    pub fn is_vacant(&self) -> bool {
        !self.base && self.open.is_empty()
    }

    pub fn value(&self) -> i64 {
        clamp(self.sum)
    }
}

/// The rights matrix of escrow (Balegas et al., "Extending Eventually Consistent Cloud Databases for Enforcing Numeric
/// Invariants", 2015). The cell `(r, r)` sums what `r` added and spent, `(r, s)` what `r` gave to `s`; only `r` writes its row.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Bounded {
    /// In order of giver and receiver.
    pub(crate) cells: Vec<((RegionId, RegionId), Counter)>,
}

impl Bounded {
    pub fn add(&mut self, amount: i64, update: &Update, open: bool) {
        self.give(amount, update.dot.incarnation.region(), update, open);
    }

    pub fn give(&mut self, amount: i64, to: RegionId, update: &Update, open: bool) {
        let cell = (update.dot.incarnation.region(), to);
        let at = self.cells.binary_search_by_key(&cell, |(c, _)| *c).unwrap_or_else(|at| {
            self.cells.insert(at, (cell, Counter::default()));
            at
        });
        self.cells[at].1.add(amount, update, open);
    }

    pub fn forget(&mut self, seen: &VersionVector) {
        self.cells.retain_mut(|(_, counter)| {
            counter.forget(seen);
            !counter.is_vacant()
        });
    }

    pub fn close(&mut self, dot: Dot) {
        let region = dot.incarnation.region();
        let row = self.cells.iter_mut().filter(|((giver, _), _)| *giver == region);
        row.for_each(|(_, counter)| counter.close(dot));
    }

    pub fn is_vacant(&self) -> bool {
        self.cells.is_empty()
    }

    pub fn value(&self) -> i64 {
        clamp(self.cells.iter().filter(|((from, to), _)| from == to).map(|(_, counter)| counter.sum).sum())
    }
}

pub(crate) fn clamp(sum: i128) -> i64 {
    i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX })
}
