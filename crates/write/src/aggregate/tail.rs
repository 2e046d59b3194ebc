//! Events that something concurrent may still join (DESIGN.md, section 4), in order of application.
//!
//! The newest are kept in the aggregate's record; older ones in chunks of their own, which are written once and changed only by a
//! verdict. Chunks and the index of their keys are persistent vectors and trees (RRB trees: Bagwell and Rompf, "RRB-Trees: Efficient Immutable
//! Vectors", 2011), which copies share. So a tail that grows while a region is away costs space, and neither a copy, a search nor a
//! rewrite of it for each command.

use super::Open;
use crate::limits::{TAIL_CHUNK_EVENTS, TAIL_INLINE_EVENTS_MAX};
use imbl::{OrdSet, Vector};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hasher};
use std::ops::{AddAssign, SubAssign};
use std::sync::Arc;
use sterna_crdt::{Action, Dot, Name, VersionVector};
use sterna_log::Position;

#[derive(Clone, Debug, Default)]
pub struct Tail {
    /// By number. An incarnation's events are in order of their dots.
    chunks: Vector<Arc<Chunk>>,
    /// Of all chunks together.
    counts: Counts,
    /// For each event in a chunk its key's hash and the chunk's number.
    keys: OrdSet<(u64, u32)>,
    recent: Vec<Open>,
    /// Of the chunks' numbers: first, and how many.
    runs: Vec<(u32, u32)>,
    /// The next chunk's number.
    next: u32,
    /// Numbers of chunks that the store does not have as they are here.
    changed: Vec<u32>,
    /// Numbers of chunks that are gone and not yet cleared in the store.
    dropped: Vec<u32>,
    /// How often chunks that the store has were changed or cleared there. While it stays, a number stands for the same events.
    rewrites: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    pub number: u32,
    pub events: Vec<Open>,
    /// The last dot of each incarnation in this chunk and those before it, at least.
    upto: VersionVector,
    counts: Counts,
    /// The store has it, perhaps as it was.
    held: bool,
}

/// How many events there are.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct Counts {
    all: usize,
    /// Void, or deletes that win.
    marked: usize,
    /// The verdict on their causes may change.
    unsettled: usize,
    /// Their places in their logs are not known.
    unplaced: usize,
    /// What they do may meet what is concurrent.
    competing: usize,
}

/// What the record keeps of a tail.
#[derive(Serialize, Deserialize)]
pub(crate) struct Stored<'a> {
    pub recent: Cow<'a, [Open]>,
    /// Of the chunks' numbers: first, and how many.
    pub runs: Cow<'a, [(u32, u32)]>,
    pub next: u32,
    pub rewrites: u32,
}

impl Chunk {
    /// `upto` are the last dots of what is in the tail before it, at least.
    fn new(number: u32, events: Vec<Open>, mut upto: VersionVector, held: bool) -> Self {
        events.iter().for_each(|open| upto.add(open.dot()));
        let counts = Counts::of(&events);
        Self { number, events, upto, counts, held }
    }

    fn keys(&self) -> impl Iterator<Item = (u64, u32)> {
        self.events.iter().map(|open| (hash(&open.key), self.number))
    }
}

impl Counts {
    fn of<'a>(events: impl IntoIterator<Item = &'a Open>) -> Self {
        let mut counts = Self::default();
        for open in events {
            counts.all += 1;
            counts.marked += usize::from(is_marked(open));
            counts.unsettled += usize::from(!open.cause_settled);
            counts.unplaced += usize::from(open.position.is_none());
            counts.competing += usize::from(open.update.competes());
        }
        counts
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.all += other.all;
        self.marked += other.marked;
        self.unsettled += other.unsettled;
        self.unplaced += other.unplaced;
        self.competing += other.competing;
    }
}

