//! Verdicts, states and ledger rows as functions of a set of events: the rules of merge_model.py. Nothing of the code under test is used.

use crate::fold::{Visible, fold, ledger};
use crate::language::schema;
use std::collections::{BTreeMap, BTreeSet};
use sterna_crdt::conflicts::Rule;
use sterna_crdt::{Dot, Name, Order, Update, Value};
use sterna_log::Event;

/// Type, id and dot.
pub type EventId = (Name, Name, Dot);
/// Field, element, loser, winner, rule and its version.
pub type RefRow = (String, Option<Value>, Dot, Option<Dot>, (&'static str, u32));

pub struct Reference<'a> {
    pub events: BTreeMap<EventId, &'a Event>,
    pub void: BTreeSet<EventId>,
}

pub fn id_of(event: &Event) -> EventId {
    (event.kind.clone(), event.id.clone(), event.dot())
}

/// A reaction's is its cause's.
fn rank(event: &Event) -> (Order, Order) {
    (event.cause.as_ref().map_or(event.update.order, |cause| cause.rank), event.update.order)
}

impl<'a> Reference<'a> {
    pub fn new(all: &'a [Event]) -> Self {
        let events: BTreeMap<EventId, &Event> = all.iter().map(|event| (id_of(event), event)).collect();
        let mut groups: BTreeMap<(&Name, &Name, &Name), Vec<&Event>> = BTreeMap::new();
        events.values().for_each(|event| groups.entry((&event.kind, &event.id, &event.key)).or_default().push(event));
        let mut void: BTreeSet<EventId> = BTreeSet::new();
        for group in groups.values() {
            let beaten = |e: &&&Event| group.iter().any(|t| t.update.concurrent(&e.update) && rank(t) < rank(e));
            void.extend(group.iter().filter(beaten).map(|event| id_of(event)));
        }
        loop {
            let caused = |event: &&&Event| event.cause.as_ref().is_some_and(|c| void.contains(&(c.kind.clone(), c.id.clone(), c.dot)));
            let more: Vec<EventId> = events.values().filter(caused).map(|event| id_of(event)).filter(|id| !void.contains(id)).collect();
            if more.is_empty() {
                return Self { events, void };
            }
            void.extend(more);
        }
    }

    pub fn aggregates(&self) -> BTreeSet<(Name, Name)> {
        self.events.keys().map(|(kind, id, _)| (kind.clone(), id.clone())).collect()
    }

    fn of(&self, kind: &str, id: &str) -> Vec<&'a Event> {
        self.events.values().filter(|event| *event.kind == *kind && *event.id == *id).copied().collect()
    }

    fn live(&self, kind: &str, id: &str) -> Vec<&'a Update> {
        self.of(kind, id).into_iter().filter(|event| !self.void.contains(&id_of(event))).map(|event| &*event.update).collect()
    }

    pub fn state(&self, kind: &str, id: &str) -> Visible {
        fold(&self.live(kind, id), &schema())
    }

    pub fn ledger(&self, kind: &str, id: &str) -> BTreeSet<RefRow> {
        let mut rows: BTreeSet<RefRow> = ledger(&self.live(kind, id), &schema())
            .into_iter()
            .map(|row| (row.field.to_string(), row.element, row.loser, row.winner, (row.rule.name(), row.version)))
            .collect();
        let all = self.of(kind, id);
        for v in all.iter().filter(|event| self.void.contains(&id_of(event))) {
            let better: Vec<&&Event> =
                all.iter().filter(|t| t.key == v.key && t.update.concurrent(&v.update) && rank(t) < rank(v)).collect();
            let version = |of: Option<&&Event>| v.update.version.max(of.map_or(0, |event| event.update.version));
            let winner = better.iter().min_by_key(|t| rank(t)).copied();
            rows.insert((String::new(), None, v.dot(), winner.map(|t| t.dot()), (Rule::Void.name(), version(winner))));
            for f in all.iter().filter(|f| f.cause.is_none() && !self.void.contains(&id_of(f)) && v.update.before(&f.update)) {
                if !better.is_empty() && !better.iter().any(|t| t.update.before(&f.update)) {
                    rows.insert((String::new(), None, v.dot(), Some(f.dot()), (Rule::OnVoid.name(), version(Some(f)))));
                }
            }
        }
        rows
    }
}
