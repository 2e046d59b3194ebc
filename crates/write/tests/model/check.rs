//! What must hold of one region at any time, and of all of them at the end.

use crate::cluster::{Cluster, Node};
use crate::fold::Visible;
use crate::language::{SEATS_MAX, TYPES, schema};
use crate::reference::{EventId, RefRow, Reference, id_of};
use std::collections::{BTreeMap, BTreeSet};
use sterna_crdt::{Dot, Field, FieldKind, Fields, Value};
use sterna_log::Event;

type Ledger = BTreeMap<(String, String), BTreeSet<RefRow>>;

/// Compares states, verdicts and ledger with the rules.
pub async fn region(node: &Node) -> Result<(), String> {
    let me = node.writer.region().name.to_string();
    let events = node.events().await;
    let reference = Reference::new(&events);
    causal(&me, &events)?;
    for (kind, id) in reference.aggregates() {
        let held = node.aggregate(&kind, &id).await.ok_or_else(|| format!("{me}: {kind}/{id} is missing"))?;
        if let Some(reason) = &held.parked {
            return Err(format!("{me}: {kind}/{id} is parked: {reason}"));
        }
        let (real, wanted) = (visible(&held.fields), reference.state(&kind, &id));
        if real != wanted {
            return Err(format!("{me}: the state of {kind}/{id} is\n{real:?}\nand not\n{wanted:?}"));
        }
        within(&me, &kind, &id, &real)?;
        let of_this = |event: &EventId| event.0 == kind && event.1 == id;
        let void = reference.void.iter().filter(|event| of_this(event)).count() as u64;
        if held.voided != void {
            return Err(format!("{me}: {kind}/{id} counts {} void events, not {void}", held.voided));
        }
        if let Some(open) = held.tail().find(|open| reference.void.contains(&(kind.clone(), id.clone(), open.dot())) != open.void) {
            return Err(format!("{me}: the verdict on {kind}/{id} {} is {}", open.dot(), open.void));
        }
    }
    let marks: BTreeSet<EventId> = node.marks().await.into_iter().map(|v| (v.kind, v.id, v.dot)).collect();
    if marks != reference.void {
        return Err(format!("{me}: marked as void are {marks:?}, void are {:?}", reference.void));
    }
    let (real, wanted) = (ledger(node).await, wanted_ledger(&reference));
    if real != wanted {
        return Err(format!("{me}: the ledger differs: {}", difference(&real, &wanted)));
    }
    Ok(())
}

/// No bound is crossed over all regions together.
pub async fn bounds(cluster: &Cluster) -> Result<(), String> {
    let mut all: BTreeMap<EventId, Event> = BTreeMap::new();
    for node in &cluster.nodes {
        all.extend(node.events().await.into_iter().map(|event| (id_of(&event), event)));
    }
    let all: Vec<Event> = all.into_values().collect();
    let reference = Reference::new(&all);
    reference.aggregates().iter().try_for_each(|(kind, id)| within("all regions", kind, id, &reference.state(kind, id)))
}

fn within(of: &str, kind: &str, id: &str, state: &Visible) -> Result<(), String> {
    let (stock, seats) = (&state.values["stock"], &state.values["seats"]);
    if *stock < Value::Int(0) || *seats < Value::Int(0) || *seats > Value::Int(SEATS_MAX) {
        return Err(format!("{of}: a bound is crossed in {kind}/{id}: stock {stock:?}, seats {seats:?}"));
    }
    Ok(())
}

/// Nothing is there without its past, and orders extend causality.
fn causal(me: &str, events: &[Event]) -> Result<(), String> {
    let all: BTreeMap<EventId, &Event> = events.iter().map(|event| (id_of(event), event)).collect();
    for event in events {
        for last in event.update.seen.iter() {
            for n in 1..=last.n {
                let dot = Dot { n, ..last };
                let Some(past) = all.get(&(event.kind.clone(), event.id.clone(), dot)) else {
                    return Err(format!("{me}: {}/{} {} is there without {dot}, its past", event.kind, event.id, event.dot()));
                };
                if past.update.order >= event.update.order {
                    return Err(format!("{me}: the order of {} is not behind that of {dot}, its past", event.dot()));
                }
            }
        }
    }
    Ok(())
}

