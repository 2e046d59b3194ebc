//! One aggregate: its vector, its merged fields, and the tail of events that something concurrent may still join.
//!
//! The fields are a function of the set of events that the vector holds: the fold of the checkpoint (what left the tail) and of the tail's
//! events that are not void. They are updated in place; only a changed verdict folds again. Pure but for [`load`].

mod closing;
mod fold;
mod ledger;
mod open;
mod recent;
mod record;
mod tail;
mod verdict;

pub(crate) use ledger::Window;
pub use open::Open;
pub(crate) use open::{CauseOf, targets};
pub(crate) use recent::Recent;
pub use recent::RecentKeys;
pub(crate) use record::{chunk_len, encode_chunk, encode_chunks, load, tail_of};
pub use tail::Tail;

use crate::limits::TAIL_PRESSING_EVENTS;
use smallvec::SmallVec;
use std::sync::Arc;
use sterna_crdt::{ApplyError, Clock, Dot, Fields, Incarnation, RegionId, Schema, VersionVector};
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
    /// How many of them are void.
    pub voided: u64,
    /// Set when an event could not be applied: no more are, until a model comes that can.
    pub parked: Option<String>,
    /// Empty in a region without peers.
    pub(crate) tail: Tail,
    /// The fold of what left the tail, with the tail's closed events as open ones. `None` where the tail is empty: it is `fields`.
    checkpoint: Option<Arc<Fields>>,
    /// Events in the tail met concurrently in what they do, or are void, so that the ledger may have rows of them.
    pub(crate) contested: bool,
    /// What was settled when nothing was found that can be closed. Not part of the state.
    closed_at: SmallVec<[(Incarnation, Position); 3]>,
    /// Its idempotency keys. Not part of the state.
    pub(crate) keys: RecentKeys,
    /// How often its record was written. Not part of the state.
    pub(crate) revision: u64,
    /// Of the record as stored: its chunks and bytes. Not part of the state.
    pub(crate) chunks: usize,
    pub(crate) bytes: usize,
    /// Its state's bytes when they were last counted. Not part of it.
    pub(crate) counted_bytes: usize,
}

impl Aggregate {
    pub fn next_dot(&self, incarnation: Incarnation) -> Dot {
        Dot { incarnation, n: self.seen.get(incarnation) + 1 }
    }

    /// How many events may still meet a concurrent one.
    pub fn open(&self) -> usize {
        self.tail.len()
    }

    /// The events that may still meet a concurrent one, and witnesses of these, in order of application.
    pub fn tail(&self) -> impl DoubleEndedIterator<Item = &Open> {
        self.tail.iter()
    }

    /// Applies an event whose causes are applied and that is not applied itself. With `open`, it joins the tail, and verdicts are given: the
    /// events that are void from now on are returned. An error leaves everything as it was.
    pub(crate) fn apply(&mut self, mut event: Open, schema: &dyn Schema, open: bool) -> Result<Vec<Open>, ApplyError> {
        let update = Arc::clone(&event.update);
        debug_assert_eq!(update.dot.n, self.seen.get(update.dot.incarnation) + 1, "an event without its predecessor");
        let mut voided = Vec::new();
        if open {
            let losers = verdict::among_twins(&self.tail, &mut event);
            self.checkpoint.get_or_insert_with(|| Arc::new(self.fields.clone()));
            let applied = match losers.is_empty() {
                true if event.void => fold::void(&mut self.fields, &update, schema),
                true => self.fields.apply(&update, schema, true),
                false => self.fold_without(&losers, &event, schema).map(|fields| self.fields = fields),
            };
            if let Err(error) = applied {
                self.checkpoint.take_if(|_| self.tail.is_empty());
                return Err(error);
            }
            voided.extend(event.void.then(|| event.clone()));
            voided.extend(self.mark_void(&losers));
        } else {
            self.fields.apply(&update, schema, false)?;
        }
        let met = !update.seen.covers(&self.seen) && (update.competes() || self.tail.competes());
        self.seen.add(update.dot);
        self.clock = self.clock.max(update.order.clock);
        self.model_version = self.model_version.max(update.version);
        self.voided += voided.len() as u64;
        self.contested |= met || !voided.is_empty();
        if open {
            self.tail.push(event);
        }
        Ok(voided)
    }

