//! A register: the values that nobody has replaced or removed yet.
//!
//! A set replaces what its update observed; under `max` and `min` only what it also beats. A concurrent loser stays while it is
//! open: it is visible again when somebody who had not seen it removes the winner. Once all are closed only the winner stays
//! (under `keep` all do, until a set observes them), since nothing can remove one of them without the others.
//!
//! Which values are here does not depend on the rule, unless it is a lattice. Which of them wins is decided by the rule of the highest version of
//! the model among them, and each came with its own: so it is a function of the values alone.

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
    pub(crate) rule: Option<Box<Policy>>,
    pub(crate) version: u32,
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
    /// `policy` is the field's.
    pub fn set(&mut self, policy: &Policy, set: Set<'_>, update: &Update, open: bool) {
        let by = set.by.as_ref().map(|by| Box::new(by.clone()));
        let (value, rule) = (set.value.clone(), set.rule.clone());
        let new = Held { value, by, rule, version: update.version, dot: update.dot, clock: update.order.clock, open };
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

    pub fn close_all(&mut self, policy: &Policy) {
        self.values.iter_mut().for_each(|held| held.open = false);
        self.prune(policy);
    }

    pub fn winner(&self, policy: &Policy) -> Option<&Held> {
        match self.values.as_slice() {
            [] => None,
            [one] => Some(one),
            many => best(many.iter(), self.rule(policy)),
        }
    }

    /// What decides between the values.
    pub fn rule<'a>(&'a self, policy: &'a Policy) -> &'a Policy {
        if policy.is_lattice() {
            return policy;
        }
        let newest = self.values.iter().max_by_key(|held| (held.version, held.candidate().order));
        newest.and_then(|held| held.rule.as_deref()).unwrap_or(&Policy::Latest)
    }

    /// Of closed values keeps the winner: under a lattice at once, else when none is open beside them, which may bring another rule.
    fn prune(&mut self, policy: &Policy) {
        let rule = self.rule(policy);
        let may_change = !policy.is_lattice() && self.values.iter().any(|held| held.open);
        if self.values.len() < 2 || *rule == Policy::Keep || may_change {
            return;
        }
        if let Some(winner) = best(self.values.iter().filter(|held| !held.open), rule).map(|held| held.dot) {
            self.values.retain(|held| held.open || held.dot == winner);
        }
    }
}

/// The parts of a set.
pub(crate) struct Set<'a> {
    pub value: &'a Value,
    pub by: &'a Option<Value>,
    pub rule: &'a Option<Box<Policy>>,
}

fn best<'a>(values: impl Iterator<Item = &'a Held>, rule: &Policy) -> Option<&'a Held> {
    values.max_by(|a, b| rule.compare(&a.candidate(), &b.candidate()))
}
