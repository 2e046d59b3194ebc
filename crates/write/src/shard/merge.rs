//! Copying other regions' entries, and merging those whose dependencies are here.

use super::job::MergeJob;
use super::{Batch, Shard};
use crate::aggregate::Open;
use crate::keys::home::HomeRecord;
use crate::keys::meta::{self, RegionRecord};
use crate::keys::progress::ShardProgress;
use crate::keys::{Unreadable, bell, log, progress};
use crate::limits::{BATCH_BYTES_MAX, MERGE_READ_BYTES};
use crate::recalls::decode_recall;
use crate::{Fence, LogEntry, Logs, MergeError, Merged, Region};
use std::collections::VecDeque;
use std::sync::Arc;
use sterna_crdt::RegionId;
use sterna_env::mutation;
use sterna_log::{AggregateId, Applied, Event, LogId, Position, ShardId};
use sterna_model::Model;
use sterna_store::{ReadError, Snapshot};

/// Where the logs of a shard stand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    /// The region's life that this belongs to.
    pub epoch: u64,
    /// This region's last entry of its current epoch.
    pub own_tip: Position,
    /// This region's last entry of older epochs.
    pub own_old: Position,
    pub progress: ShardProgress,
}

/// An entry that a batch adds to this region's copy of a log.
pub(crate) struct Copied {
    pub log: LogId,
    pub after: Position,
    pub entry: LogEntry,
}

/// What an origin said of itself, to be believed once everything up to `end` is applied.
pub(crate) struct Seal {
    end: Position,
    sealed: Position,
    applied: Applied,
    sent_ms: u64,
}

impl Standing {
    pub async fn load(region: &Region, logs: &Logs, shard: ShardId) -> Result<Self, ReadError> {
        let (own, epoch) = (LogId { origin: region.me, shard }, region.life().epoch);
        let tip = logs.tip(own).await?;
        let own_old = logs.tip_before(own, epoch).await?;
        let snapshot = region.store_of(shard).snapshot().await?;
        let stored = sterna_store::get(&*snapshot, &progress::key(shard)).await?;
        let decoded = stored.map(|bytes| ShardProgress::decode(&bytes)).transpose();
        let progress = decoded.map_err(|e| ReadError::Unavailable(e.to_string()))?.unwrap_or_default();
        let progress = Self::with_own(progress, region.me, own_old);
        Ok(Self { epoch, own_tip: if tip.epoch == epoch { tip } else { Position::ZERO }, own_old, progress })
    }

    /// What this region committed itself in older epochs is copied and applied, unless something of it is being copied back.
    fn with_own(mut progress: ShardProgress, me: RegionId, own_old: Position) -> ShardProgress {
        if progress.copied.get(me) == progress.applied.get(me) {
            progress.copied.raise(me, own_old);
            progress.applied.raise(me, own_old);
        }
        progress
    }

    /// Shows it on the region's board.
    pub fn post(&self, region: &Region, shard: ShardId) {
        let board = &region.board;
        for &(origin, position) in &self.progress.copied.0 {
            board.raise_copied(LogId { origin, shard }, position);
        }
        for &(origin, position) in &self.progress.applied.0 {
            board.raise_applied(LogId { origin, shard }, position);
        }
        let own = LogId { origin: region.me, shard };
        board.start_tally(shard, self.own_tip.max(self.own_old));
        board.raise_applied(own, self.own_tip);
    }
}

/// Whether an entry can be merged now.
enum Readiness {
    Ready,
    Waits,
    /// It depends on entries of this region that this region does not have.
    Ahead,
}

