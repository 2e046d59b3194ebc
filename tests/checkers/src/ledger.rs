//! Which decisions the ledger must tell, as a function of an aggregate's events.

use crate::fold::{merit, overruled};
use crate::{Action, Event, Kind, Op, Schema};
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
}

/// The rows of one aggregate. `void`: those events that have no effect; `live`: the others.
pub fn ledger(live: &[&Event], void: &[&Event], schema: &Schema) -> BTreeSet<Row> {
    let mut rows = BTreeSet::new();
    let whole = |loser: &Event, winner: &str, rule: &str| Row {
        field: String::new(),
        element: "null".into(),
        rule: rule.into(),
        loser: loser.name.clone(),
        winner: winner.into(),
    };
    rows.extend(void.iter().map(|event| whole(event, "", "void")));
    for event in void {
        for decision in decided_on(event, live, void) {
            rows.insert(whole(event, &decision.name, "decided-on-void"));
        }
    }
    let all = live;
    let live: Vec<&Event> = all.iter().copied().filter(|event| !overruled(event, all)).collect();
    for event in all.iter().filter(|event| overruled(event, all) && event.more_than_deletes()) {
        let winner = all.iter().filter(|other| other.deletes_all() && other.concurrent(event)).max_by_key(|other| other.order);
        rows.extend(winner.map(|winner| whole(event, &winner.name, "delete-wins")));
    }
    for delete in live.iter().filter(|event| event.deletes() && !event.deletes_all()) {
        let beside = live.iter().filter(|event| event.concurrent(delete) && event.more_than_deletes());
        rows.extend(beside.map(|event| whole(delete, &event.name, "delete")));
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
fn decided_on<'a>(void: &Event, live: &[&'a Event], others: &[&Event]) -> Vec<&'a Event> {
    let place = |event: &Event| (event.rank, event.order);
    let better = |twin: &&&Event| twin.key == void.key && place(twin) < place(void) && twin.concurrent(void);
    let better: Vec<&Event> = live.iter().chain(others).filter(better).copied().collect();
    let unaware = |event: &&&Event| !better.iter().any(|twin| twin.before(event));
    let decisions = live.iter().filter(|event| event.cause.is_none() && void.before(event)).filter(unaware);
    if better.is_empty() { Vec::new() } else { decisions.copied().collect() }
}

type Here<'a> = (&'a [&'a Event], &'a [(usize, Op)]);

/// `all` may have decided; only `live` ones win and lose.
fn set_rows(field: &str, key: &Option<Value>, kind: &Kind, all: Here<'_>, live: Here<'_>, rows: &mut BTreeSet<Row>) {
    let rule = match kind {
        Kind::Latest => "latest",
        Kind::Keep => "keep",
        Kind::Max => "max",
        Kind::Flag => "true-wins",
        _ => return,
    };
    let (all, sets) = (sets_of(kind, all), sets_of(kind, live));
    let worth = |(event, value): &(&Event, Value)| {
        let merit = if *kind == Kind::Flag { Some(i64::from(*value == Value::Bool(true))) } else { merit(kind, value) };
        (merit, event.order)
    };
    for loser in &sets {
        let decided = |winner: &Event| {
            let better = |decider: &(&Event, Value)| *kind != Kind::Max || worth(decider) > worth(loser);
            all.iter().any(|decider| loser.0.before(decider.0) && !winner.before(decider.0) && better(decider))
        };
        let beat = sets.iter().filter(|winner| loser.0.concurrent(winner.0) && worth(winner) > worth(loser) && !decided(winner.0));
        if let Some(winner) = beat.max_by_key(|winner| worth(winner)).filter(|winner| winner.1 != loser.1) {
            rows.insert(Row {
                field: field.into(),
                element: json!(key).to_string(),
                rule: rule.into(),
                loser: loser.0.name.clone(),
                winner: winner.0.name.clone(),
            });
        }
    }
}

/// Of several sets of one event the last counts.
fn sets_of<'a>(kind: &Kind, (events, ops): Here<'a>) -> Vec<(&'a Event, Value)> {
    let mut out: Vec<(&Event, Value)> = Vec::new();
    for (at, op) in ops {
        let Action::Set(value) = &op.action else { continue };
        match out.iter_mut().find(|(event, _)| event.dot == events[*at].dot) {
            Some((_, old)) if *kind == Kind::Max && merit(kind, old) > merit(kind, value) => {}
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
            });
        }
    }
}
