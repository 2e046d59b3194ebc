//! What a region tells, against the fold of all events that its logs hold.

use crate::fold::present;
use crate::{Dot, Event, Row, Schema, Violation, fold, ledger, voids};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What a region tells of one aggregate.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Null if there is no such document, or it was deleted.
    pub state: Value,
    pub rows: BTreeSet<Row>,
}

/// `told`: by aggregate; an aggregate that is missing has no document. `schemas`: by type. `lost`: events that went with the only disk that had
/// them; others may have been made in their knowledge.
pub fn against_reference(
    region: &str,
    events: &[Event],
    lost: &BTreeSet<(String, Dot)>,
    told: &BTreeMap<String, Told>,
    schemas: &BTreeMap<String, Schema>,
) -> Vec<Violation> {
    let void = voids(events);
    let mut by_aggregate: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in events {
        by_aggregate.entry(&event.aggregate).or_default().push(event);
    }
    let mut found = causality(events, lost);
    let nothing = Told::default();
    for (aggregate, events) in by_aggregate {
        let kind = aggregate.split('/').next().unwrap_or_default();
        let Some(schema) = schemas.get(kind) else { continue };
        let (gone, live): (Vec<&Event>, Vec<&Event>) = events.iter().partition(|event| void.contains(&(aggregate.to_owned(), event.dot)));
        let told = told.get(aggregate).unwrap_or(&nothing);
        let want = if present(&live) { fold(&live, schema) } else { Value::Null };
        if told.state != want {
            found.push(Violation::new("reference", format!("{region} shows {aggregate} as {}, its events fold to {want}", told.state)));
        }
        let want = ledger(&live, &gone, schema);
        let missing: Vec<&Row> = want.difference(&told.rows).collect();
        let extra: Vec<&Row> = told.rows.difference(&want).collect();
        if !missing.is_empty() || !extra.is_empty() {
            found.push(Violation::new(
                "ledger",
                format!("{region}'s ledger of {aggregate} lacks {missing:?}, and has {extra:?} for nothing"),
            ));
        }
    }
    found
}

/// Orders don't contradict causality, and numbers have no gap.
fn causality(events: &[Event], lost: &BTreeSet<(String, Dot)>) -> Vec<Violation> {
    let mut found = Vec::new();
    let is_lost = |aggregate: &str, dot: Dot| lost.contains(&(aggregate.to_owned(), dot));
    let mut by_aggregate: BTreeMap<&str, BTreeMap<_, &Event>> = BTreeMap::new();
    for event in events {
        if let Some(other) = by_aggregate.entry(&event.aggregate).or_default().insert(event.dot, event)
            && (other.key != event.key || other.order != event.order)
        {
            found.push(Violation::new("causality", format!("two events of {} are named {}", event.aggregate, event.name)));
        }
    }
    for (aggregate, events) in &by_aggregate {
        for event in events.values() {
            let before = (event.dot.0, event.dot.1 - 1);
            if before.1 > 0 && !events.contains_key(&before) && !is_lost(aggregate, before) {
                found.push(Violation::new("causality", format!("{aggregate} has {} and not the one before", event.name)));
            }
            for (incarnation, n) in &event.seen {
                match events.get(&(*incarnation, *n)) {
                    Some(past) if past.order < event.order => {}
                    Some(past) => found.push(Violation::new(
                        "causality",
                        format!("{aggregate}: {} is ordered before {}, which it saw", event.name, past.name),
                    )),
                    None if is_lost(aggregate, (*incarnation, *n)) => {}
                    None => found.push(Violation::new(
                        "causality",
                        format!("{aggregate}: {} saw event {n} of {incarnation}, which is nowhere", event.name),
                    )),
                }
            }
        }
    }
    found
}
