//! This region's copies of all logs, as frames.
//!
//! A seal is named only for what a snapshot of the store shows to be complete, and the progress that goes with it was read before that
//! snapshot was taken: whatever this region committed behind the seal had seen that progress.

use crate::claims::Claims;
use crate::desk::Desk;
use crate::limits::FRAME_BYTES;
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use sterna_crdt::{Incarnation, RegionId};
use sterna_env::Boxed;
use sterna_log::{Applied, Frame, FrameEntry, LogId, ModelHeld, Position, ShardId};
use sterna_model::Model;
use sterna_store::{Page, ReadError, Snapshot};
use sterna_stream::{FollowError, LogSource};
use sterna_write::{Logs, Region, keys};

/// Reads any log from this region's store.
pub struct Source {
    region: Arc<Region>,
    logs: Arc<Logs>,
    membership_hash: u64,
    /// Each other region's last known heartbeat.
    heartbeats: Mutex<BTreeMap<LogId, Frame>>,
    /// Set once it is known that no peer holds more of the current epoch than this store.
    seals: AtomicBool,
    claims: Claims,
    /// Answers what peers ask beside logs, once the region replicates.
    desk: OnceLock<Desk>,
}

/// Whether a frame of this region's own log is to say how complete the log is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Seal {
    Yes,
    No,
}

/// What a frame says beyond its entries: its seal, and what had been applied when it was named. Of an incomplete frame nothing is said,
/// and `sent_ms` is 0.
struct Said {
    sealed: Position,
    applied: Applied,
    sent_ms: u64,
}

impl Source {
    pub fn new(region: Arc<Region>, logs: Arc<Logs>) -> Arc<Self> {
        let membership_hash = region.membership.hash();
        Arc::new(Self {
            region,
            logs,
            membership_hash,
            heartbeats: Mutex::default(),
            seals: AtomicBool::new(false),
            claims: Claims::default(),
            desk: OnceLock::new(),
        })
    }

    pub(crate) fn set_desk(&self, desk: Desk) {
        _ = self.desk.set(desk);
    }

    pub(crate) fn claims(&self) -> &Claims {
        &self.claims
    }

    pub(crate) fn allow_seals(&self, allowed: bool) {
        self.seals.store(allowed, Ordering::Release);
    }

    /// Remembers what a frame of another region's log says of its origin.
    pub(crate) fn remember(&self, frame: &Frame) {
        if frame.membership_number == 0 || frame.applied.0.is_empty() && frame.sent_ms == 0 {
            return;
        }
        let mut heartbeats = self.heartbeats.lock();
        let newer = heartbeats.get(&frame.log).is_none_or(|held| (held.sealed, held.sent_ms) < (frame.sealed, frame.sent_ms));
        if newer {
            heartbeats.insert(frame.log, Frame { after: frame.end(), entries: Vec::new(), ..frame.clone() });
        }
    }

    /// The last known heartbeat of another region's log.
    pub(crate) fn heartbeat(&self, log: LogId) -> Option<Frame> {
        self.heartbeats.lock().get(&log).cloned()
    }

    /// A frame of this region's own log.
    pub(crate) async fn own(&self, shard: ShardId, after: Position, bytes_max: usize, seal: Seal) -> Result<Frame, ReadError> {
        let log = LogId { origin: self.region.me, shard };
        let applied = self.region.board.applied(shard);
        let life = self.region.life();
        let until = applied.get(log.origin);
        self.claims.check(shard, after, until, life.epoch);
        let snapshot = match seal {
            Seal::Yes if self.seals.load(Ordering::Acquire) && (!life.restored || self.region.is_past_whole(life.epoch)) => {
                Some(self.region.store_of(shard).snapshot().await?)
            }
            _ => None,
        };
        let after = after.min(until);
        let entries = self.entries(log, after, until, bytes_max).await?;
        let end = entries.last().map_or(after, |e| e.position);
        let said = match snapshot {
            Some(snapshot) if complete(&*snapshot, log, end).await? => {
                let sealed = Position::seal(life.epoch, snapshot.version().0).max(end);
                Said { sealed, applied, sent_ms: self.region.env.wall_ms() }
            }
            _ => Said::nothing(end),
        };
        Ok(Frame {
            log,
            after,
            entries,
            sealed: said.sealed,
            applied: said.applied,
            incarnation: life.incarnation,
            models: held(&self.region),
            membership_number: self.region.membership.number,
            membership_hash: self.membership_hash,
            sent_ms: said.sent_ms,
        })
    }

