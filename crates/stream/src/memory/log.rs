//! A log source in memory, for tests and simulation.

use crate::{FollowError, LogSource};
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use sterna_crdt::Incarnation;
use sterna_env::Boxed;
use sterna_log::{Applied, Frame, FrameEntry, LogId, Position};

/// Copies of any logs.
#[derive(Default)]
pub struct MemoryLog(Mutex<BTreeMap<LogId, Kept>>);

struct Kept {
    entries: Vec<FrameEntry>,
    /// What was trimmed ended here.
    trimmed: Position,
    heartbeat: Frame,
}

impl MemoryLog {
    /// Appends an entry; `position` is behind all earlier ones.
    pub fn append(&self, log: LogId, position: Position, bytes: impl Into<Bytes>) {
        let mut logs = self.0.lock();
        let kept = logs.entry(log).or_insert_with(|| Kept::new(log));
        assert!(kept.entries.last().is_none_or(|last| last.position < position), "a log only grows at its end");
        kept.entries.push(FrameEntry { position, bytes: bytes.into() });
        kept.heartbeat.after = position;
        kept.heartbeat.sealed = kept.heartbeat.sealed.max(position);
    }

    /// What is known of the origin from now on: everything in `frame` but its entries.
    pub fn heartbeat(&self, frame: &Frame) {
        let mut logs = self.0.lock();
        let kept = logs.entry(frame.log).or_insert_with(|| Kept::new(frame.log));
        let after = kept.heartbeat.after;
        kept.heartbeat = Frame { entries: Vec::new(), after, ..frame.clone() };
    }

    /// Forgets all entries up to `position`.
    pub fn trim(&self, log: LogId, position: Position) {
        if let Some(kept) = self.0.lock().get_mut(&log) {
            kept.entries.retain(|e| e.position > position);
            kept.trimmed = position.max(kept.trimmed);
        }
    }

    /// As [`LogSource::read`].
    pub fn frame(&self, log: LogId, after: Position, bytes_max: usize) -> Result<Frame, FollowError> {
        let logs = self.0.lock();
        let Some(kept) = logs.get(&log) else { return Ok(Kept::new(log).heartbeat) };
        if after < kept.trimmed {
            return Err(FollowError::Expired(after));
        }
        let from = kept.entries.partition_point(|e| e.position <= after);
        let mut bytes = 0;
        let fits = |e: &&FrameEntry| {
            let first = bytes == 0;
            bytes += e.bytes.len().max(1);
            first || bytes <= bytes_max
        };
        let entries: Vec<FrameEntry> = kept.entries[from..].iter().take_while(fits).cloned().collect();
        let before = kept.entries[..from].last().map_or(kept.trimmed, |e| e.position);
        let whole = from + entries.len() == kept.entries.len();
        let known = if whole { kept.heartbeat.clone() } else { kept.unsealed(entries.last().map_or(before, |e| e.position)) };
        Ok(Frame { after: before, entries, ..known })
    }
}

impl Kept {
    fn new(log: LogId) -> Self {
        let heartbeat = Frame {
            log,
            after: Position::ZERO,
            entries: Vec::new(),
            sealed: Position::ZERO,
            applied: Applied::default(),
            incarnation: Incarnation(0),
            models: Vec::new(),
            membership_number: 0,
            membership_hash: 0,
            sent_ms: 0,
        };
        Self { entries: Vec::new(), trimmed: Position::ZERO, heartbeat }
    }

    /// The heartbeat as it may be said of the log's beginning up to `end` alone.
    fn unsealed(&self, end: Position) -> Frame {
        Frame { sealed: end, applied: Applied::default(), ..self.heartbeat.clone() }
    }
}

impl LogSource for MemoryLog {
    fn read(&self, log: LogId, after: Position, bytes_max: usize) -> Boxed<'_, Result<Frame, FollowError>> {
        Box::pin(async move { self.frame(log, after, bytes_max) })
    }
}