impl Shard {
    /// Where other processes of this region may write, what a batch begins with is what its snapshot shows. False if a new life of the region has
    /// begun: all is to be read again.
    pub(super) async fn refresh(&mut self, snapshot: &dyn Snapshot) -> Result<bool, ReadError> {
        if self.sole_writer {
            return Ok(true);
        }
        let unreadable = |error: Unreadable| ReadError::Unavailable(error.to_string());
        // A batch that takes frames looks for fences too.
        let fenced: Vec<RegionId> = if self.merging.is_empty() { Vec::new() } else { self.region.membership.regions().collect() };
        let mut keys = vec![meta::REGION, bell::key(self.id), progress::key(self.id)];
        keys.extend(fenced.iter().map(|region| meta::fence(*region)));
        keys.extend(fenced.iter().map(|region| meta::recalled(*region)));
        let mut found = snapshot.get_many(&keys).await?;
        for (region, bytes) in fenced.iter().zip(found.split_off(3 + fenced.len())) {
            if let Some(bytes) = bytes {
                self.region.adopt_recall(*region, decode_recall(&bytes).map_err(unreadable)?);
            }
        }
        let fences = fenced.into_iter().zip(found.split_off(3)).filter_map(|(region, bytes)| Some((region, Fence::decode(&bytes?))));
        self.fences = fences.map(|(region, fence)| Ok((region, fence?))).collect::<Result<_, _>>().map_err(unreadable)?;
        let [record, bell, stored] = found.try_into().unwrap_or_default();
        if let Some(bytes) = record {
            self.region.adopt(&RegionRecord::decode(&bytes).map_err(unreadable)?);
        }
        if self.standing.epoch != self.region.life().epoch {
            return Ok(false);
        }
        if let Some(bytes) = bell {
            let tip = bell::decode(&bytes).map_err(unreadable)?;
            let end = if tip.epoch == self.standing.epoch { &mut self.standing.own_tip } else { &mut self.standing.own_old };
            *end = tip.max(*end);
        }
        let stored = stored.map(|bytes| ShardProgress::decode(&bytes)).transpose().map_err(unreadable)?.unwrap_or_default();
        self.shown = Standing::with_own(stored, self.region.me, self.standing.own_old);
        if !self.merge_under_way && self.shown != self.standing.progress {
            self.pending.clear();
            self.standing.progress.clone_from(&self.shown);
            self.standing.post(&self.region, self.id);
        }
        Ok(true)
    }

    /// Takes frames into `batch`: their entries are copied at once. Heartbeats are answered here.
    pub(super) fn copy(&mut self, batch: &mut Batch) {
        let mut progress = self.standing.progress.clone();
        while batch.bytes < BATCH_BYTES_MAX
            && let Some(job) = self.merging.pop_front()
        {
            match self.copy_frame(&job, &mut progress, batch) {
                Ok(0) => self.answer_frame(job),
                Ok(_) => batch.frames.push(job),
                Err(error) => _ = job.reply.send(Err(error)),
            }
        }
        if !batch.frames.is_empty() {
            batch.after = Some(progress);
        }
    }

    /// The number of entries that were new.
    fn copy_frame(&mut self, job: &MergeJob, progress: &mut ShardProgress, batch: &mut Batch) -> Result<usize, MergeError> {
        let log = job.frame.log;
        let epoch = self.region.life().epoch;
        let copied = progress.copied.get(log.origin);
        let theirs = |position: Position| log.origin != self.region.me || position.epoch < epoch;
        let shown = self.fences.get(&log.origin);
        let counts = |position: Position| self.region.counts(log, position) && shown.is_none_or(|fence| fence.counts(log.shard, position));
        let new = job.frame.entries.iter().filter(|e| e.position > copied && theirs(e.position) && counts(e.position));
        let new: Vec<LogEntry> = new.map(|e| LogEntry::new(e.position, e.bytes.clone())).collect();
        if job.frame.after > copied && theirs(job.frame.after) && !mutation::on("after-unchecked") {
            return Err(MergeError::Hole { copied });
        }
        let recalled = self.region.recalled(log.origin);
        let is_old = !job.is_copy && job.frame.incarnation < recalled && new.iter().any(|e| e.position.epoch < recalled.opened_ms());
        if is_old {
            return Err(MergeError::Recalled);
        }
        if let Some(error) = new.iter().find_map(|e| e.entry().err()) {
            return Err(MergeError::Damaged(error.to_string()));
        }
        if !self.sole_writer && !new.is_empty() {
            batch.transaction.read_key(&meta::fence(log.origin)).read_key(&meta::recalled(log.origin));
        }
        let pending = self.pending.entry(log.origin).or_default();
        let mut after = copied;
        let whole = pending.back().map_or(progress.applied.get(log.origin), |e| e.position) == copied;
        for entry in &new {
            batch.bytes += entry.bytes.len();
            batch.transaction.writes.extend(log::copy(log, entry.position, &entry.bytes));
            batch.copied.push(Copied { log, after, entry: entry.clone() });
            after = entry.position;
        }
        if whole {
            pending.extend(new.iter().cloned());
        }
        progress.copied.raise(log.origin, after);
        Ok(new.len())
    }

