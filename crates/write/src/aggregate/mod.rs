//! One aggregate: its vector, its merged fields, and the tail of events that something concurrent may still join.
//!
//! The fields are a function of the set of events that the vector holds. Pure but for [`load`].

mod record;
mod tail;

pub(crate) use record::{encode_chunks, load};
pub use tail::Open;

use std::sync::Arc;
use sterna_crdt::conflicts::Row;
use sterna_crdt::{ApplyError, Clock, Dot, Fields, Incarnation, RegionId, Schema, Update, VersionVector};
use sterna_log::Position;

#[derive(Clone, PartialEq, Debug, Default)]
pub struct Aggregate {
    /// Every event applied.
    pub seen: VersionVector,
    /// The greatest clock of any of them.
    pub clock: Clock,
    pub fields: Fields,
    /// The highest model version among them.
    pub model_version: u32,
    /// Set when an event could not be applied: no more are, until a model comes that can.
    pub parked: Option<String>,
    /// In order of application. Empty in a region without peers.
    pub(crate) tail: Vec<Open>,
    /// Events in the tail met concurrently, so that the ledger may have rows of them.
    pub(crate) contested: bool,
    /// Of the record as stored: its chunks and bytes. Not part of the state.
    pub(crate) chunks: usize,
    pub(crate) bytes: usize,
}

impl Aggregate {
    pub fn next_dot(&self, incarnation: Incarnation) -> Dot {
        Dot { incarnation, n: self.seen.get(incarnation) + 1 }
    }

    /// How many events may still meet a concurrent one.
    pub fn open(&self) -> usize {
        self.tail.len()
    }

    /// Applies an event whose causes are applied and that is not applied itself. With `open`, it joins the tail.
    pub(crate) fn apply(&mut self, event: Open, model_version: u32, schema: &dyn Schema, open: bool) -> Result<(), ApplyError> {
        let update = Arc::clone(&event.update);
        debug_assert_eq!(update.dot.n, self.seen.get(update.dot.incarnation) + 1, "an event without its predecessor");
        self.fields.apply(&update, schema, open)?;
        let concurrent = !update.seen.covers(&self.seen);
        self.seen.add(update.dot);
        self.clock = self.clock.max(update.order.clock);
        self.model_version = self.model_version.max(model_version);
        self.contested |= concurrent;
        if open {
            self.tail.push(event);
        }
        Ok(())
    }

    /// The ledger's rows of events in the tail, and whether each is final.
    pub(crate) fn ledger(&self, schema: &dyn Schema) -> Vec<(Row, bool)> {
        if !self.contested {
            return Vec::new();
        }
        let updates: Vec<&Update> = self.tail.iter().map(|open| &*open.update).collect();
        let closed = |dot: Dot| self.tail.iter().any(|open| open.closed && open.update.dot == dot);
        sterna_crdt::conflicts::rows(&updates, schema)
            .into_iter()
            .map(|row| {
                let is_final = closed(row.loser);
                (row, is_final)
            })
            .collect()
    }

    /// Closes what nothing concurrent can join any more; `settled` says, for an incarnation's log, up to where every member has
    /// applied it. Returns true if something was closed. Closed events leave the tail with [`Aggregate::trim`], after
    /// their final ledger rows were taken.
    pub(crate) fn close(&mut self, schema: &dyn Schema, settled: &dyn Fn(Incarnation) -> Position) -> bool {
        let closing = tail::closing(&self.tail, settled);
        for &at in &closing {
            let update = Arc::clone(&self.tail[at].update);
            self.fields.close(&update, schema);
            self.tail[at].closed = true;
        }
        !closing.is_empty()
    }

    /// Whether [`Aggregate::close`] would close something.
    pub(crate) fn can_close(&self, settled: &dyn Fn(Incarnation) -> Position) -> bool {
        !tail::closing(&self.tail, settled).is_empty()
    }

    /// Drops the closed events that no open one needs.
    pub(crate) fn trim(&mut self) {
        tail::trim(&mut self.tail);
        self.contested &= !self.tail.is_empty();
    }

    /// Own events get their position once it is known.
    pub(crate) fn place(&mut self, dot: Dot, position: Position) {
        if let Some(open) = self.tail.iter_mut().rev().find(|open| open.update.dot == dot) {
            open.position = Some(position);
        }
    }

    /// The place of every event in the tail is known.
    pub fn is_placed(&self) -> bool {
        self.tail.iter().all(|open| open.position.is_some())
    }

    /// Own events of a record read from the store are in the log, at or before its end.
    pub fn place_all(&mut self, me: RegionId, end: Position) {
        for open in self.tail.iter_mut().filter(|open| open.position.is_none() && open.update.dot.incarnation.region() == me) {
            open.position = Some(end);
        }
    }
}
