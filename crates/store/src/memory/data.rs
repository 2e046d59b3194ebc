//! The versions of every key.

use std::{collections::BTreeMap, ops::Range};

use bytes::Bytes;

use crate::{CommitError, Committed, Page, Pair, Stamp, Transaction, Version, Write, contains};

/// The versions of one key, oldest first; `None` where it was removed.
type Versions = Vec<(Version, Option<Bytes>)>;

/// What is durable, and how it came to be so.
#[derive(Clone)]
pub(super) struct Data {
    keys: BTreeMap<Bytes, Versions>,
    visible: Version,
    /// Older versions can't be read, and conflicts with them can't be checked.
    floor: Version,
    versions_kept: u64,
    order: u32,
}

impl Data {
    pub(super) fn new(versions_kept: u64) -> Self {
        Self { keys: BTreeMap::new(), visible: Version(0), floor: Version(0), versions_kept, order: 0 }
    }

    pub(super) fn visible(&self) -> Version {
        self.visible
    }

    pub(super) fn is_too_old(&self, version: Version) -> bool {
        version < self.floor
    }

    /// Forgets every version but the visible one.
    pub(super) fn expire(&mut self) {
        self.prune(self.visible);
    }

    /// Begins a batch of transactions that share the next version.
    pub(super) fn begin(&mut self) {
        self.order = 0;
    }

    /// Makes the batch visible.
    pub(super) fn publish(&mut self) {
        self.visible = self.next();
        let kept = self.visible.0 - self.floor.0;
        if kept > 2 * self.versions_kept {
            self.prune(Version(self.visible.0 - self.versions_kept));
        }
    }

    /// Checks and applies one transaction of a batch, and adds the keys it wrote to `changed`.
    pub(super) fn apply(&mut self, t: &Transaction, changed: &mut Vec<Bytes>) -> Result<Committed, CommitError> {
        self.check(t)?;
        let order = u16::try_from(self.order).map_err(|_| CommitError::Unavailable("too many transactions at once".into()))?;
        self.order += 1;
        let version = self.next();
        let stamp = Stamp::new(version, order);
        for write in &t.writes {
            match write {
                Write::Put { key, value } => self.set(key.clone(), Some(value.clone()), changed),
                Write::PutStamped { key, value, at } => {
                    let (key, value) = at.fill(key, value, stamp);
                    self.set(key, Some(value), changed);
                }
                Write::Clear(range) => {
                    for key in self.live_keys(range) {
                        self.set(key, None, changed);
                    }
                }
            }
        }
        Ok(Committed { version, stamp })
    }

    /// Whether `key` was, perhaps, changed after `seen`.
    pub(super) fn changed_after(&self, key: &Bytes, seen: Version) -> bool {
        self.last_change(key).map_or(seen < self.floor, |last| last > seen)
    }

    pub(super) fn get(&self, key: &Bytes, version: Version) -> Option<Bytes> {
        at_version(self.keys.get(key)?, version)
    }

    pub(super) fn scan(&self, range: &Range<Bytes>, page: Page, version: Version) -> Vec<Pair> {
        if range.start >= range.end {
            return Vec::new();
        }
        let mut bytes = 0;
        let cut = move |(key, value): &Pair| {
            let more = bytes < page.bytes || bytes == 0;
            bytes += key.len() + value.len();
            more
        };
        let live = |(key, versions): (&Bytes, &Versions)| Some((key.clone(), at_version(versions, version)?));
        let keys = self.keys.range(range.clone());
        if page.reverse {
            let pairs = keys.rev().filter_map(live);
            pairs.take_while(cut).take(page.limit).collect()
        } else {
            let pairs = keys.filter_map(live);
            pairs.take_while(cut).take(page.limit).collect()
        }
    }

    fn next(&self) -> Version {
        Version(self.visible.0 + 1)
    }

    fn check(&self, t: &Transaction) -> Result<(), CommitError> {
        if t.reads.is_empty() {
            return Ok(());
        }
        if self.is_too_old(t.read_version) || t.read_version > self.visible {
            return Err(CommitError::TooOld);
        }
        let changed = |range: &&Range<Bytes>| {
            range.start < range.end && self.keys.range((*range).clone()).any(|(_, versions)| newest(versions) > t.read_version)
        };
        let keys: Vec<Bytes> = t.reads.iter().filter(changed).map(|range| range.start.clone()).collect();
        if keys.is_empty() { Ok(()) } else { Err(CommitError::Conflict { keys }) }
    }

    fn last_change(&self, key: &Bytes) -> Option<Version> {
        self.keys.get(key).map(|versions| newest(versions))
    }

    fn live_keys(&self, range: &Range<Bytes>) -> Vec<Bytes> {
        if range.start >= range.end {
            return Vec::new();
        }
        self.keys
            .range(range.clone())
            .filter(|(key, versions)| {
                debug_assert!(contains(range, key));
                versions.last().is_some_and(|(_, value)| value.is_some())
            })
            .map(|(key, _)| key.clone())
            .collect()
    }

    fn set(&mut self, key: Bytes, value: Option<Bytes>, changed: &mut Vec<Bytes>) {
        let version = self.next();
        let versions = self.keys.entry(key.clone()).or_default();
        if newest(versions) == version && !versions.is_empty() {
            versions.pop();
        }
        versions.push((version, value));
        changed.push(key);
    }

    fn prune(&mut self, floor: Version) {
        self.floor = self.floor.max(floor);
        self.keys.retain(|_, versions| {
            let after = versions.partition_point(|(version, _)| *version <= floor);
            versions.drain(..after.saturating_sub(1));
            versions.last().is_some_and(|(version, value)| value.is_some() || *version > floor)
        });
    }
}

fn newest(versions: &[(Version, Option<Bytes>)]) -> Version {
    versions.last().map_or(Version(0), |(version, _)| *version)
}

fn at_version(versions: &[(Version, Option<Bytes>)], version: Version) -> Option<Bytes> {
    let after = versions.partition_point(|(written, _)| *written <= version);
    versions[..after].last().and_then(|(_, value)| value.clone())
}

#[cfg(test)]
impl Data {
    /// How many versions of all keys are kept.
    pub(super) fn versions(&self) -> usize {
        self.keys.values().map(Vec::len).sum()
    }
}