/// After everybody has everything, and knows it.
pub async fn all(cluster: &Cluster) -> Result<(), String> {
    let mut ledgers = Vec::new();
    let events = cluster.nodes[0].events().await;
    let reference = Reference::new(&events);
    for node in &cluster.nodes {
        region(node).await?;
        let theirs = node.events().await;
        let ids: BTreeSet<EventId> = theirs.iter().map(id_of).collect();
        if ids != reference.events.keys().cloned().collect() {
            return Err(format!("{} has not all events", node.writer.region().name));
        }
        for (kind, id) in reference.aggregates() {
            let held = node.aggregate(&kind, &id).await.expect("it was compared");
            if held.open() > 0 {
                let tail: Vec<_> = held.tail().map(|open| (open.dot(), open.closed, open.cause_settled, open.void)).collect();
                return Err(format!("{}: {kind}/{id} never settled: {tail:?}", node.writer.region().name));
            }
        }
        let rows = node.ledger().await;
        if let Some(row) = rows.iter().find(|row| !row.is_final) {
            return Err(format!("a row never became final: {row:?}"));
        }
        ledgers.push(rows);
    }
    if ledgers.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err("ledgers differ".to_owned());
    }
    once(&reference)
}

/// Of events of one key that didn't know of each other, one has the effect, unless its cause has none.
fn once(reference: &Reference<'_>) -> Result<(), String> {
    let all: Vec<&Event> = reference.events.values().copied().collect();
    let is_void = |event: &Event| reference.void.contains(&id_of(event));
    for (at, one) in all.iter().enumerate() {
        for other in &all[at + 1..] {
            let twins = (&one.kind, &one.id, &one.key) == (&other.kind, &other.id, &other.key) && one.update.concurrent(&other.update);
            if twins && !is_void(one) && !is_void(other) {
                return Err(format!("key {} has two effects: {} and {}", one.key, one.dot(), other.dot()));
            }
        }
        if let Some(cause) = one.cause.as_ref()
            && !is_void(one)
            && reference.void.contains(&(cause.kind.clone(), cause.id.clone(), cause.dot))
        {
            return Err(format!("{} outlived its cause", one.dot()));
        }
    }
    Ok(())
}

async fn ledger(node: &Node) -> Ledger {
    let mut all = Ledger::new();
    for row in node.ledger().await {
        let rule = RULES.iter().find(|rule| **rule == row.rule).copied().unwrap_or("unknown");
        all.entry((row.kind, row.id)).or_default().insert((row.field, row.element, row.loser, row.winner, (rule, row.version)));
    }
    all
}

fn wanted_ledger(reference: &Reference<'_>) -> Ledger {
    let rows = reference.aggregates().into_iter().map(|(kind, id)| {
        let rows = reference.ledger(&kind, &id);
        ((kind.to_string(), id.to_string()), rows)
    });
    rows.filter(|(_, rows)| !rows.is_empty()).collect()
}

fn difference(real: &Ledger, wanted: &Ledger) -> String {
    let flat = |ledger: &Ledger| -> BTreeSet<String> {
        ledger.iter().flat_map(|(of, rows)| rows.iter().map(move |row| format!("{}/{} {row:?}", of.0, of.1))).collect()
    };
    let (real, wanted) = (flat(real), flat(wanted));
    format!("too much {:#?}\nmissing {:#?}", real.difference(&wanted).collect::<Vec<_>>(), wanted.difference(&real).collect::<Vec<_>>())
}

fn visible(fields: &Fields) -> Visible {
    let mut out = Visible { present: fields.present(), created: fields.created(), updated: fields.updated(), ..Visible::default() };
    for (name, kind) in &schema() {
        out.values.insert((*name).to_owned(), fields.value(name, kind));
        let Some(field) = fields.field(name) else { continue };
        let mut keep = |key: Option<&Value>, field: &Field, kind: &FieldKind| {
            let dots: Vec<Dot> = field.undecided(kind).map(|candidate| candidate.dot).collect();
            if !dots.is_empty() {
                out.kept.insert(((*name).to_owned(), key.cloned()), dots);
            }
        };
        match kind {
            FieldKind::Map(inner) => field.entries().for_each(|(key, entry)| keep(Some(key), entry, inner)),
            kind => keep(None, field, kind),
        }
    }
    out
}

pub const RULES: [&str; 13] = [
    "latest",
    "keep",
    "max",
    "min",
    "prefer",
    "max-by",
    "min-by",
    "add-wins",
    "true-wins",
    "delete",
    "delete-wins",
    "void",
    "decided-on-void",
];

/// Which aggregates a history touches.
pub const IDS: [&str; 3] = ["a", "b", "z"];

pub fn kinds() -> [&'static str; 2] {
    [TYPES[0], TYPES[1]]
}
