//! The checkpoint and tail of a caller: updates leave the tail by the two-step rule, and the state can be folded again from there.

use crate::history::histories;
use crate::reference::{fold, ledger};
use crate::replica::{Replica, visible};
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::BTreeSet;
use sterna_crdt::conflicts::{rows, witnesses};
use sterna_crdt::{Fields, Update};

#[derive(Default)]
struct Checkpoint<'a> {
    /// The fold of the updates that left the tail.
    fields: Fields,
    tail: Vec<&'a Update>,
    /// Closed, and still of account to the tail.
    witnesses: Vec<&'a Update>,
}

impl<'a> Checkpoint<'a> {
    fn compact(&mut self, replica: &Replica<'a>) {
        let clear = |e: &Update| replica.settled(e);
        let closed = |e: &Update| clear(e) && replica.applied.iter().filter(|f| f.concurrent(e)).all(|f| clear(f));
        let (mut leaving, tail): (Vec<_>, Vec<_>) = self.tail.iter().copied().partition(|e| closed(e));
        leaving.sort_by_key(|update| update.order);
        self.tail = tail;
        for update in leaving {
            self.fields.apply(update, &replica.schema, true).unwrap();
            self.witnesses.push(update);
        }
        let kept = witnesses(&self.witnesses, &self.tail);
        let is_kept = |update: &Update| kept.iter().any(|k| k.dot == update.dot);
        self.witnesses.iter().filter(|update| !is_kept(update)).for_each(|update| self.fields.close(update, &replica.schema));
        self.witnesses = kept;
    }

    fn fold_again(&self, replica: &Replica<'a>) -> Fields {
        let mut fields = self.fields.clone();
        let mut tail = self.tail.clone();
        tail.sort_by_key(|update| update.order);
        tail.iter().for_each(|update| fields.apply(update, &replica.schema, true).unwrap());
        fields
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn checkpoint_and_tail_are_the_state_and_the_ledger(
        history in histories(&[], 40),
        picks in proptest::collection::vec(any::<Index>(), 1..20),
    ) {
        let mut replica = Replica::new(&history);
        let mut checkpoint = Checkpoint::default();
        let mut finals = BTreeSet::new();
        for pick in picks.iter().cycle() {
            let ready = replica.ready();
            if ready.is_empty() {
                break;
            }
            let update = *pick.get(&ready);
            replica.receive(update);
            checkpoint.tail.push(update);
            let before: BTreeSet<_> = checkpoint.tail.iter().map(|u| u.dot).collect();
            let known: Vec<_> = checkpoint.tail.iter().chain(&checkpoint.witnesses).copied().collect();
            let found = rows(&known, &replica.schema);
            checkpoint.compact(&replica);
            let tail: BTreeSet<_> = checkpoint.tail.iter().map(|u| u.dot).collect();
            let (open, closed): (Vec<_>, Vec<_>) =
                found.into_iter().filter(|row| before.contains(&row.loser)).partition(|row| tail.contains(&row.loser));
            finals.extend(closed);
            let mine: BTreeSet<_> = finals.iter().cloned().chain(open).collect();
            prop_assert_eq!(mine, ledger(&replica.applied, &replica.schema));
            let folded = checkpoint.fold_again(&replica);
            prop_assert_eq!(visible(&folded, &replica.schema), fold(&replica.applied, &replica.schema));
        }
        prop_assert!(checkpoint.tail.is_empty() && checkpoint.witnesses.is_empty());
    }
}
