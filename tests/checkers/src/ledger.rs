//! Which decisions the ledger must tell, as a function of an aggregate's events.

use crate::fold::{merit, overruled};
use crate::{Action, Event, Kind, Op, Order, Schema};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A row without what follows from the events: its values.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Row {
    pub field: String,
    /// As JSON; `null` where whole events met.
    pub element: String,
    pub rule: String,
    pub loser: String,
    /// Empty for a void event: which twin or cause made it so is not part of the row's identity.
    pub winner: String,
    /// Of the model whose rule it is: the highest among the events that met.
    pub version: u32,
}

/// The rows of one aggregate. `void`: those events that have no effect; `live`: the others.
pub fn ledger(live: &[&Event], void: &[&Event], schema: &Schema) -> BTreeSet<Row> {
    let mut rows = BTreeSet::new();
    let whole = |loser: &Event, winner: &str, rule: &str, version: u32| Row {
        field: String::new(),
        element: "null".into(),
        rule: rule.into(),
        loser: loser.name.clone(),
        winner: winner.into(),
        version: loser.version.max(version),
    };
    for event in void {
        let better = better_twins(event, live, void);
        let best = better.iter().min_by_key(|twin| (twin.rank, twin.order));
        rows.insert(whole(event, "", "void", best.map_or(0, |best| best.version)));
        for decision in decided_on(event, &better, live) {
            rows.insert(whole(event, &decision.name, "decided-on-void", decision.version));
        }
    }
    let all = live;
    let live: Vec<&Event> = all.iter().copied().filter(|event| !overruled(event, all)).collect();
    for event in all.iter().filter(|event| overruled(event, all) && event.more_than_deletes()) {
        let winner = all.iter().filter(|other| other.deletes_all() && other.concurrent(event)).max_by_key(|other| other.order);
        rows.extend(winner.map(|winner| whole(event, &winner.name, "delete-wins", winner.version)));
    }
    for delete in live.iter().filter(|event| event.deletes() && !event.deletes_all()) {
        let beside = live.iter().filter(|event| event.concurrent(delete) && event.more_than_deletes());
        rows.extend(beside.map(|event| whole(delete, &event.name, "delete", event.version)));
    }
    for (field, kind) in schema {
        let inner = if let Kind::Map(inner) = kind { inner } else { kind };
        let mut places: Vec<&Option<Value>> = Vec::new();
        for op in live.iter().flat_map(|event| &event.ops).filter(|op| op.field == *field) {
            if !places.contains(&&op.key) {
                places.push(&op.key);
            }
        }
        for key in places {
            let here = |events: &[&'_ Event]| -> Vec<(usize, Op)> {
                let ops = events.iter().enumerate().flat_map(|(at, event)| event.ops.iter().map(move |op| (at, op)));
                ops.filter(|(_, op)| op.field == *field && op.key == *key).map(|(at, op)| (at, op.clone())).collect()
            };
            set_rows(field, key, inner, (all, &here(all)), (&live, &here(&live)), &mut rows);
            removal_rows(field, key, inner, (&live, &here(&live)), &mut rows);
        }
    }
    rows
}

/// Who decided on a void event, as a person and not as a reaction, without knowing of the twin that makes it void.
fn decided_on<'a>(void: &Event, better: &[&Event], live: &[&'a Event]) -> Vec<&'a Event> {
    let unaware = |event: &&&Event| !better.iter().any(|twin| twin.before(event));
    let decisions = live.iter().filter(|event| event.cause.is_none() && void.before(event)).filter(unaware);
    if better.is_empty() { Vec::new() } else { decisions.copied().collect() }
}

