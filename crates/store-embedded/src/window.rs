//! What was written lately: enough to tell whether something read has changed since.

use std::{
    collections::{HashMap, VecDeque},
    hash::BuildHasher as _,
    ops::Range,
};

use bytes::Bytes;
use foldhash::{fast::FixedState, quality::RandomState};
use sterna_store::{CommitError, Transaction, Version, as_key};

use crate::batch::Batch;

/// The keys of the last batches: by hash for reads of a key, and in order, one sorted run a batch,
/// for reads of a range, which search only the runs that are newer than their read version.
///
/// Two keys of one hash make a conflict that is none, once in 2^64: the transaction is tried again.
pub(crate) struct Window {
    keys_max: usize,
    hasher: RandomState,
    last: HashMap<u64, Version, FixedState>,
    runs: VecDeque<Run>,
    keys: usize,
    floor: Version,
}

/// The keys of a batch, one behind the other: a handle and an allocation a key would take more than the keys do.
struct Run {
    version: Version,
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Run {
    fn new(version: Version, keys: &[Bytes]) -> Self {
        let mut run = Self { version, bytes: Vec::with_capacity(keys.iter().map(Bytes::len).sum()), ends: Vec::with_capacity(keys.len()) };
        for key in keys {
            run.bytes.extend_from_slice(key);
            run.ends.push(u32::try_from(run.bytes.len()).expect("a batch is bounded"));
        }
        run
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn key(&self, at: usize) -> &[u8] {
        let begin = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[begin as usize..self.ends[at] as usize]
    }

    fn keys(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|at| self.key(at))
    }

    fn has_any(&self, range: &Range<Bytes>) -> bool {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.key(middle) < &*range.start { low = middle + 1 } else { high = middle }
        }
        low < self.len() && self.key(low) < &*range.end
    }
}

impl Window {
    /// A window that knows of no write after `floor` yet, and of none before it ever.
    pub(crate) fn new(keys_max: usize, floor: Version) -> Self {
        Self { keys_max, hasher: RandomState::default(), last: HashMap::default(), runs: VecDeque::new(), keys: 0, floor }
    }

    /// Refuses `t` if something it read was changed after its read version: by the batches before
    /// `batch`, or by what `batch` holds already.
    pub(crate) fn check(&self, t: &Transaction, batch: &Batch) -> Result<(), CommitError> {
        if t.reads.is_empty() {
            return Ok(());
        }
        if t.read_version < self.floor || t.read_version >= batch.version() {
            return Err(CommitError::TooOld);
        }
        let changed = |range: &&Range<Bytes>| match as_key(range) {
            Some(key) => self.last_change(key) > t.read_version || batch.changes_key(key),
            None => self.range_changed(range, t.read_version) || batch.changes_range(range),
        };
        let ranges = t.reads.iter().filter(changed);
        let keys: Vec<Bytes> = ranges.map(|range| range.start.clone()).collect();
        if keys.is_empty() { Ok(()) } else { Err(CommitError::Conflict { keys }) }
    }

    /// Remembers what a batch wrote: its keys, in order.
    pub(crate) fn record(&mut self, version: Version, keys: &[Bytes]) {
        debug_assert!(keys.is_sorted());
        if keys.is_empty() {
            return;
        }
        for key in keys {
            self.last.insert(self.hash(key), version);
        }
        self.keys += keys.len();
        self.runs.push_back(Run::new(version, keys));
        // The newest batch stays, however large, so that there is always something to check against.
        while self.keys > self.keys_max && self.runs.len() > 1 {
            self.forget_oldest();
        }
    }

    /// Whether `key` was, perhaps, changed after `seen`.
    pub(crate) fn changed_after(&self, key: &Bytes, seen: Version) -> bool {
        seen < self.floor || self.last_change(key) > seen
    }

    fn last_change(&self, key: &Bytes) -> Version {
        self.last.get(&self.hash(key)).copied().unwrap_or_default()
    }

    fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }

    fn range_changed(&self, range: &Range<Bytes>, read: Version) -> bool {
        self.runs.iter().rev().take_while(|run| run.version > read).any(|run| run.has_any(range))
    }

    fn forget_oldest(&mut self) {
        let Some(run) = self.runs.pop_front() else {
            return;
        };
        self.keys -= run.len();
        self.floor = run.version;
        for key in run.keys() {
            let hash = self.hash(key);
            if self.last.get(&hash) == Some(&run.version) {
                self.last.remove(&hash);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sterna_store::prefix_range;

    fn check(window: &Window, read: u64, build: impl Fn(&mut Transaction)) -> Result<(), CommitError> {
        let mut t = Transaction::new(Version(read));
        build(&mut t);
        window.check(&t, &Batch::new(Version(1_000)))
    }

    fn window(keys_max: usize) -> Window {
        let mut window = Window::new(keys_max, Version(10));
        for version in 11..=15 {
            let key = |prefix| Bytes::from(format!("{prefix}{version}"));
            window.record(Version(version), &[key("a"), key("b")]);
        }
        window
    }

    #[test]
    fn finds_keys_and_ranges_changed_after_the_read() {
        let window = window(100);
        check(&window, 12, |t| _ = t.read_key(b"a12")).unwrap();
        check(&window, 11, |t| _ = t.read_key(b"a12")).unwrap_err();
        check(&window, 15, |t| _ = t.read_range(prefix_range(b"a"))).unwrap();
        check(&window, 14, |t| _ = t.read_range(prefix_range(b"a"))).unwrap_err();
        check(&window, 14, |t| _ = t.read_range(prefix_range(b"c"))).unwrap();
    }

    #[test]
    fn what_it_forgot_or_never_knew_is_too_old() {
        let window = window(4);
        let too_old = Err(CommitError::TooOld);
        assert_eq!(check(&window, 12, |t| _ = t.read_key(b"x")), too_old);
        assert_eq!(check(&window, 13, |t| _ = t.read_key(b"x")), Ok(()));
        assert_eq!(check(&window, 1_000, |t| _ = t.read_key(b"x")), too_old);
        assert_eq!(check(&window, 0, |t| _ = t.put("x", "v")), Ok(()));
        assert_eq!((window.keys, window.last.len()), (4, 4));
    }

    #[test]
    fn a_batch_larger_than_the_window_is_still_known() {
        let mut window = Window::new(2, Version(0));
        let keys = |n| (0..n).map(|n| Bytes::from(format!("{n}"))).collect::<Vec<_>>();
        window.record(Version(1), &keys(2));
        window.record(Version(2), &keys(9));
        check(&window, 1, |t| _ = t.read_key(b"8")).unwrap_err();
        check(&window, 2, |t| _ = t.read_key(b"8")).unwrap();
    }
}