    /// The entries to merge in this batch, in order. Their aggregates are free.
    pub(super) async fn select(&mut self, batch: &mut Batch) -> Result<Vec<(LogId, LogEntry)>, ReadError> {
        let mut progress = batch.after.clone().unwrap_or_else(|| self.standing.progress.clone());
        let mut selected = Vec::new();
        let mut events = 0;
        self.reserved.clear();
        let model = self.region.model();
        let mut moved = true;
        while moved {
            moved = false;
            for origin in self.region.membership.regions().collect::<Vec<_>>() {
                let log = LogId { origin, shard: self.id };
                self.read_pending(log, &progress).await?;
                let mut queue = self.pending.remove(&origin).unwrap_or_default();
                while events < self.merges_max
                    && let Some(head) = queue.front()
                    && self.is_ready(head, &progress, &model)
                    && self.is_free(head)
                {
                    let entry = queue.pop_front().expect("its head was seen");
                    events += entry.entry().map_or(0, |e| e.events.len());
                    progress.applied.raise(origin, entry.position);
                    selected.push((log, entry));
                    moved = true;
                }
                self.pending.insert(origin, queue);
            }
        }
        if !selected.is_empty() {
            batch.after = Some(progress);
        }
        Ok(selected)
    }

    /// Fills an origin's queue from the log if it is empty though something is copied and not applied.
    async fn read_pending(&mut self, log: LogId, progress: &ShardProgress) -> Result<(), ReadError> {
        let (applied, copied) = (progress.applied.get(log.origin), self.standing.progress.copied.get(log.origin));
        let queue = self.pending.entry(log.origin).or_default();
        if queue.is_empty() && applied < copied {
            queue.extend(self.logs.read(log, applied, copied, MERGE_READ_BYTES).await?);
        }
        Ok(())
    }

    fn is_ready(&self, head: &LogEntry, progress: &ShardProgress, model: &Model) -> bool {
        matches!(self.readiness(head, progress, model), Readiness::Ready)
    }

    fn readiness(&self, head: &LogEntry, progress: &ShardProgress, model: &Model) -> Readiness {
        let Ok(entry) = head.entry() else { return Readiness::Waits };
        let (me, epoch) = (self.region.me, self.region.life().epoch);
        for &(origin, needed) in &entry.applied.0 {
            if mutation::on("deps-ignored") {
                break;
            }
            let have = if origin == me && needed.epoch == epoch { self.standing.own_tip } else { progress.applied.get(origin) };
            let is_lost = || needed > progress.copied.get(me) && self.region.is_past_whole(epoch);
            let is_gone = || origin == me && needed.epoch < epoch && is_lost();
            if needed > have && !is_gone() {
                return if origin == me { Readiness::Ahead } else { Readiness::Waits };
            }
        }
        let version = entry.events.iter().map(|e| e.update.version).max().unwrap_or_default();
        if version > model.version {
            self.region.met_model(version);
            return Readiness::Waits;
        }
        Readiness::Ready
    }

    /// No aggregate of the entry is busy; else all of them are reserved, so that the merge gets its turn.
    fn is_free(&mut self, head: &LogEntry) -> bool {
        let Ok(entry) = head.entry() else { return false };
        let ids = || entry.events.iter().map(id_of);
        if ids().any(|id| self.busy.contains(&id)) {
            self.reserved.extend(ids());
            return false;
        }
        true
    }

    /// Merges one entry into the batch's aggregates, which are loaded.
    pub(super) fn merge_entry(&mut self, log: LogId, entry: &LogEntry, model: &Model, batch: &mut Batch) {
        let Ok(decoded) = entry.entry() else { return };
        // What was copied back behind entries of the current epoch would be in everybody's past: it is said once more, with the same
        // dots, where followers of this log look. Who has it passes over it.
        let is_own = log.origin == self.region.me;
        let again = is_own && (self.standing.own_tip != Position::ZERO || self.entries_under_way > 0);
        if is_own && !self.sole_writer {
            batch.transaction.read_key(&bell::key(self.id));
        }
        for (index, event) in decoded.events.iter().enumerate() {
            if self.merge_event(event, entry.at(index), model, batch) && again {
                batch.entry.events.push(event.clone());
            }
        }
        for handover in &decoded.handovers {
            let home = HomeRecord { term: handover.term, region: handover.to };
            if batch.move_home(&handover.kind, self.id, home) && again {
                batch.entry.handovers.push(handover.clone());
            }
        }
        let mut learned = decoded.applied.clone();
        learned.raise(log.origin, entry.position);
        batch.learned.push((log, entry.position, learned));
        batch.merged_events += decoded.events.len() as u64;
    }

