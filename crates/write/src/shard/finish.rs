//! What a commit's result means.

use super::job::Job;
use super::working::Working;
use super::{Batch, Shard};
use crate::keys::state;
use crate::limits::{BATCH_MERGES_MAX, HOT_AGGREGATES_MAX, MERGE_PAUSE};
use crate::{Accepted, LogEntry, Refused};
use bytes::Bytes;
use std::sync::Arc;
use sterna_log::{AggregateId, LogId, Position};
use sterna_store::{CommitError, Committed, Stamp, Version};

impl Shard {
    pub(super) async fn finish(&mut self, mut batch: Batch, result: Result<Committed, CommitError>) {
        for id in batch.touched.keys() {
            self.busy.remove(id);
        }
        if batch.merges() {
            self.merge_under_way = false;
        }
        self.entries_under_way -= usize::from(batch.entry.last_index().is_some());
        self.notices_due |= std::mem::take(&mut self.notices_wait);
        match result {
            Ok(committed) => self.committed(batch, committed),
            Err(CommitError::Conflict { keys }) if !self.sole_writer => {
                self.metrics.batch_retries.inc();
                self.conflicted(&mut batch, &keys);
            }
            Err(CommitError::Conflict { .. } | CommitError::TooOld | CommitError::MaybeCommitted) => {
                self.metrics.batch_retries.inc();
                self.again(&mut batch);
            }
            Err(error) => {
                let refused = match &error {
                    CommitError::Full => Refused::Full,
                    error => Refused::Unavailable(error.to_string()),
                };
                // Who asked is told; what nobody asked for is tried again.
                let is_own_work = batch.answers.is_empty() || batch.merges() || !batch.beginnings.is_empty();
                for (job, ..) in batch.answers.drain(..) {
                    self.metrics.answered(refused.outcome(), self.region.env.now() - job.since);
                    _ = job.reply.send(Err(refused.clone()));
                }
                if is_own_work {
                    tracing::warn!(shard = self.id.0, %error, "waits for the store");
                    self.region.env.sleep(MERGE_PAUSE).await;
                }
                self.again(&mut batch);
            }
        }
    }

    /// Another process was faster. Nothing in memory is wrong, since each batch begins with what its snapshot shows; but entries that the
    /// batch took to merge are read again.
    fn conflicted(&mut self, batch: &mut Batch, keys: &[Bytes]) {
        self.hot.retain(|id| !batch.touched.contains_key(id));
        let changed = batch.touched.keys().filter(|id| keys.contains(&state::key(self.id, id, 0))).cloned();
        self.hot.extend(changed.take(HOT_AGGREGATES_MAX));
        if batch.merges() {
            self.merges_max = (batch.merged_events as usize / 2).max(1);
        }
        let failed = self.failed;
        self.again(batch);
        self.failed = failed;
        self.pending.clear();
        self.reserved.clear();
    }

    /// Everything that the batch took is done again, from what the store says. A command that was committed after all finds its key.
    fn again(&mut self, batch: &mut Batch) {
        for (mut job, ..) in batch.answers.drain(..).rev() {
            job.attempts += 1;
            self.queue.push_front(job);
        }
        for job in batch.frames.drain(..).rev() {
            self.merging.push_front(job);
        }
        self.beginnings.append(&mut batch.beginnings);
        self.failed = true;
    }

    fn committed(&mut self, mut batch: Batch, committed: Committed) {
        let own = self.own_entry(&mut batch, committed);
        self.states.commit_ended(self.id, batch.changes_wanted);
        let mut verdicts = 0;
        // States before the board: whoever hears of an entry finds a state that has it.
        for (id, working) in batch.touched.drain() {
            self.hot.remove(&id);
            if working.aggregate.open() > 0 {
                self.sweep.add(&id, working.aggregate.presses());
            }
            if working.bounded {
                self.region.touched().add(id.clone(), !working.merged);
            }
            if working.verdicts > 0 {
                verdicts += working.verdicts;
                working.noticed.iter().for_each(|shard| self.region.board.poke(*shard));
            }
            if let Some(reason) = working.newly_parked() {
                self.metrics.parked_aggregates.set(self.region.board.park(&id, reason) as i64);
            } else if working.unparked() {
                self.metrics.parked_aggregates.set(self.region.board.unpark(&id) as i64);
            }
            self.count_tail(&id, &working);
            if !working.aggregate.seen.is_empty() {
                self.states.put(self.id, id, working.before(), Arc::clone(&working.aggregate));
            }
        }
        for (kind, home) in batch.homes_moved.drain(..) {
            tracing::info!(kind = &*kind, shard = self.id.0, region = %self.region.membership.name(home.region), home.term, "a home is set");
            self.region.homes().learn(&kind, self.id, home);
        }
        batch.beginnings.drain(..).for_each(|done| _ = done.send(()));
        if let Some((reply, outcome)) = batch.unparked.take() {
            _ = reply.send(outcome);
        }
        if let Some(entry) = own {
            self.append(entry);
        }
        self.merged(&mut batch);
        if verdicts > 0 {
            self.region.board.count_verdicts(self.id, verdicts);
        }
        let own = self.own_log();
        if !batch.answers.is_empty() {
            self.metrics.batch_commands.observe(batch.answers.len() as f64);
        }
        for (job, mut accepted, place) in batch.answers {
            if let Some(index) = place {
                accepted.position = Position::new(batch.epoch, committed.stamp.0, index);
                accepted.token.raise(own, accepted.position);
            }
            self.answer(job, accepted);
        }
    }

