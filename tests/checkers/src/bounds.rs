//! Bounded counters never cross their bound: over all regions together, whenever something is durable.

use crate::{Action, Event, Kind, Schema, Violation, voids};
use std::collections::{BTreeMap, BTreeSet};

/// Looks at every event that is durable anywhere, as it comes.
#[derive(Default)]
pub struct StockWatch {
    events: Vec<Event>,
    causes: Vec<Event>,
    changed: BTreeSet<String>,
}

impl StockWatch {
    /// Of every aggregate: what has a bound is told from the schema.
    pub fn add(&mut self, event: Event, schemas: &BTreeMap<String, Schema>) {
        let bounded = |schema: &Schema| schema.values().any(|kind| *kind == Kind::Bounded);
        let kind = event.aggregate.split('/').next().unwrap_or_default();
        if schemas.get(kind).is_some_and(bounded) {
            self.changed.insert(event.aggregate.clone());
            self.events.push(event);
        } else {
            self.causes.push(event);
        }
    }

    /// Of what was added since the last look.
    pub fn look(&mut self, at_ms: u64, schemas: &BTreeMap<String, Schema>) -> Vec<Violation> {
        if self.changed.is_empty() {
            return Vec::new();
        }
        let all: Vec<Event> = self.events.iter().chain(&self.causes).cloned().collect();
        let void = voids(&all);
        let mut found = Vec::new();
        for aggregate in std::mem::take(&mut self.changed) {
            let kind = aggregate.split('/').next().unwrap_or_default();
            let fields = schemas.get(kind).into_iter().flatten().filter(|(_, kind)| **kind == Kind::Bounded);
            for (field, _) in fields {
                let live = self.events.iter().filter(|e| e.aggregate == aggregate && !void.contains(&(aggregate.clone(), e.dot)));
                let ops = live.flat_map(|event| &event.ops).filter(|op| op.field == *field);
                let sum: i64 = ops.map(|op| if let Action::Add(delta) = op.action { delta } else { 0 }).sum();
                if sum < 0 {
                    found.push(Violation::new("bounds", format!("{field} of {aggregate} is {sum} over all regions at {at_ms} ms")));
                }
            }
        }
        found
    }
}
