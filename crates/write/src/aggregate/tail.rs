//! Events that something concurrent may still join (DESIGN.md, section 4), in order of application.
//!
//! The newest are kept in the aggregate's record; older ones in chunks of their own, which are written once and changed only by a
//! verdict. So a tail that grows while a region is away costs space, and neither a copy nor a rewrite of it for each command.

use super::Open;
use crate::limits::{TAIL_CHUNK_EVENTS, TAIL_INLINE_EVENTS_MAX};
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;
use sterna_crdt::{Action, Dot, Name, VersionVector};
use sterna_log::Position;

#[derive(Clone, Debug, Default)]
pub struct Tail {
    chunks: Vec<Arc<Chunk>>,
    recent: Vec<Open>,
    /// The next chunk's number.
    next: u32,
    /// Numbers of chunks that are gone and not yet cleared in the store.
    dropped: Vec<u32>,
}

#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    pub number: u32,
    pub events: Vec<Open>,
    /// Hashes of the events' keys, sorted.
    hashes: Vec<u64>,
    /// The last of its dots of each incarnation.
    dots: VersionVector,
    /// Some of the events are void, or deletes that win.
    marked: bool,
    /// The store has it as it is here.
    stored: bool,
    /// The store has it, perhaps as it was.
    held: bool,
}

/// What the record keeps of a tail.
pub(crate) struct Stored {
    pub recent: Vec<Open>,
    /// Runs of chunk numbers: first, and how many.
    pub runs: Vec<(u32, u32)>,
    pub next: u32,
}

impl Chunk {
    pub fn new(number: u32, events: Vec<Open>, stored: bool) -> Self {
        let mut hashes: Vec<u64> = events.iter().map(|open| hash(&open.key)).collect();
        hashes.sort_unstable();
        let dots = events.iter().map(Open::dot).collect();
        let marked = events.iter().any(is_marked);
        Self { number, events, hashes, dots, marked, stored, held: stored }
    }
}

fn is_marked(open: &Open) -> bool {
    open.void || open.update.ops.iter().any(|op| op.action == Action::Delete { wins: true })
}

impl Tail {
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Open> {
        self.chunks.iter().flat_map(|chunk| &chunk.events).chain(&self.recent)
    }