impl SubAssign for Counts {
    fn sub_assign(&mut self, other: Self) {
        self.all -= other.all;
        self.marked -= other.marked;
        self.unsettled -= other.unsettled;
        self.unplaced -= other.unplaced;
        self.competing -= other.competing;
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
        self.counts.all + self.recent.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn push(&mut self, open: Open) {
        self.recent.push(open);
        if self.recent.len() >= TAIL_INLINE_EVENTS_MAX {
            let newer = self.recent.split_off(TAIL_CHUNK_EVENTS);
            let older = std::mem::replace(&mut self.recent, newer);
            self.changed.push(self.next);
            self.append(self.next, older, false);
            self.next += 1;
        }
    }

    fn append(&mut self, number: u32, events: Vec<Open>, held: bool) {
        let before = self.chunks.last().map_or_else(VersionVector::default, |last| last.upto.clone());
        let chunk = Chunk::new(number, events, before, held);
        self.note(&chunk);
        extend(&mut self.runs, number);
        self.chunks.push_back(Arc::new(chunk));
    }

    pub fn last_mut(&mut self) -> Option<&mut Open> {
        self.recent.last_mut()
    }

    pub fn find(&self, dot: Dot) -> Option<&Open> {
        let is = |open: &&Open| open.dot() == dot;
        self.recent.iter().rev().find(is).or_else(|| self.chunks.get(self.chunk_of(dot))?.events.iter().find(is))
    }

    /// The index of the chunk that has this event, if one has it.
    fn chunk_of(&self, dot: Dot) -> usize {
        self.partition_point(|chunk| !chunk.upto.contains(dot))
    }

    fn chunk_numbered(&self, number: u32) -> usize {
        self.partition_point(|chunk| chunk.number < number)
    }

    fn partition_point(&self, is_before: impl Fn(&Chunk) -> bool) -> usize {
        let found = self.chunks.binary_search_by(|chunk| if is_before(chunk) { Ordering::Less } else { Ordering::Greater });
        found.unwrap_or_else(|at| at)
    }

    /// Those that `floor` does not hold. The chunks before them are passed over.
    pub fn beyond<'a>(&'a self, floor: &'a VersionVector) -> impl Iterator<Item = &'a Open> {
        let first = self.partition_point(|chunk| floor.covers(&chunk.upto));
        let chunks = self.chunks.focus().narrow(first..).into_iter();
        chunks.flat_map(|chunk| &chunk.events).chain(&self.recent).filter(|open| !floor.contains(open.dot()))
    }

    /// Void events, and deletes that win. They are rare.
    pub fn marked(&self) -> impl Iterator<Item = &Open> {
        self.with(|counts| counts.marked, is_marked)
    }

    /// Those on whose causes the verdict may change.
    pub fn unsettled(&self) -> impl Iterator<Item = &Open> {
        self.with(|counts| counts.unsettled, |open| !open.cause_settled)
    }

    /// Chunks without any are not looked at.
    fn with(&self, count: impl Fn(&Counts) -> usize, is: impl Fn(&Open) -> bool) -> impl Iterator<Item = &Open> {
        let chunks = Some(&self.chunks).filter(|_| count(&self.counts) > 0).into_iter().flatten();
        let chunks = chunks.filter(move |chunk| count(&chunk.counts) > 0);
        chunks.flat_map(|chunk| &chunk.events).chain(&self.recent).filter(move |open| is(open))
    }

    pub fn competes(&self) -> bool {
        self.counts.competing > 0 || self.recent.iter().any(|open| open.update.competes())
    }

    /// The place of every event is known.
    pub fn is_placed(&self) -> bool {
        self.counts.unplaced == 0 && self.recent.iter().all(|open| open.position.is_some())
    }

    /// The events of one idempotency key.
    pub fn of_key<'a>(&'a self, key: &'a Name) -> impl Iterator<Item = &'a Open> {
        let hashed = hash(key);
        let numbers = self.keys.range((hashed, 0)..=(hashed, u32::MAX));
        let chunks = numbers.filter_map(|(_, number)| self.chunks.get(self.chunk_numbered(*number)));
        chunks.flat_map(|chunk| &chunk.events).chain(&self.recent).filter(move |open| open.key == *key)
    }

    /// Changes the events that are picked. Returns how many.
    pub fn change(&mut self, pick: impl Fn(&Open) -> bool, change: impl Fn(&mut Open)) -> usize {
        let picked: Vec<usize> = (0..).zip(&self.chunks).filter(|(_, chunk)| chunk.events.iter().any(&pick)).map(|(at, _)| at).collect();
        let mut changed = 0;
        let mut each = |events: &mut [Open]| events.iter_mut().filter(|open| pick(open)).for_each(|open| (changed += 1, change(open)).0);
        picked.into_iter().for_each(|at| self.edit(at, true, &mut each));
        each(&mut self.recent);
        changed
    }

    /// Changes the events of these dots.
    pub fn change_at(&mut self, dots: &[Dot], change: impl Fn(&mut Open)) {
        for dot in dots {
            let each = |events: &mut [Open]| events.iter_mut().filter(|open| open.dot() == *dot).for_each(&change);
            match self.recent.iter().any(|open| open.dot() == *dot) {
                true => each(&mut self.recent),
                false => self.edit(self.chunk_of(*dot), true, each),
            }
        }
    }

    fn edit(&mut self, at: usize, write: bool, edit: impl FnOnce(&mut [Open])) {
        let Some(chunk) = self.chunks.get_mut(at).map(Arc::make_mut) else { return };
        edit(&mut chunk.events);
        self.counts -= chunk.counts;
        chunk.counts = Counts::of(&chunk.events);
        self.counts += chunk.counts;
        if write {
            self.changed.push(chunk.number);
        }
    }

    /// An own event gets its position once it is known. A stored chunk is not written again for that.
    pub fn place(&mut self, dot: Dot, position: Position) {
        if let Some(open) = self.recent.iter_mut().rev().find(|open| open.dot() == dot) {
            open.position = Some(position);
        } else {
            let place = |open: &mut Open| open.position = Some(position);
            self.edit(self.chunk_of(dot), false, |events| events.iter_mut().filter(|open| open.dot() == dot).for_each(place));
        }
    }

    /// Gives the events that are `lost` a position: an upper bound is enough. They have none.
    pub fn place_all(&mut self, lost: impl Fn(&Open) -> bool, position: Position) {
        let place = |events: &mut [Open]| events.iter_mut().filter(|open| lost(open)).for_each(|open| open.position = Some(position));
        // Most often the newest ones are.
        let (mut unplaced, mut at) = (self.counts.unplaced, self.chunks.len());
        while unplaced > 0 {
            at -= 1;
            let here = self.chunks[at].counts.unplaced;
            unplaced -= here;
            if here > 0 {
                self.edit(at, false, place);
            }
        }
        place(&mut self.recent);
    }

    pub fn retain(&mut self, keep: impl Fn(&Open) -> bool) {
        self.recent.retain(&keep);
        let shrinking: Vec<Arc<Chunk>> = self.chunks.iter().filter(|chunk| !chunk.events.iter().all(&keep)).cloned().collect();
        for chunk in shrinking {
            let at = self.chunk_numbered(chunk.number);
            self.forget(&chunk);
            let left: Vec<Open> = chunk.events.iter().filter(|open| keep(open)).cloned().collect();
            if left.is_empty() {
                self.chunks.remove(at);
                self.dropped.extend(chunk.held.then_some(chunk.number));
            } else {
                let left = Chunk::new(chunk.number, left, chunk.upto.clone(), chunk.held);
                self.note(&left);
                self.changed.push(left.number);
                self.chunks.set(at, Arc::new(left));
            }
        }
        if self.len() <= TAIL_CHUNK_EVENTS && !self.chunks.is_empty() {
            let chunks = std::mem::take(&mut self.chunks);
            chunks.iter().for_each(|chunk| self.forget(chunk));
            self.dropped.extend(chunks.iter().filter(|chunk| chunk.held).map(|chunk| chunk.number));
            self.recent = chunks.iter().flat_map(|chunk| &chunk.events).chain(&self.recent).cloned().collect();
        }
        self.runs.clear();
        self.chunks.iter().for_each(|chunk| extend(&mut self.runs, chunk.number));
    }

    /// Counts and keys.
    fn note(&mut self, chunk: &Chunk) {
        self.counts += chunk.counts;
        self.keys.extend(chunk.keys());
    }

    fn forget(&mut self, chunk: &Chunk) {
        self.counts -= chunk.counts;
        chunk.keys().for_each(|key| _ = self.keys.remove(&key));
    }

    /// The chunks to write, and whether the store has an older version; they count as written from now on. And the numbers of those to clear.
    pub fn take_changes(&mut self) -> (Vec<(Arc<Chunk>, bool)>, Vec<u32>) {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        let mut written = Vec::with_capacity(changed.len());
        for number in changed {
            let at = self.chunk_numbered(number);
            if let Some(chunk) = self.chunks.get_mut(at).filter(|chunk| chunk.number == number) {
                let held = std::mem::replace(&mut Arc::make_mut(chunk).held, true);
                written.push((Arc::clone(chunk), held));
            }
        }
        let dropped = std::mem::take(&mut self.dropped);
        self.rewrites += u32::from(!dropped.is_empty() || written.iter().any(|(_, held)| *held));
        (written, dropped)
    }

    pub fn stored(&self) -> Stored<'_> {
        Stored { recent: Cow::Borrowed(&self.recent), runs: Cow::Borrowed(&self.runs), next: self.next, rewrites: self.rewrites }
    }

