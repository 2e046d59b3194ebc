//! Ledger rows against the rules written out, and as a function of the set alone.

use crate::history::{histories, schema};
use crate::reference::ledger;
use proptest::prelude::*;
use std::collections::BTreeSet;
use sterna_crdt::conflicts::rows;

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_those_of_the_rules(history in histories(&[], 50), cut in any::<proptest::sample::Index>()) {
        let all: Vec<_> = history.0.iter().take(cut.index(history.0.len() + 1)).collect();
        let found = rows(&all, &schema());
        let set: BTreeSet<_> = found.iter().cloned().collect();
        prop_assert_eq!(&set, &ledger(&all, &schema()));
        prop_assert_eq!(found.len(), set.len());
    }

    #[test]
    fn rows_of_one_register_are_those_of_the_rules(
        history in histories(&["latest", "max_by", "flag", "max"], 60),
        by in any::<proptest::sample::Index>(),
    ) {
        let mut all: Vec<_> = history.0.iter().collect();
        let found = rows(&all, &schema());
        prop_assert_eq!(found.iter().cloned().collect::<BTreeSet<_>>(), ledger(&all, &schema()));
        if !all.is_empty() {
            let middle = by.index(all.len());
            all.rotate_left(middle);
            prop_assert_eq!(rows(&all, &schema()), found);
        }
    }
}