    fn count_tail(&self, id: &AggregateId, working: &Working) {
        let grown = working.aggregate.open() as i64 - working.before().open() as i64;
        if grown != 0 {
            self.metrics.tail_events.with_label_values(&[&*id.kind]).add(grown);
        }
    }

    pub(super) fn answer(&self, job: Job, accepted: Accepted) {
        if job.give.is_some() || job.hand_over.is_some() {
            self.metrics.transfers.inc_by(u64::from(job.give.is_some()));
            _ = job.reply.send(Ok(accepted));
            return;
        }
        let outcome = if accepted.replayed { "replayed" } else { "accepted" };
        self.metrics.answered(outcome, self.region.env.now() - job.since);
        _ = job.reply.send(Ok(accepted));
    }

    /// The planted fault `ack-before-sync`.
    pub(super) fn answer_early(&self, batch: &mut Batch) {
        batch.answers.drain(..).for_each(|(job, accepted, _)| self.answer(job, accepted));
    }

    /// The planted fault `relay-unsynced`: the next version is guessed.
    pub(super) fn show_early(&mut self, batch: &Batch) {
        let Some(last) = batch.entry.events.len().checked_sub(1) else { return };
        let stamp = Stamp::new(Version(batch.transaction.read_version.0 + 1), 0);
        let position = Position::new(batch.epoch, stamp.0, last as u16);
        let entry = LogEntry::known(position, batch.entry_bytes.clone(), Arc::new(batch.entry.clone()));
        self.logs.push(self.own_log(), self.end_of_own_log(), entry);
        self.region.board.raise_applied(self.own_log(), position);
    }

    /// The batch's own entry has its position now.
    fn own_entry(&self, batch: &mut Batch, committed: Committed) -> Option<LogEntry> {
        let last = batch.entry.last_index()?;
        let position = Position::new(batch.epoch, committed.stamp.0, last);
        let entry = batch.entry();
        let log_entry = LogEntry::known(position, batch.entry_bytes.clone(), entry.clone());
        if !self.region.alone() {
            for (index, event) in entry.events.iter().enumerate() {
                if let Some(working) = batch.touched.get_mut(&super::merge::id_of(event)) {
                    Arc::make_mut(&mut working.aggregate).place(event.dot(), log_entry.at(index));
                }
            }
        }
        Some(log_entry)
    }

    fn append(&mut self, entry: LogEntry) {
        let (after, position) = (self.end_of_own_log(), entry.position);
        // Others may have written between the last entry that is known here and this one.
        if self.sole_writer {
            self.logs.push(self.own_log(), after, entry);
        }
        self.region.board.wrote(self.id, position, u64::from(position.index) + 1);
        self.standing.own_tip = position.max(self.standing.own_tip);
        self.region.board.raise_applied(self.own_log(), position);
    }

    fn merged(&mut self, batch: &mut Batch) {
        if batch.merges() {
            self.merges_max = BATCH_MERGES_MAX.min(self.merges_max * 2);
        }
        for copied in batch.copied.drain(..) {
            self.logs.push(copied.log, copied.after, copied.entry);
        }
        if let Some(after) = batch.after.take() {
            self.standing.progress = after;
        }
        self.metrics.merged_events.inc_by(batch.merged_events);
        self.region.board.count_events(batch.merged_events);
        for (log, _, applied) in batch.learned.drain(..) {
            self.region.board.learn(self.id, log.origin, &applied);
        }
        for &(origin, position) in &self.standing.progress.copied.0 {
            self.region.board.raise_copied(LogId { origin, shard: self.id }, position);
        }
        for &(origin, position) in &self.standing.progress.applied.0 {
            self.region.board.raise_applied(LogId { origin, shard: self.id }, position);
        }
        for job in std::mem::take(&mut batch.frames) {
            self.answer_frame(job);
        }
        self.break_seals();
    }
}