    pub fn len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.events.len()).sum::<usize>() + self.recent.len()
    }

    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.recent.is_empty()
    }

    pub fn push(&mut self, open: Open) {
        self.recent.push(open);
        if self.recent.len() >= TAIL_INLINE_EVENTS_MAX {
            let newer = self.recent.split_off(TAIL_CHUNK_EVENTS);
            let older = std::mem::replace(&mut self.recent, newer);
            self.chunks.push(Arc::new(Chunk::new(self.next, older, false)));
            self.next += 1;
        }
    }

    pub fn last_mut(&mut self) -> Option<&mut Open> {
        self.recent.last_mut()
    }

    /// Those that `floor` does not hold. What it holds is passed over by chunks.
    pub fn beyond<'a>(&'a self, floor: &'a VersionVector) -> impl Iterator<Item = &'a Open> {
        let chunks = self.chunks.iter().filter(|chunk| !floor.covers(&chunk.dots));
        chunks.flat_map(|chunk| &chunk.events).chain(&self.recent).filter(|open| !floor.contains(open.dot()))
    }

    /// Void events, and deletes that win. They are rare.
    pub fn marked(&self) -> impl Iterator<Item = &Open> {
        let chunks = self.chunks.iter().filter(|chunk| chunk.marked);
        chunks.flat_map(|chunk| &chunk.events).chain(&self.recent).filter(|open| is_marked(open))
    }

    /// The events of one idempotency key.
    pub fn of_key<'a>(&'a self, key: &'a Name) -> impl Iterator<Item = &'a Open> {
        let hashed = hash(key);
        let chunks = self.chunks.iter().filter(move |chunk| chunk.hashes.binary_search(&hashed).is_ok());
        chunks.flat_map(|chunk| &chunk.events).chain(&self.recent).filter(move |open| open.key == *key)
    }

    /// Changes the events that are picked. Returns how many.
    pub fn change(&mut self, pick: impl Fn(&Open) -> bool, change: impl Fn(&mut Open)) -> usize {
        let mut changed = 0;
        let mut each = |events: &mut [Open]| events.iter_mut().filter(|open| pick(open)).for_each(|open| (changed += 1, change(open)).0);
        for chunk in self.chunks.iter_mut().filter(|chunk| chunk.events.iter().any(&pick)) {
            let chunk = Arc::make_mut(chunk);
            chunk.stored = false;
            each(&mut chunk.events);
            chunk.marked = chunk.events.iter().any(is_marked);
        }
        each(&mut self.recent);
        changed
    }

    /// An own event gets its position once it is known. A stored chunk is not written again for that.
    pub fn place(&mut self, dot: Dot, position: Position) {
        let is = |open: &Open| open.dot() == dot;
        if let Some(open) = self.recent.iter_mut().rev().find(|open| is(open)) {
            open.position = Some(position);
        } else if let Some(chunk) = self.chunks.iter_mut().rev().find(|chunk| chunk.events.iter().any(is)) {
            Arc::make_mut(chunk).events.iter_mut().filter(|open| is(open)).for_each(|open| open.position = Some(position));
        }
    }

    /// Gives the events that are `lost` a position: an upper bound is enough.
    pub fn place_all(&mut self, lost: impl Fn(&Open) -> bool, position: Position) {
        for chunk in self.chunks.iter_mut().filter(|chunk| chunk.events.iter().any(&lost)) {
            let events = &mut Arc::make_mut(chunk).events;
            events.iter_mut().filter(|open| lost(open)).for_each(|open| open.position = Some(position));
        }
        self.recent.iter_mut().filter(|open| lost(open)).for_each(|open| open.position = Some(position));
    }

    pub fn retain(&mut self, keep: impl Fn(&Open) -> bool) {
        for chunk in self.chunks.iter_mut().filter(|chunk| !chunk.events.iter().all(&keep)) {
            let left = chunk.events.iter().filter(|open| keep(open)).cloned().collect();
            *chunk = Arc::new(Chunk { held: chunk.held, ..Chunk::new(chunk.number, left, false) });
        }
        self.recent.retain(keep);
        let few = self.len() <= TAIL_CHUNK_EVENTS;
        if few {
            let mut all: Vec<Open> = self.chunks.iter().flat_map(|chunk| chunk.events.iter().cloned()).collect();
            all.append(&mut self.recent);
            self.recent = all;
        }
        let gone = |chunk: &Arc<Chunk>| few || chunk.events.is_empty();
        self.dropped.extend(self.chunks.iter().filter(|chunk| gone(chunk) && chunk.held).map(|chunk| chunk.number));
        self.chunks.retain(|chunk| !gone(chunk));
    }

    /// The chunks to write, and whether the store has an older version; they count as written from now on. And the numbers of those to clear.
    pub fn take_changes(&mut self) -> (Vec<(Arc<Chunk>, bool)>, Vec<u32>) {
        let mut written = Vec::new();
        for chunk in self.chunks.iter_mut().filter(|chunk| !chunk.stored) {
            let held = chunk.held;
            (Arc::make_mut(chunk).stored, Arc::make_mut(chunk).held) = (true, true);
            written.push((Arc::clone(chunk), held));
        }
        (written, std::mem::take(&mut self.dropped))
    }

    pub fn to_stored(&self) -> Stored {
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for chunk in &self.chunks {
            match runs.last_mut() {
                Some((first, count)) if *first + *count == chunk.number => *count += 1,
                _ => runs.push((chunk.number, 1)),
            }
        }
        Stored { recent: self.recent.clone(), runs, next: self.next }
    }

    /// `chunks` are those that the runs name, in order.
    pub fn from_stored(stored: Stored, chunks: Vec<Chunk>) -> Self {
        Self { chunks: chunks.into_iter().map(Arc::new).collect(), recent: stored.recent, next: stored.next, dropped: Vec::new() }
    }
}

/// How a tail is cut into chunks is no part of the state.
impl PartialEq for Tail {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

fn hash(key: &Name) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(key.as_bytes());
    hasher.finish()
}
