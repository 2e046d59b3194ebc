//! How views change with a document or an event: the difference between the rows that it had and those that it has.

use crate::keys::document::Record;
use crate::keys::{failed, row};
use crate::registry::Tracked;
use crate::view::{Deltas, Generation, change_rows};
use sterna_crdt::{Name, Order};
use sterna_env::HashMap;
use sterna_model::{Contribution, EventView, Row, Rows};
use sterna_store::Transaction;

/// The changes of one transaction, for all views.
#[derive(Default)]
pub(super) struct Changes {
    pub deltas: Deltas,
    /// Changes of how many rows are missing, by generation.
    pub failed: HashMap<u32, i64>,
}

impl Changes {
    /// True if a row or a group changed.
    pub fn document(&mut self, tracked: &Tracked, id: &str, old: Option<&Record>, new: Option<&Record>, t: &mut Transaction) -> bool {
        let derive = |record: Option<&Record>| record.map(|record| tracked.generation.rows(id, record));
        let (old, new) = (derive(old), derive(new));
        let count = |derived: &Option<crate::view::Derived>| derived.as_ref().map_or(0, |derived| derived.failed as i64);
        self.fail(&tracked.generation, count(&new) - count(&old));
        let (old, new) = (old.as_ref().map(|derived| &derived.rows), new.as_ref().map(|derived| &derived.rows));
        if tracked.generation.view().is_rollup() {
            self.deltas.change(&tracked.generation, contributions(old), contributions(new))
        } else {
            let mut source = Vec::with_capacity(id.len() + 1);
            row::put_aggregate(id, &mut source);
            change_rows(&tracked.generation, &source, rows(old), rows(new), t)
        }
    }

    /// An event that the view has not seen. True if a row or a group changed.
    pub fn event(&mut self, tracked: &Tracked, event: &EventView<'_>, order: Order, t: &mut Transaction) -> bool {
        let derived = tracked.generation.event_rows(event);
        self.fail(&tracked.generation, derived.failed as i64);
        if tracked.generation.view().is_rollup() {
            self.deltas.change(&tracked.generation, &[], contributions(Some(&derived.rows)))
        } else {
            let mut source = Vec::with_capacity(64);
            row::put_event(event.aggregate, event.aggregate_id, order, &mut source);
            change_rows(&tracked.generation, &source, &[], rows(Some(&derived.rows)), t)
        }
    }

    /// An event that the view has seen is void: what it brought is taken back. True if a row or a group changed.
    pub fn void_event(&mut self, tracked: &Tracked, event: &EventView<'_>, order: Order, t: &mut Transaction) -> bool {
        let derived = tracked.generation.event_rows(event);
        self.fail(&tracked.generation, -(derived.failed as i64));
        if tracked.generation.view().is_rollup() {
            self.deltas.change(&tracked.generation, contributions(Some(&derived.rows)), &[])
        } else {
            let mut source = Vec::with_capacity(64);
            row::put_event(event.aggregate, event.aggregate_id, order, &mut source);
            change_rows(&tracked.generation, &source, rows(Some(&derived.rows)), &[], t)
        }
    }

    fn fail(&mut self, generation: &Generation, by: i64) {
        if by != 0 {
            *self.failed.entry(generation.number).or_default() += by;
        }
    }

    /// Adds the changes of missing rows to `counts` and writes these.
    pub fn count_failed(&self, counts: &mut HashMap<u32, i64>, t: &mut Transaction) {
        for (&generation, by) in self.failed.iter().filter(|(_, by)| **by != 0) {
            let count = counts.entry(generation).or_default();
            *count += by;
            if *count == 0 {
                t.clear_key(&failed::key(generation));
            } else {
                t.put(failed::key(generation), failed::encode(*count));
            }
        }
    }
}

fn rows(rows: Option<&Rows>) -> &[Row] {
    match rows {
        Some(Rows::Table(rows)) => rows,
        _ => &[],
    }
}

fn contributions(rows: Option<&Rows>) -> &[Contribution] {
    match rows {
        Some(Rows::Rollup(contributions)) => contributions,
        _ => &[],
    }
}

/// The views that changed, each once.
pub(super) fn name_view(names: &mut Vec<Name>, tracked: &Tracked) {
    if tracked.built.is_none() && !names.contains(&tracked.view) {
        names.push(tracked.view.clone());
    }
}
