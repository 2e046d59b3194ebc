//! A register: the values that nobody has replaced or removed yet.
//!
//! A set replaces what its update observed; under `max` and `min` only what it also beats. A concurrent loser stays while it is
//! open: it is visible again when somebody who had not seen it removes the winner. Of closed values only the winner stays
//! (under `keep` all do, until a set observes them), since nothing can remove one of them without the others.

use crate::{Candidate, Clock, Dot, Order, Policy, Update, Value, VersionVector};
use smallvec::SmallVec;

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Register {
    /// In order of their updates.
    pub(crate) values: SmallVec<[Held; 1]>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Held {
    pub(crate) value: Value,
    pub(crate) by: Option<Box<Value>>,
    pub(crate) dot: Dot,
    pub(crate) clock: Clock,
    pub(crate) open: bool,
}

impl Held {
    pub fn candidate(&self) -> Candidate<'_> {
        let order = Order { clock: self.clock, incarnation: self.dot.incarnation };
        Candidate { value: &self.value, by: self.by.as_deref(), dot: self.dot, order }
    }

    fn observed_by(&self, seen: &VersionVector) -> bool {
        debug_assert!(self.open || seen.contains(self.dot), "an update was closed too early");
        !self.open || seen.contains(self.dot)
    }
}

impl Register {
    pub fn set(&mut self, policy: &Policy, value: &Value, by: Option<&Value>, update: &Update, open: bool) {
        let by = by.map(|by| Box::new(by.clone()));
        let new = Held { value: value.clone(), by, dot: update.dot, clock: update.order.clock, open };
        let replaced = |old: &Held| {
            let same = old.dot == new.dot;
            let beaten = || policy.compare(&old.candidate(), &new.candidate()).is_le();
            (same || old.observed_by(&update.seen)) && (!policy.is_lattice() || beaten())
        };
        self.values.retain(|old| !replaced(old));
        if self.values.iter().any(|old| old.dot == new.dot) {
            return;
        }
        let at = self.values.partition_point(|old| old.candidate().order < new.candidate().order);
        self.values.insert(at, new);
        self.prune(policy);
    }

    /// Takes away the base and the open values that `seen` holds.
    pub fn forget(&mut self, seen: &VersionVector) {
        self.values.retain(|held| !held.observed_by(seen));
    }

    pub fn close(&mut self, policy: &Policy, dot: Dot) {
        self.values.iter_mut().filter(|held| held.dot == dot).for_each(|held| held.open = false);
        self.prune(policy);
    }

    pub fn winner(&self, policy: &Policy) -> Option<&Held> {
        match self.values.as_slice() {
            [] => None,
            [one] => Some(one),
            many => many.iter().max_by(|a, b| policy.compare(&a.candidate(), &b.candidate())),
        }
    }

    /// Of the closed values keeps the winner.
    fn prune(&mut self, policy: &Policy) {
        if *policy == Policy::Keep || self.values.len() < 2 {
            return;
        }
        let closed = self.values.iter().filter(|held| !held.open);
        if let Some(winner) = closed.max_by(|a, b| policy.compare(&a.candidate(), &b.candidate())).map(|held| held.dot) {
            self.values.retain(|held| held.open || held.dot == winner);
        }
    }
}