    /// The chunks of this tail, which was stored, are the first of the one that is stored now.
    pub fn has_first_of(&self, stored: &Stored<'_>) -> bool {
        let written = self.changed.is_empty() && self.dropped.is_empty();
        written && self.rewrites == stored.rewrites && self.next <= stored.next
    }

    /// The tail that is stored now: its first chunks are those of `known`, and `chunks` are the events of the others, in order.
    pub fn from_stored(stored: Stored<'_>, known: &Self, chunks: Vec<Vec<Open>>) -> Self {
        let mut tail = known.clone();
        let numbers: Vec<u32> = stored.beyond(known).collect();
        numbers.into_iter().zip(chunks).for_each(|(number, events)| tail.append(number, events, true));
        Self { recent: stored.recent.into_owned(), next: stored.next, rewrites: stored.rewrites, ..tail }
    }

    /// What came behind `known`, whose chunks are the first of this tail's: if nothing left it since, and no verdict changed.
    pub fn behind(&self, known: &Self) -> Option<impl Iterator<Item = &Open>> {
        let mut behind = self.chunks.focus().narrow(known.chunks.len()..).into_iter().flat_map(|chunk| &chunk.events).chain(&self.recent);
        let verdict = |open: &Open| (open.dot(), open.void, open.cause_settled, open.closed);
        let same = |was: &Open, is: &Open| verdict(was) == verdict(is);
        known.recent.iter().all(|was| behind.next().is_some_and(|is| same(was, is))).then_some(behind)
    }
}