/// The twins that make an event void.
fn better_twins<'a>(void: &Event, live: &[&'a Event], others: &[&'a Event]) -> Vec<&'a Event> {
    let place = |event: &Event| (event.rank, event.order);
    let better = |twin: &&&Event| twin.key == void.key && place(twin) < place(void) && twin.concurrent(void);
    live.iter().chain(others).filter(better).copied().collect()
}

type Here<'a> = (&'a [&'a Event], &'a [(usize, Op)]);

/// `all` may have decided; only `live` ones win and lose. (Nobody removes a field whose rule changes with the version: then the rule of those that
/// are left would decide too.)
fn set_rows(field: &str, key: &Option<Value>, kind: &Kind, all: Here<'_>, live: Here<'_>, rows: &mut BTreeSet<Row>) {
    if rule_name(kind).is_none() && !matches!(kind, Kind::Turns(_)) {
        return;
    }
    let (all, sets) = (sets_of(kind, all), sets_of(kind, live));
    for loser in &sets {
        let decided = |winner: &Event| {
            let better = |decider: &(&Event, Value)| *kind != Kind::Max || worth(kind, decider) > worth(kind, loser);
            all.iter().any(|decider| loser.0.before(decider.0) && !winner.before(decider.0) && better(decider))
        };
        let met: Vec<&(&Event, Value)> =
            sets.iter().filter(|set| set.0.dot == loser.0.dot || loser.0.concurrent(set.0) && !decided(set.0)).collect();
        let kind = kind.among(met.iter().map(|set| set.0));
        let winner = met.iter().copied().max_by_key(|set| worth(kind, set)).filter(|winner| winner.1 != loser.1);
        rows.extend(winner.zip(rule_name(kind)).map(|(winner, rule)| Row {
            field: field.into(),
            element: json!(key).to_string(),
            rule: rule.into(),
            loser: loser.0.name.clone(),
            winner: winner.0.name.clone(),
            version: met.iter().map(|set| set.0.version).max().unwrap_or_default(),
        }));
    }
}

fn rule_name(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::Latest => Some("latest"),
        Kind::Keep => Some("keep"),
        Kind::Max => Some("max"),
        Kind::Prefer(_) => Some("prefer"),
        Kind::Flag => Some("true-wins"),
        _ => None,
    }
}

/// Greater wins.
fn worth(kind: &Kind, (event, value): &(&Event, Value)) -> (Option<i64>, Order) {
    let merit = if *kind == Kind::Flag { Some(i64::from(*value == Value::Bool(true))) } else { merit(kind, event, value) };
    (merit, event.order)
}

/// Of several sets of one event the last counts.
fn sets_of<'a>(kind: &Kind, (events, ops): Here<'a>) -> Vec<(&'a Event, Value)> {
    let mut out: Vec<(&Event, Value)> = Vec::new();
    for (at, op) in ops {
        let Action::Set(value) = &op.action else { continue };
        match out.iter_mut().find(|(event, _)| event.dot == events[*at].dot) {
            Some((_, old)) if *kind == Kind::Max && merit(kind, events[*at], old) > merit(kind, events[*at], value) => {}
            Some((_, old)) => *old = value.clone(),
            None => out.push((events[*at], value.clone())),
        }
    }
    out
}

fn removal_rows(field: &str, key: &Option<Value>, kind: &Kind, (events, ops): Here<'_>, rows: &mut BTreeSet<Row>) {
    for (r, removal) in ops {
        for (a, op) in ops.iter().filter(|(a, op)| events[*a].concurrent(events[*r]) && kind.contributes(&op.action)) {
            let element = match (&removal.action, &op.action) {
                (Action::RemoveKey, _) => json!(key),
                (Action::Remove(gone), Action::Insert(value)) if gone == value => match key {
                    Some(key) => json!([key, value]),
                    None => value.clone(),
                },
                _ => continue,
            };
            rows.insert(Row {
                field: field.into(),
                element: element.to_string(),
                rule: "add-wins".into(),
                loser: events[*r].name.clone(),
                winner: events[*a].name.clone(),
                version: events[*r].version.max(events[*a].version),
            });
        }
    }
}
