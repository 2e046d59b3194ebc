//! A state is a function of the set of updates, whatever their order, their duplicates and the moments of closing.

use crate::history::histories;
use crate::reference::fold;
use crate::replica::{Replica, visible};
use proptest::prelude::*;
use proptest::sample::Index;
use sterna_crdt::Fields;

/// One way to deliver a history: picks for what comes next, for a duplicate and for what is closed after it.
type Delivery = Vec<(Index, Option<Index>, Option<Index>)>;

fn deliveries() -> impl Strategy<Value = Delivery> {
    let maybe = || proptest::option::of(any::<Index>());
    proptest::collection::vec((any::<Index>(), maybe(), maybe()), 1..20)
}

/// Delivers everything, comparing with the reference at each step, then closes everything.
fn deliver(replica: &mut Replica<'_>, delivery: &Delivery) -> Result<(), TestCaseError> {
    let mut picks = delivery.iter().cycle();
    loop {
        let ready = replica.ready();
        if ready.is_empty() {
            break;
        }
        let (next, duplicate, close) = picks.next().unwrap();
        let update = *next.get(&ready);
        prop_assert!(replica.receive(update));
        if let Some(duplicate) = duplicate {
            let held = *duplicate.get(&replica.applied);
            prop_assert!(!replica.receive(held));
        }
        let closable = replica.closable();
        if let (Some(close), false) = (close, closable.is_empty()) {
            let update = *close.get(&closable);
            replica.close(update);
        }
        prop_assert_eq!(visible(&replica.fields, &replica.schema), fold(&replica.applied, &replica.schema));
        let decoded = Fields::decode(&replica.fields.encode());
        prop_assert_eq!(decoded.as_ref(), Ok(&replica.fields));
    }
    let mut closed_at_once = replica.fields.clone();
    closed_at_once.close_all(&replica.schema);
    while let Some(next) = replica.open.first() {
        let (pick, ..) = picks.next().unwrap();
        let update = *if replica.open.len().is_multiple_of(2) { next } else { pick.get(&replica.open) };
        replica.close(update);
        prop_assert_eq!(visible(&replica.fields, &replica.schema), fold(&replica.applied, &replica.schema));
    }
    prop_assert_eq!(closed_at_once, replica.fields.clone());
    Ok(())
}

fn converge(history: &crate::history::History, deliveries: &[Delivery; 2]) -> Result<(), TestCaseError> {
    let [mut a, mut b] = [Replica::new(history), Replica::new(history)];
    deliver(&mut a, &deliveries[0])?;
    deliver(&mut b, &deliveries[1])?;
    prop_assert_eq!(&a.fields, &b.fields);
    prop_assert_eq!(a.fields.encode(), b.fields.encode());
    Ok(())
}

macro_rules! converges {
    ($($name:ident: $fields:expr;)*) => {
        proptest! {
            #![proptest_config(ProptestConfig { cases: 160, failure_persistence: None, ..ProptestConfig::default() })]
            $(
                #[test]
                fn $name(history in histories(&$fields, 40), ways in [deliveries(), deliveries()]) {
                    converge(&history, &ways)?;
                }
            )*
        }
    };
}

converges! {
    all_kinds_together: [];
    registers_that_replace: ["latest", "keep", "prefer", "max_by", "min_by"];
    lattices: ["max", "min", "maxes"];
    counters: ["count", "bounded", "counts"];
    flags: ["flag", "flags"];
    sets: ["set", "sets"];
    maps_of_registers: ["latests", "keeps", "maxes"];
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn without_peers_all_goes_to_the_base(history in histories(&[], 40)) {
        let mut alone = history.clone();
        let mut seen = sterna_crdt::VersionVector::default();
        for update in &mut alone.0 {
            update.seen = seen.clone();
            seen.add(update.dot);
        }
        let mut replica = Replica::new(&alone);
        let mut base = Fields::default();
        for (at, update) in alone.0.iter().enumerate() {
            base.apply(update, &replica.schema, false).unwrap();
            replica.receive(update);
            replica.close(update);
            prop_assert_eq!(&base, &replica.fields);
            let applied: Vec<_> = alone.0[..=at].iter().collect();
            prop_assert_eq!(visible(&base, &replica.schema), fold(&applied, &replica.schema));
        }
    }
}
