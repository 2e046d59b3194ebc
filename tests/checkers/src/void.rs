//! Which events have no effect.

use crate::{Dot, Event};
use std::collections::{BTreeMap, BTreeSet};

/// Of several events that one key made on one aggregate, each without knowledge of the others, all but that of the smallest rank; and every
/// event whose cause is void. (Who makes a second one though it knows the first has forgotten the key: that is `effect-once`'s to judge.)
pub fn voids(events: &[Event]) -> BTreeSet<(String, Dot)> {
    let mut twins: BTreeMap<(&str, &str), Vec<&Event>> = BTreeMap::new();
    for event in events {
        twins.entry((&event.aggregate, &event.key)).or_default().push(event);
    }
    let mut void = BTreeSet::new();
    for group in twins.values() {
        // A region that was restored may send a reaction once more: both have the rank of their cause.
        let place = |event: &Event| (event.rank, event.order);
        let beaten = |event: &Event| group.iter().any(|twin| place(twin) < place(event) && twin.concurrent(event));
        void.extend(group.iter().filter(|event| beaten(event)).map(|event| (event.aggregate.clone(), event.dot)));
    }
    loop {
        let live = events.iter().filter(|event| !void.contains(&(event.aggregate.clone(), event.dot)));
        let more: Vec<_> =
            live.filter(|e| e.cause.as_ref().is_some_and(|cause| void.contains(cause))).map(|e| (e.aggregate.clone(), e.dot)).collect();
        if more.is_empty() {
            return void;
        }
        void.extend(more);
    }
}
