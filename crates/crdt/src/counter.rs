//! A counter, and a bounded one as a matrix of counters.
//!
//! Origins refuse an addition that overflows what they see, but concurrent ones may exceed an `i64` together. Sums are kept
//! in 128 bits, so that nothing is lost, and clamped when read.

use crate::{Dot, RegionId, Update, VersionVector};
use imbl::Vector;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Counter {
    /// Of the base and of all open additions.
    pub(crate) sum: i128,
    pub(crate) base: bool,
    /// In order of arrival, so that closing finds the first one first. Copies share it, however long it is.
    pub(crate) open: Vector<(Dot, i64)>,
    /// How many of the open ones are below zero, and above.
    pub(crate) signs: [usize; 2],
}

impl Counter {
    pub fn add(&mut self, delta: i64, update: &Update, open: bool) {
        self.sum += i128::from(delta);
        if open {
            self.push_open(update.dot, delta);
        } else {
            self.base = true;
        }
    }

    pub fn push_open(&mut self, dot: Dot, delta: i64) {
        self.signs[usize::from(delta > 0)] += usize::from(delta != 0);
        self.open.push_back((dot, delta));
    }

    /// Takes away the base and the open additions that `seen` holds.
    pub fn forget(&mut self, seen: &VersionVector) {
        for (dot, delta) in std::mem::take(self).open.into_iter().filter(|(dot, _)| !seen.contains(*dot)) {
            self.sum += i128::from(delta);
            self.push_open(dot, delta);
        }
    }

    /// Those of one update are next to each other.
    pub fn close(&mut self, dot: Dot) {
        let Some(at) = self.open.iter().position(|(d, _)| *d == dot) else { return };
        while self.open.get(at).is_some_and(|(d, _)| *d == dot) {
            let (_, delta) = self.open.remove(at);
            self.signs[usize::from(delta > 0)] -= usize::from(delta != 0);
            self.base = true;
        }
    }

    pub fn close_all(&mut self) {
        *self = Self { sum: self.sum, base: !self.is_vacant(), ..Self::default() };
    }

    pub fn is_vacant(&self) -> bool {
        !self.base && self.open.is_empty()
    }

    pub fn value(&self) -> i64 {
        clamp(self.sum)
    }
}

/// What a right of a bounded counter allows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Side {
    /// To take away, down to `min`.
    Down,
    /// To add, up to `max`.
    Up,
}

/// The rights matrix of escrow (Balegas et al., "Extending Eventually Consistent Cloud Databases for Enforcing Numeric
/// Invariants", 2015), once for each bound. The cell `(r, r)` sums what `r` added and took away, `(r, s)` what `r` gave to `s`; only `r`
/// writes its row, so that no right is counted twice, or, once `r` was declared lost, the one region that is its heir.
///
/// Nothing is ever removed from it: what was added, spent or given stays also when the aggregate is deleted, since another region may be
/// spending rights at that moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Bounded {
    /// In order of giver, receiver and side. A region's own cell is on the side [`Side::Down`].
    pub(crate) cells: Vec<(Cell, Counter)>,
}

pub(crate) type Cell = (RegionId, RegionId, Side);

impl Bounded {
    pub fn add(&mut self, amount: i64, update: &Update, open: bool) {
        let me = update.dot.incarnation.region();
        self.cell((me, me, Side::Down)).add(amount, update, open);
    }

    /// A negative amount gives rights to add.
    pub fn give(&mut self, amount: i64, (from, to): (Option<RegionId>, RegionId), update: &Update, open: bool) {
        let side = if amount < 0 { Side::Up } else { Side::Down };
        let cell = self.cell((from.unwrap_or(update.dot.incarnation.region()), to, side));
        cell.add(amount.saturating_abs(), update, open);
    }

    fn cell(&mut self, cell: Cell) -> &mut Counter {
        let at = self.cells.binary_search_by_key(&cell, |(c, _)| *c).unwrap_or_else(|at| {
            self.cells.insert(at, (cell, Counter::default()));
            at
        });
        &mut self.cells[at].1
    }

    pub fn close(&mut self, dot: Dot) {
        self.cells.iter_mut().for_each(|(_, counter)| counter.close(dot));
    }

    pub fn close_all(&mut self) {
        self.cells.iter_mut().for_each(|(_, counter)| counter.close_all());
    }

    pub fn is_vacant(&self) -> bool {
        self.cells.is_empty()
    }

    pub fn value(&self) -> i64 {
        clamp(self.cells.iter().filter(|((from, to, _), _)| from == to).map(|(_, counter)| counter.sum).sum())
    }

    /// What `of` may still take away or add, beside what it had at first. What an open update of its own brought counts only if
    /// `lasting` says that it can't become void; what one took counts at once.
    pub fn rights(&self, of: RegionId, side: Side, lasting: &dyn Fn(Dot) -> bool) -> i128 {
        let mut rights = 0;
        for ((from, to, given), counter) in &self.cells {
            if (*from, *to) == (of, of) {
                rights += counter.earned(side, lasting);
            } else if *given == side {
                rights += counter.sum * (i128::from(*to == of) - i128::from(*from == of));
            }
        }
        rights
    }
}

impl Counter {
    fn earned(&self, side: Side, lasting: &dyn Fn(Dot) -> bool) -> i128 {
        let sign = if side == Side::Down { 1 } else { -1 };
        let mut earned = self.sum * sign;
        if self.signs[usize::from(sign > 0)] == 0 {
            return earned;
        }
        let mut open = self.open.iter().peekable();
        while let Some((dot, delta)) = open.next() {
            let mut delta = i128::from(*delta) * sign;
            while let Some((_, more)) = open.next_if(|(same, _)| same == dot) {
                delta += i128::from(*more) * sign;
            }
            if delta > 0 && !lasting(*dot) {
                earned -= delta;
            }
        }
        earned
    }
}

pub(crate) fn clamp(sum: i128) -> i64 {
    i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX })
}
