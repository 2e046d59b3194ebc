//! This region's copies of all logs, its own included.

use crate::Stores;
use crate::keys;
use crate::limits::LOG_CACHE_BYTES_MAX;
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock};
use sterna_log::{DecodeError, Entry, LogId, Position};
use sterna_store::{Page, ReadError};

/// One entry of a log. Cheap to clone; decoded at most once.
#[derive(Clone, Debug)]
pub struct LogEntry {
    /// Of its last event.
    pub position: Position,
    pub bytes: Bytes,
    decoded: Arc<OnceLock<Result<Arc<Entry>, DecodeError>>>,
}

impl LogEntry {
    pub fn new(position: Position, bytes: Bytes) -> Self {
        Self { position, bytes, decoded: Arc::default() }
    }

    pub(crate) fn known(position: Position, bytes: Bytes, entry: Arc<Entry>) -> Self {
        Self { position, bytes, decoded: Arc::new(OnceLock::from(Ok(entry))) }
    }

    pub fn entry(&self) -> Result<&Arc<Entry>, &DecodeError> {
        self.decoded.get_or_init(|| Entry::decode(&self.bytes).map(Arc::new)).as_ref()
    }

    /// The position of the event at `index`.
    pub fn at(&self, index: usize) -> Position {
        Position { index: index as u16, ..self.position }
    }
}

/// Reads entries: recent ones from memory where this process is the store's only writer, else from the store.
pub struct Logs {
    stores: Stores,
    recent: Mutex<BTreeMap<LogId, Recent>>,
}

/// The newest entries of a log, without a gap, behind `after`.
#[derive(Default)]
struct Recent {
    after: Position,
    entries: VecDeque<LogEntry>,
    bytes: usize,
}

impl Logs {
    pub fn new(stores: impl Into<Stores>) -> Self {
        Self { stores: stores.into(), recent: Mutex::default() }
    }

    /// Entries behind `after` and up to `until`, in order, about `bytes_max` of them; at least one if there is one.
    pub async fn read(&self, log: LogId, after: Position, until: Position, bytes_max: usize) -> Result<Vec<LogEntry>, ReadError> {
        if after >= until {
            return Ok(Vec::new());
        }
        if let Some(entries) = self.recent(log, after, until, bytes_max) {
            return Ok(entries);
        }
        let snapshot = self.stores.of(log.shard).snapshot().await?;
        let mut page = Page { limit: 1_000, bytes: bytes_max.max(1), reverse: false };
        loop {
            let range = keys::log::behind(log, after);
            let pairs = snapshot.scan(range, page).await?;
            let short = page.is_short(&pairs);
            let mut entries: Vec<LogEntry> =
                keys::log::join(&pairs, short).into_iter().map(|(position, bytes)| LogEntry::new(position, bytes)).collect();
            if entries.is_empty() && !short {
                page.bytes *= 4;
                continue;
            }
            entries.retain(|entry| entry.position <= until);
            return Ok(entries);
        }
    }

    /// The position of the last entry, by the store.
    pub async fn tip(&self, log: LogId) -> Result<Position, ReadError> {
        self.tip_before(log, u64::MAX).await
    }

    /// The position of the last entry of the epochs before `epoch`, by the store.
    pub async fn tip_before(&self, log: LogId, epoch: u64) -> Result<Position, ReadError> {
        let snapshot = self.stores.of(log.shard).snapshot().await?;
        let pairs = snapshot.scan(keys::log::before_epoch(log, epoch), Page::last(1)).await?;
        let Some((last, _)) = pairs.first() else { return Ok(Position::ZERO) };
        let commit_of = last.slice(..last.len() - 2);
        let mut end = commit_of.to_vec();
        end.extend_from_slice(&[0xff; 3]);
        let chunks = snapshot.scan(commit_of..end.into(), Page::DEFAULT).await?;
        Ok(keys::log::join(&chunks, true).last().map_or(Position::ZERO, |(position, _)| *position))
    }

    /// Remembers an entry that was just committed behind `after`.
    pub(crate) fn push(&self, log: LogId, after: Position, entry: LogEntry) {
        let mut recent = self.recent.lock();
        let recent = recent.entry(log).or_default();
        let end = recent.entries.back().map_or(recent.after, |e| e.position);
        if end != after {
            *recent = Recent { after, ..Recent::default() };
        }
        recent.bytes += entry.bytes.len();
        recent.entries.push_back(entry);
        while recent.bytes > LOG_CACHE_BYTES_MAX && recent.entries.len() > 1 {
            let Some(oldest) = recent.entries.pop_front() else { break };
            recent.bytes -= oldest.bytes.len();
            recent.after = oldest.position;
        }
    }

    /// After a failure: what is in memory may have a gap.
    pub(crate) fn forget(&self, log: LogId) {
        self.recent.lock().remove(&log);
    }

    fn recent(&self, log: LogId, after: Position, until: Position, bytes_max: usize) -> Option<Vec<LogEntry>> {
        let recent = self.recent.lock();
        let reaches = |r: &&Recent| r.after <= after && r.entries.back().is_some_and(|last| last.position >= until);
        let recent = recent.get(&log).filter(reaches)?;
        let from = recent.entries.partition_point(|entry| entry.position <= after);
        let mut bytes = 0;
        let mut take = |entry: &&LogEntry| {
            let fits = bytes == 0 || bytes + entry.bytes.len() <= bytes_max;
            bytes += entry.bytes.len();
            fits && entry.position <= until
        };
        Some(recent.entries.range(from..).take_while(|e| take(e)).cloned().collect())
    }
}
