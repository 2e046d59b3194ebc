//! The crate `crdts` where it is right: its `Orswot` for sets, its `MVReg` for `keep`.

use crate::history::{History, histories};
use crate::replica::Replica;
use crdts::{CmRDT, MVReg, Orswot, VClock, mvreg, orswot};
use proptest::prelude::*;
use std::collections::BTreeSet;
use sterna_crdt::{Action, Incarnation, Update, Value};

fn clock(dots: impl Iterator<Item = sterna_crdt::Dot>) -> VClock<Incarnation> {
    dots.map(|dot| crdts::Dot::new(dot.incarnation, dot.n)).collect()
}

/// Inserts have their update's dot; a removal's clock holds the inserts that it had observed.
fn to_orswot(set: &mut Orswot<Value, Incarnation>, update: &Update, history: &History) {
    let inserts = |u: &Update| u.ops.iter().any(|op| matches!(op.action, Action::Insert(_)));
    let observed = || clock(history.0.iter().filter(|u| u.before(update) && inserts(u)).map(|u| u.dot));
    let pick = |wanted: fn(&Action) -> Option<&Value>| update.ops.iter().filter_map(|op| wanted(&op.action)).cloned().collect();
    let removed: Vec<Value> = pick(|action| if let Action::Remove(value) = action { Some(value) } else { None });
    let inserted: Vec<Value> = pick(|action| if let Action::Insert(value) = action { Some(value) } else { None });
    if !removed.is_empty() {
        set.apply(orswot::Op::Rm { clock: observed(), members: removed });
    }
    if !inserted.is_empty() {
        set.apply(orswot::Op::Add { dot: crdts::Dot::new(update.dot.incarnation, update.dot.n), members: inserted });
    }
}

fn without_deletes(mut history: History) -> History {
    history.0.iter_mut().for_each(|update| update.ops.retain(|op| !op.action.is_delete()));
    history
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_set_is_an_orswot(
        history in histories(&["set"], 40).prop_map(without_deletes),
        picks in proptest::collection::vec(any::<proptest::sample::Index>(), 1..20),
    ) {
        let mut replica = Replica::new(&history);
        let mut oracle = Orswot::new();
        for pick in picks.iter().cycle() {
            let ready = replica.ready();
            if ready.is_empty() {
                break;
            }
            let update = *pick.get(&ready);
            replica.receive(update);
            to_orswot(&mut oracle, update, &history);
            let theirs: BTreeSet<Value> = oracle.read().val.into_iter().collect();
            let mine: BTreeSet<Value> = replica.fields.field("set").into_iter().flat_map(|f| f.elements().cloned()).collect();
            prop_assert_eq!(mine, theirs);
        }
    }

    #[test]
    fn keep_is_an_mvreg(
        history in histories(&["keep"], 40).prop_map(without_deletes),
        picks in proptest::collection::vec(any::<proptest::sample::Index>(), 1..20),
    ) {
        let mut replica = Replica::new(&history);
        let mut oracle = MVReg::new();
        for pick in picks.iter().cycle() {
            let ready = replica.ready();
            if ready.is_empty() {
                break;
            }
            let update = *pick.get(&ready);
            replica.receive(update);
            let set = update.ops.iter().rev().find_map(|op| if let Action::Set { value, .. } = &op.action { Some(value) } else { None });
            if let Some(value) = set {
                let put = mvreg::Op::Put { clock: clock(update.seen.iter().chain([update.dot])), val: (update.dot, value.clone()) };
                oracle.apply(put);
            }
            let mut theirs = oracle.read().val;
            theirs.sort();
            let mut mine: Vec<_> =
                replica.fields.field("keep").into_iter().flat_map(|f| f.candidates()).map(|c| (c.dot, c.value.clone())).collect();
            mine.sort();
            prop_assert_eq!(mine, theirs);
        }
    }
}