    /// Its tail is to be looked at though the shard is at work: ledger rows wait to be final, or it has become long.
    pub(crate) fn presses(&self) -> bool {
        self.contested || self.tail.len() > TAIL_PRESSING_EVENTS
    }

    /// Closes what nothing concurrent can join any more; `settled` says, for an incarnation's log, up to where every member has
    /// applied it. Returns true if something was closed. Closed events leave the tail with [`Aggregate::trim`], after
    /// their final ledger rows were taken.
    pub(crate) fn close(&mut self, schema: &dyn Schema, settled: &dyn Fn(Incarnation) -> Position) -> bool {
        let mut closing = self.closable(settled);
        if closing.is_empty() {
            return false;
        }
        closing.sort_unstable();
        let is_closing = |open: &Open| closing.binary_search(&open.dot()).is_ok();
        let checkpoint = Arc::make_mut(self.checkpoint.as_mut().expect("a tail has one"));
        for open in self.tail.iter().filter(|open| is_closing(open) && !open.void) {
            // It was applied before, to more.
            _ = checkpoint.apply(&open.update, schema, true);
        }
        self.tail.change(is_closing, |open| open.closed = true);
        true
    }

    /// Whether [`Aggregate::close`] would close something.
    pub(crate) fn can_close(&self, settled: &dyn Fn(Incarnation) -> Position) -> bool {
        !self.is_known_open(settled) && !closing::closing(self.tail.iter(), settled).is_empty()
    }

    /// While nobody says that it has applied more, nothing can be closed that could not be before: what came since has its place behind that.
    fn closable(&mut self, settled: &dyn Fn(Incarnation) -> Position) -> Vec<Dot> {
        if self.is_known_open(settled) {
            return Vec::new();
        }
        let closing = closing::closing(self.tail.iter(), settled);
        if closing.is_empty() {
            self.closed_at = self.seen.iter().map(|dot| (dot.incarnation, settled(dot.incarnation))).collect();
        }
        closing
    }

    fn is_known_open(&self, settled: &dyn Fn(Incarnation) -> Position) -> bool {
        let now = self.seen.iter().map(|dot| (dot.incarnation, settled(dot.incarnation)));
        now.eq(self.closed_at.iter().copied())
    }

    /// Drops the closed events that no open one needs.
    pub(crate) fn trim(&mut self, schema: &dyn Schema) {
        let forgotten = fold::forgotten(&self.tail);
        if forgotten.is_empty() {
            return;
        }
        let is_forgotten = |open: &Open| open.closed && forgotten.binary_search(&open.dot()).is_ok();
        let checkpoint = Arc::make_mut(self.checkpoint.as_mut().expect("a tail has one"));
        for open in self.tail.iter().filter(|open| is_forgotten(open) && !open.void) {
            self.fields.close(&open.update, schema);
            checkpoint.close(&open.update, schema);
        }
        self.tail.retain(|open| !is_forgotten(open));
        if self.tail.is_empty() {
            self.checkpoint = None;
            self.contested = false;
        }
    }

    /// Own events get their position once it is known.
    pub(crate) fn place(&mut self, dot: Dot, position: Position) {
        self.tail.place(dot, position);
    }

    /// The place of every event in the tail is known.
    pub fn is_placed(&self) -> bool {
        self.tail.is_placed()
    }

    /// Own events of a record read from the store are in the log, at or before its end.
    pub fn place_all(&mut self, me: RegionId, end: Position) {
        self.tail.place_all(|open| open.position.is_none() && open.dot().incarnation.region() == me, end);
    }
}
