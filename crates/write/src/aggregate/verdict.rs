//! Effect once: which events are void (DESIGN.md, section 4).
//!
//! Of several events of one key, accepted without knowledge of each other, the one with the smallest rank has the effect; and an event whose
//! cause is void is void. A void event never turns back, and still makes its twins void.

use super::{Aggregate, CauseOf, Open, Tail};
use crate::keys::idem::IdemRecord;
use std::collections::BTreeSet;
use sterna_crdt::{ApplyError, Dot, Name, Schema};
use sterna_env::mutation;

/// Gives the verdict on `event` and returns the dots of the events in the tail that it makes void.
pub(super) fn among_twins(tail: &Tail, event: &mut Open) -> Vec<Dot> {
    let mut losers = Vec::new();
    if !event.may_have_twin || mutation::on("no-twin-check") {
        return losers;
    }
    let mut beaten = false;
    for twin in tail.of_key(&event.key).filter(|twin| twin.is_twin_of(event)) {
        if twin.precedence() < event.precedence() {
            beaten = true;
        } else if !twin.void {
            losers.push(twin.dot());
        }
    }
    event.void |= beaten;
    losers
}

impl Aggregate {
    /// Marks events as void that are not yet, without folding again. Returns them.
    pub(super) fn mark_void(&mut self, dots: &[Dot]) -> Vec<Open> {
        if dots.is_empty() {
            return Vec::new();
        }
        self.tail.change_at(dots, |open| open.void = true);
        dots.iter().filter_map(|dot| self.tail.find(*dot)).cloned().collect()
    }

    /// The events that one of `causes`, which are void, caused are void from now on. Returns those that were not before.
    pub(crate) fn void_caused_by(&mut self, causes: &BTreeSet<CauseOf>, schema: &dyn Schema) -> Result<Vec<Open>, ApplyError> {
        if mutation::on("cause-ignored") {
            return Ok(Vec::new());
        }
        let caused = |open: &&Open| !open.void && open.cause.as_ref().is_some_and(|cause| causes.contains(cause));
        let dots: Vec<Dot> = self.tail.iter().filter(caused).map(Open::dot).collect();
        if dots.is_empty() {
            return Ok(Vec::new());
        }
        let voided = self.mark_void(&dots);
        self.fold_again(schema)?;
        self.voided += voided.len() as u64;
        self.contested = true;
        Ok(voided)
    }

    /// The verdict on the causes of these events is final.
    pub(crate) fn settle_causes(&mut self, dots: &[Dot]) {
        self.tail.change_at(dots, |open| open.cause_settled = true);
        self.closed_at.clear();
    }

    /// What an idempotency key did here, by the events in the tail, and these events: the first is the one with the effect. `of` and its
    /// twins, or the latest and its.
    pub(crate) fn record_of<'a>(&'a self, key: &'a Name, of: Option<Dot>) -> Option<(IdemRecord, Vec<&'a Open>)> {
        let all: Vec<&Open> = self.tail.of_key(key).collect();
        let latest = |open: &Open| !all.iter().any(|other| open.update.before(&other.update));
        let chosen = all.iter().find(|open| of.map_or_else(|| latest(open), |dot| open.dot() == dot))?;
        let mut twins: Vec<&Open> = all.iter().copied().filter(|open| open.dot() == chosen.dot() || open.is_twin_of(chosen)).collect();
        twins.sort_by_key(|open| open.precedence());
        let first = twins.first()?;
        let answer = first.answer.as_ref().map(Name::to_string);
        let record = IdemRecord { body_hash: first.body_hash, dots: twins.iter().map(|open| open.dot()).collect(), answer };
        Some((record, twins))
    }
}