    /// True if it was applied.
    fn merge_event(&mut self, event: &Event, position: Position, model: &Model, batch: &mut Batch) -> bool {
        self.try_event(event, position, model, batch).unwrap_or_else(|reason| {
            tracing::error!(aggregate = %id_of(event), reason, "parked");
            self.metrics.parked.inc();
            if let Some(working) = batch.touched.get_mut(&id_of(event)) {
                working.change().parked = Some(reason);
            }
            false
        })
    }

    /// True if it was applied; not if its aggregate has it, is parked, or can do without it. The error says why the aggregate can't go on.
    pub(super) fn try_event(&mut self, event: &Event, position: Position, model: &Model, batch: &mut Batch) -> Result<bool, String> {
        let Some(working) = batch.touched.get_mut(&id_of(event)) else { return Ok(false) };
        let held = &working.aggregate;
        let dot = event.dot();
        if held.seen.contains(dot) || held.parked.is_some() {
            return Ok(false);
        }
        if !self.region.clock.observe(&self.region.env, event.update.order.clock) {
            self.metrics.future_clocks.inc();
        }
        let mut open = Open::of(event, Some(position));
        open.void = !mutation::on("cause-ignored") && open.cause.as_ref().is_some_and(|cause| batch.void_causes.contains(cause));
        if let (true, Some(of)) = (mutation::on("local-rule-version"), model.aggregate(&event.kind)) {
            open.update = Arc::new(of.ruled_here(&event.update, model.version));
        }
        let result = match model.aggregate(&event.kind) {
            _ if event.unreadable.is_some() => Err(format!("event {dot}: {}", event.unreadable.as_deref().unwrap_or_default())),
            None => Err(format!("the model has no aggregate type `{}`", event.kind)),
            Some(_) if dot.n != held.seen.get(dot.incarnation) + 1 => Err(format!("event {dot} came without its predecessor")),
            Some(of) => working.apply(open, of, true).map_err(|e| format!("event {dot}: {e}")),
        };
        match result {
            Ok(()) => {
                working.merged = true;
                working.remember_merged(&event.key, dot, model.idempotency_window_ms);
                Ok(true)
            }
            Err(reason) if event.critical => Err(reason),
            Err(_) => {
                working.change().seen.add(dot);
                Ok(false)
            }
        }
    }

    /// Believes what can be believed now, and answers.
    pub(super) fn answer_frame(&mut self, job: MergeJob) {
        let (origin, progress) = (job.frame.log.origin, &self.standing.progress);
        let frame = job.frame;
        // A frame that was cut for size, or that a third region carries, says nothing of its origin's progress.
        if origin != self.region.me && (frame.sent_ms > 0 || !self.seals.contains_key(&origin)) {
            self.seals.insert(origin, Seal { end: frame.end(), sealed: frame.sealed, applied: frame.applied, sent_ms: frame.sent_ms });
        }
        let merged = Merged { copied: progress.copied.get(origin), applied: progress.applied.get(origin) };
        let model = self.region.model();
        let head = self.pending.get(&origin).and_then(VecDeque::front);
        let ahead = head.is_some_and(|head| matches!(self.readiness(head, progress, &model), Readiness::Ahead));
        self.break_seals();
        let answer = if ahead { Err(MergeError::Ahead { copied: merged.copied }) } else { Ok(merged) };
        _ = job.reply.send(answer);
    }

    /// What origins said of themselves counts once everything that they meant is applied here.
    pub(super) fn break_seals(&mut self) {
        let (region, shard, applied) = (Arc::clone(&self.region), self.id, &self.standing.progress.applied);
        self.seals.retain(|&origin, seal| {
            let reached = applied.get(origin) >= seal.end || mutation::on("heartbeat-unsealed");
            if reached {
                region.board.learn(shard, origin, &seal.applied);
                region.board.seal(LogId { origin, shard }, seal.sealed, seal.sent_ms);
            }
            !reached
        });
        let region = &self.region;
        let log = |origin| LogId { origin, shard };
        let settled =
            region.membership.regions().map(|origin| region.board.applied_by_all(log(origin), region.me, region.membership.regions()));
        self.sweep.settle(settled.collect());
    }

    /// Something copied waits to be merged, and may be ready.
    pub(super) fn may_merge(&self) -> bool {
        let waits = |origin: RegionId| self.standing.progress.applied.get(origin) < self.standing.progress.copied.get(origin);
        !self.merge_under_way && (!self.merging.is_empty() || self.region.membership.regions().any(waits))
    }
}

pub(super) fn id_of(event: &Event) -> AggregateId {
    AggregateId { kind: event.kind.clone(), id: event.id.clone() }
}