    async fn copy(&self, log: LogId, after: Position, bytes_max: usize) -> Result<Frame, ReadError> {
        let heartbeat = self.heartbeats.lock().get(&log).cloned();
        let until = self.region.board.copied(log.shard).get(log.origin);
        let after = after.min(until);
        let entries = self.entries(log, after, until, bytes_max).await?;
        let end = entries.last().map_or(after, |e| e.position);
        let Some(heartbeat) = heartbeat else { return Ok(unknown(log, after, entries, end)) };
        let said = if end == until && end >= heartbeat.after {
            Said { sealed: heartbeat.sealed.max(end), applied: heartbeat.applied.clone(), sent_ms: heartbeat.sent_ms }
        } else {
            Said::nothing(end)
        };
        Ok(Frame { after, entries, sealed: said.sealed, applied: said.applied, sent_ms: said.sent_ms, ..heartbeat })
    }

    async fn entries(&self, log: LogId, after: Position, until: Position, bytes_max: usize) -> Result<Vec<FrameEntry>, ReadError> {
        let entries = self.logs.read(log, after, until, bytes_max).await?;
        Ok(entries.into_iter().map(|e| FrameEntry { position: e.position, bytes: e.bytes }).collect())
    }
}

impl LogSource for Source {
    fn read(&self, log: LogId, after: Position, bytes_max: usize) -> Boxed<'_, Result<Frame, FollowError>> {
        Box::pin(async move {
            if log.shard.0 >= self.region.shards() {
                return Err(FollowError::Refused(format!("there is no shard {}, the cluster has {}", log.shard.0, self.region.shards())));
            }
            let bytes_max = if bytes_max == 0 { FRAME_BYTES } else { bytes_max };
            let read = if log.origin == self.region.me {
                self.own(log.shard, after, bytes_max, Seal::Yes).await
            } else {
                self.copy(log, after, bytes_max).await
            };
            read.map_err(|error| FollowError::Unreachable(format!("region {} can't read its store: {error}", self.region.name)))
        })
    }

    fn answer(&self, from: RegionId, request: Bytes) -> Boxed<'_, Result<Bytes, FollowError>> {
        Box::pin(async move {
            match self.desk.get() {
                Some(desk) => desk.answer(from, request).await,
                None => Err(FollowError::Unreachable(format!("region {} is starting", self.region.name))),
            }
        })
    }
}

impl Said {
    fn nothing(end: Position) -> Self {
        Self { sealed: end, applied: Applied::default(), sent_ms: 0 }
    }
}

/// Whether the snapshot shows nothing of the log behind `end`.
async fn complete(snapshot: &dyn Snapshot, log: LogId, end: Position) -> Result<bool, ReadError> {
    Ok(snapshot.scan(keys::log::behind(log, end), Page::first(1)).await?.is_empty())
}

/// A frame of a log whose origin was not heard of since this process started.
fn unknown(log: LogId, after: Position, entries: Vec<FrameEntry>, end: Position) -> Frame {
    Frame {
        log,
        after,
        entries,
        sealed: end,
        applied: Applied::default(),
        incarnation: Incarnation(0),
        models: Vec::new(),
        membership_number: 0,
        membership_hash: 0,
        sent_ms: 0,
    }
}

/// The models that a region can apply events of, the newest last.
pub(crate) fn held(region: &Region) -> Vec<ModelHeld> {
    [Some(region.model()), region.next_model()].iter().flatten().map(|model| of(model)).collect()
}

pub(crate) fn of(model: &Model) -> ModelHeld {
    let hash = model.hash.first_chunk().expect("a hash has 16 bytes");
    ModelHeld { version: model.version, hash: u64::from_be_bytes(*hash) }
}