impl Stored<'_> {
    /// The numbers of the chunks that `known` does not have, a tail whose chunks are the first of this one.
    pub fn beyond(&self, known: &Tail) -> impl Iterator<Item = u32> {
        let next = known.next;
        self.runs.iter().flat_map(move |&(first, count)| first.max(next)..first + count)
    }
}

/// Adds a number to runs of them.
fn extend(runs: &mut Vec<(u32, u32)>, number: u32) {
    match runs.last_mut() {
        Some((first, count)) if *first + *count == number => *count += 1,
        _ => runs.push((number, 1)),
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

#[cfg(test)]
mod tests {
    use super::{Open, Tail};
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use sterna_crdt::{Action, Clock, Dot, Incarnation, Name, Op, Order, RegionId, Update, VersionVector};
    use sterna_log::Position;

    #[derive(Clone, Debug)]
    enum Step {
        /// Of region, key and whether its place is known.
        Push(u8, u8, bool),
        Void(usize),
        Place(usize),
        PlaceAll,
        /// Drops those whose number leaves this rest.
        Drop(usize),
        /// Writes what changed, and perhaps reads it again.
        Store(bool),
        /// Writes what changed, and another process reads it, who knows what it read before.
        Follow,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            80 => (0..3_u8, 0..40_u8, any::<bool>()).prop_map(|(region, key, placed)| Step::Push(region, key, placed)),
            4 => (0..400_usize).prop_map(Step::Void),
            4 => (0..400_usize).prop_map(Step::Place),
            1 => Just(Step::PlaceAll),
            2 => (0..4_usize).prop_map(Step::Drop),
            8 => any::<bool>().prop_map(Step::Store),
            8 => Just(Step::Follow),
        ];
        prop::collection::vec(step, 1..400)
    }

    fn open(region: u8, n: u64, key: u8, position: Option<Position>) -> Open {
        let incarnation = Incarnation::new(RegionId(region.into()), 1);
        let order = Order { clock: Clock::from_ms(n), incarnation };
        let action = if key == 0 { Action::Delete { wins: true } } else { Action::Add(1) };
        let ops = vec![Op { field: Name::from("n"), key: None, action }];
        let update = Update { dot: Dot { incarnation, n }, seen: VersionVector::default(), order, version: 1, ops };
        Open {
            update: Arc::new(update),
            position,
            key: format!("key-{key}").into(),
            body_hash: [0; 16],
            answer: None,
            rank: order,
            cause: None,
            cause_at: None,
            is_chained: false,
            targets: Vec::new(),
            may_have_twin: true,
            void: false,
            cause_settled: key % 5 != 1,
            closed: false,
        }
    }

    fn place(n: u64) -> Position {
        Position::new(1, [n as u8; 10], 0)
    }

    /// What the store has, by the chunk's number.
    fn store(tail: &mut Tail, held: &mut BTreeMap<u32, Vec<Open>>) {
        let (written, dropped) = tail.take_changes();
        for (chunk, was_held) in written {
            assert_eq!(held.insert(chunk.number, chunk.events.clone()).is_some(), was_held);
        }
        dropped.iter().for_each(|number| assert!(held.remove(number).is_some()));
    }

    /// As a process that knows `known` reads it.
    fn read(tail: &Tail, known: &Tail, held: &BTreeMap<u32, Vec<Open>>) -> Tail {
        let stored = tail.stored();
        let chunks = stored.beyond(known).map(|number| held[&number].clone()).collect();
        Tail::from_stored(stored, known, chunks)
    }

    /// Without its place, which is not always written.
    fn plain_of(open: &Open) -> (Dot, bool) {
        (open.dot(), open.void)
    }

    proptest! {
        #[test]
        fn a_tail_is_the_list_of_its_events(steps in steps()) {
            let (mut tail, mut plain, mut held) = (Tail::default(), Vec::<Open>::new(), BTreeMap::new());
            let mut follower = Tail::default();
            let mut made = [0; 3];
            for step in steps {
                match step {
                    Step::Push(region, key, placed) => {
                        made[usize::from(region)] += 1;
                        let n = made[usize::from(region)];
                        let event = open(region, n, key, placed.then(|| place(n)));
                        tail.push(event.clone());
                        plain.push(event);
                    }
                    Step::Void(at) => {
                        if let Some(event) = plain.get_mut(at) {
                            event.void = true;
                            tail.change_at(&[event.dot()], |open| open.void = true);
                        }
                    }
                    Step::Place(at) => {
                        if let Some(event) = plain.get_mut(at) {
                            event.position = Some(place(at as u64));
                            tail.place(event.dot(), place(at as u64));
                        }
                    }
                    Step::PlaceAll => {
                        let lost = |open: &Open| open.position.is_none() && open.dot().incarnation.region() == RegionId(0);
                        tail.place_all(lost, place(9));
                        plain.iter_mut().filter(|open| lost(open)).for_each(|open| open.position = Some(place(9)));
                    }
                    Step::Drop(rest) => {
                        tail.retain(|open| open.dot().n % 4 != rest as u64);
                        plain.retain(|open| open.dot().n % 4 != rest as u64);
                    }
                    Step::Store(again) => {
                        store(&mut tail, &mut held);
                        if again {
                            let numbers: Vec<u32> = tail.stored().beyond(&Tail::default()).collect();
                            prop_assert_eq!(numbers.len(), held.len(), "nothing is left over in the store");
                            tail = read(&tail, &Tail::default(), &held);
                            // A place is not written again.
                            plain = tail.iter().cloned().collect();
                        }
                    }
                    Step::Follow => {
                        store(&mut tail, &mut held);
                        let known = Some(&follower).filter(|known| known.has_first_of(&tail.stored()));
                        let before = known.cloned();
                        follower = read(&tail, known.unwrap_or(&Tail::default()), &held);
                        prop_assert!(follower.iter().map(plain_of).eq(plain.iter().map(plain_of)));
                        prop_assert_eq!((follower.len(), &follower.keys, &follower.runs), (tail.len(), &tail.keys, &tail.runs));
                        if let Some(before) = before {
                            let grown = plain.iter().map(plain_of).take(before.len()).eq(before.iter().map(plain_of));
                            let behind = follower.behind(&before).map(|behind| behind.map(plain_of).collect::<Vec<_>>());
                            prop_assert_eq!(behind, grown.then(|| plain.iter().skip(before.len()).map(plain_of).collect()));
                        }
                    }
                }
                prop_assert!(tail.iter().eq(&plain));
                prop_assert_eq!(tail.len(), plain.len());
                prop_assert_eq!(tail.is_placed(), plain.iter().all(|open| open.position.is_some()));
                prop_assert_eq!(tail.competes(), plain.iter().any(|open| open.update.competes()));
                prop_assert!(tail.unsettled().eq(plain.iter().filter(|open| !open.cause_settled)));
                prop_assert!(tail.marked().eq(plain.iter().filter(|open| open.void || open.update.competes())));
            }
            let floor: VersionVector = plain.iter().take(plain.len() / 2).map(Open::dot).collect();
            prop_assert!(tail.beyond(&floor).eq(plain.iter().filter(|open| !floor.contains(open.dot()))));
            for key in 0..40 {
                let key = Name::from(format!("key-{key}"));
                prop_assert!(tail.of_key(&key).eq(plain.iter().filter(|open| open.key == key)));
            }
            for (region, last) in (0..3).zip(made) {
                for n in 1..=last + 1 {
                    let dot = Dot { incarnation: Incarnation::new(RegionId(region), 1), n };
                    prop_assert_eq!(tail.find(dot), plain.iter().find(|open| open.dot() == dot));
                }
            }
        }
    }
}
