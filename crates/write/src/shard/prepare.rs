//! Making a batch: choose, load, merge, decide, write.

use super::batch::Prepared;
use super::causes::Notice;
use super::job::{Job, Missed};
use super::merge::id_of;
use super::working::Working;
use super::{Batch, Shard};
use crate::aggregate::load;
use crate::homes::first_home;
use crate::keys::home::{self, HomeRecord};
use crate::keys::idem::{self, IdemRecord};
use crate::keys::{bell, log, meta, progress, state};
use crate::limits::{BATCH_ATTEMPTS_MAX, BATCH_COMMANDS_MAX};
use crate::{Aggregate, Gate, LogEntry, Refused};
use bytes::Bytes;
use smallvec::{SmallVec, smallvec};
use std::collections::BTreeSet;
use std::sync::Arc;
use sterna_crdt::{Clock, Name};
use sterna_env::{HashSet, mutation};
use sterna_log::{AggregateId, LogId};
use sterna_store::{ReadError, Snapshot};

type Entries = Vec<(LogId, LogEntry)>;

impl Shard {
    pub(super) async fn prepare(&mut self) -> Prepared {
        let asked = self.may_merge() || self.may_unpark() || !self.queue.is_empty() || !self.beginnings.is_empty();
        if !asked && !self.sweep.is_due() && !self.notices_due {
            return Prepared::Nothing;
        }
        self.try_prepare().await.unwrap_or_else(|error| {
            tracing::warn!(shard = self.id.0, %error, "the store can't be read; trying again");
            self.failed = true;
            Prepared::Nothing
        })
    }

    async fn try_prepare(&mut self) -> Result<Prepared, ReadError> {
        let snapshot = self.region.store_of(self.id).snapshot().await?;
        if !self.refresh(&*snapshot).await? {
            self.failed = true;
            return Ok(Prepared::Nothing);
        }
        let swept = self.sweepable(&*snapshot).await?;
        let mut batch = Batch::new(snapshot.version(), self.region.life().epoch);
        let unparking = self.unparkable().await?;
        let mut entries = Vec::new();
        if self.may_merge() {
            self.copy(&mut batch);
            entries = match self.select(&mut batch).await {
                Ok(entries) => entries,
                Err(error) => {
                    self.merging.extend(std::mem::take(&mut batch.frames));
                    return Err(error);
                }
            };
        }
        let jobs = self.choose();
        let noticed = match self.notices(&*snapshot).await {
            Ok(notices) => notices,
            Err(error) => return Err(self.give_back(jobs, &mut batch, error)),
        };
        batch.beginnings = std::mem::take(&mut self.beginnings);
        batch.entry.begins = !batch.beginnings.is_empty();
        let idle = entries.is_empty() && jobs.is_empty() && batch.copied.is_empty() && !batch.entry.begins;
        if idle && swept.is_empty() && noticed.is_empty() && unparking.is_none() {
            return Ok(Prepared::Nothing);
        }
        let parked = unparking.iter().map(|parked| &parked.job.aggregate);
        let others: Vec<AggregateId> = swept.iter().chain(noticed.iter().map(|notice| &notice.target)).chain(parked).cloned().collect();
        let missed = unparking.as_ref().map_or(&[][..], |parked| &parked.job.events);
        if let Err(error) = self.load(&*snapshot, (&entries, missed), (&jobs, &others), &mut batch).await {
            return Err(self.give_back(jobs, &mut batch, error));
        }
        let (swept, noticed) = self.fit(swept, noticed, &mut entries, &mut batch);
        if let Err(error) = self.settle_causes(&mut batch).await {
            return Err(self.give_back(jobs, &mut batch, error));
        }
        self.obey(noticed, &mut batch);
        let model = self.region.model();
        if let Some(parked) = unparking {
            self.unpark(parked, &model, &mut batch);
        }
        for (log, entry) in &entries {
            self.merge_entry(*log, entry, &model, &mut batch);
        }
        let mut late = Vec::new();
        for job in jobs {
            match batch.has_room() {
                true => self.decide(job, &model, &mut batch),
                false => late.push(job),
            }
        }
        late.into_iter().rev().for_each(|job| self.queue.push_front(job));
        self.sweep(swept, &mut batch);
        self.write(&mut batch);
        if batch.transaction.writes.is_empty() {
            batch.answers.drain(..).for_each(|(job, accepted, _)| self.answer(job, accepted));
            return Ok(Prepared::Answered);
        }
        Ok(Prepared::Batch(Box::new(batch)))
    }

    /// What the transaction has no room for waits for the next one.
    fn fit(
        &mut self,
        swept: Vec<AggregateId>,
        noticed: Vec<Notice>,
        entries: &mut Entries,
        batch: &mut Batch,
    ) -> (Vec<AggregateId>, Vec<Notice>) {
        let (noticed, unheard): (Vec<_>, Vec<_>) = noticed.into_iter().partition(|notice| batch.admits([&notice.target]));
        self.notices_due |= !unheard.is_empty();
        let (swept, unswept): (Vec<_>, Vec<_>) = swept.into_iter().partition(|id| batch.admits([id]));
        unswept.iter().for_each(|id| self.sweep.add(id, true));
        let mut fits = |(_, entry): &(LogId, LogEntry)| {
            let ids: Vec<AggregateId> = entry.entry().map_or_else(|_| Vec::new(), |entry| entry.events.iter().map(id_of).collect());
            let fits = batch.admits(&ids);
            // What it says becomes state, and is in the tail until it is settled.
            batch.state_bytes += 2 * entry.bytes.len();
            fits
        };
        let fitting = entries.iter().take_while(|entry| fits(entry)).count();
        let late = entries.split_off(fitting);
        if !late.is_empty()
            && let Some(after) = &mut batch.after
        {
            after.applied.clone_from(&self.standing.progress.applied);
            for (log, entry) in &*entries {
                after.applied.raise(log.origin, entry.position);
            }
        }
        for (log, entry) in late.into_iter().rev() {
            self.pending.entry(log.origin).or_default().push_front(entry);
        }
        (swept, noticed)
    }

    fn give_back(&mut self, jobs: Vec<Job>, batch: &mut Batch, error: ReadError) -> ReadError {
        self.queue.extend(jobs);
        self.merging.extend(std::mem::take(&mut batch.frames));
        self.beginnings.append(&mut batch.beginnings);
        error
    }

    /// The commands of this batch: in order of arrival, and for each aggregate in that order too.
    fn choose(&mut self) -> Vec<Job> {
        let closed = match self.region.gate() {
            Gate::Open => None,
            Gate::Closed(reason) => Some(reason),
        };
        let mut held: HashSet<AggregateId> = HashSet::default();
        let mut chosen = Vec::with_capacity(self.queue.len().min(BATCH_COMMANDS_MAX));
        for _ in 0..self.queue.len() {
            let job = self.queue.pop_front().expect("it is as long as it was");
            let id = &job.command.aggregate;
            if let Some(reason) = &closed {
                _ = job.reply.send(Err(Refused::NotAccepting { reason: reason.clone() }));
            } else if job.attempts > BATCH_ATTEMPTS_MAX {
                _ = job.reply.send(Err(Refused::Unavailable("the command met too many conflicts".to_owned())));
            } else if !self.fits(&chosen, id)
                || chosen.len() == BATCH_COMMANDS_MAX
                || self.busy.contains(id)
                || self.reserved.contains(id)
                || held.contains(id)
            {
                held.insert(id.clone());
                self.queue.push_back(job);
            } else {
                chosen.push(job);
            }
        }
        chosen
    }

    /// A hot aggregate has a batch of its own.
    fn fits(&self, chosen: &[Job], id: &AggregateId) -> bool {
        let Some(first) = chosen.first().map(|job| &job.command.aggregate).filter(|_| !self.hot.is_empty()) else { return true };
        first == id || !self.hot.contains(first) && !self.hot.contains(id)
    }

    /// Reads every aggregate and every idempotency record that the batch may look at.
    async fn load(
        &mut self,
        snapshot: &dyn Snapshot,
        (entries, missed): (&Entries, &[Missed]),
        (jobs, others): (&[Job], &[AggregateId]),
        batch: &mut Batch,
    ) -> Result<(), ReadError> {
        let model = self.region.model();
        let merged = || entries.iter().filter_map(|(_, entry)| entry.entry().ok()).flat_map(|entry| &entry.events);
        let wanted = merged().map(id_of).chain(jobs.iter().map(|job| job.command.aggregate.clone())).chain(others.iter().cloned());
        let mut ids: Vec<AggregateId> = wanted.collect();
        ids.sort_unstable();
        ids.dedup();
        self.load_aggregates(snapshot, ids, batch).await?;
        self.load_homes(snapshot, (entries, jobs), batch).await?;
        let now = idem::bucket(Clock::from_ms(self.region.env.wall_ms()), model.idempotency_window_ms);
        let mut keys: Vec<(AggregateId, Name, u32)> = Vec::new();
        // A key that was made here is known only to this job, so only its own earlier attempt can have used it.
        for job in jobs.iter().filter(|job| !job.key_made || job.attempts > 0) {
            let id = &job.command.aggregate;
            let Some(working) = batch.touched.get_mut(id).filter(|working| !working.aggregate.seen.is_empty()) else { continue };
            let Aggregate { clock: ahead, keys: recent, .. } = &*working.aggregate;
            // The newest first, since that one counts. An event from the future has its record there.
            let newest = idem::bucket(*ahead, model.idempotency_window_ms).max(now);
            let mut buckets: SmallVec<[u32; 6]> = smallvec![newest, newest.saturating_sub(1), now, now.saturating_sub(1)];
            // A reaction may be delivered again long after its cause.
            if let Some(cause) = &job.command.cause {
                let then = idem::bucket(cause.rank.clock, model.idempotency_window_ms);
                buckets.extend((then..=then + 1).filter(|bucket| bucket + 1 < now));
            }
            // What is in the aggregate's record is newer than what has one of its own.
            if let Some(record) = buckets.iter().find_map(|bucket| recent.get(*bucket, &job.key)) {
                working.records.insert(job.key.clone(), record.clone());
                continue;
            }
            let looked_up = |at: usize| !buckets[..at].contains(&buckets[at]) && recent.may_have_record(buckets[at], &job.key);
            keys.extend((0..buckets.len()).filter(|at| looked_up(*at)).map(|at| (id.clone(), job.key.clone(), buckets[at])));
        }
        self.load_keys(snapshot, keys, batch).await?;
        self.load_verdicts(snapshot, (entries, missed), jobs, batch).await
    }

    async fn load_aggregates(&mut self, snapshot: &dyn Snapshot, ids: Vec<AggregateId>, batch: &mut Batch) -> Result<(), ReadError> {
        let sole = self.sole_writer;
        let known = ids.into_iter().map(|id| (self.states.cached(self.id, &id), id));
        let (current, unsure): (Vec<_>, Vec<_>) = known.partition(|(held, _)| sole && held.is_some());
        let (known, ids): (Vec<_>, Vec<_>) = unsure.into_iter().unzip();
        let wanted: Vec<_> = ids.iter().map(|id| (self.id, id)).collect();
        let mut loaded = load(snapshot, &wanted, &known, &self.region.model()).await?;
        drop(known);
        for aggregate in loaded.iter_mut().flatten().filter(|aggregate| !aggregate.is_placed()) {
            Arc::make_mut(aggregate).place_all(self.region.me, self.end_of_own_log());
        }
        for (held, id) in current.into_iter().chain(loaded.into_iter().zip(ids)) {
            if !sole && !mutation::on("idem-without-conflict") {
                batch.transaction.read_key(&state::key(self.id, &id, 0));
            }
            batch.touched.insert(id, Working::new(held));
        }
        Ok(())
    }

    /// The homes that decide whether commands are accepted, or that merged entries move. Whatever is decided by them conflicts with a move.
    async fn load_homes(
        &mut self,
        snapshot: &dyn Snapshot,
        (entries, jobs): (&Entries, &[Job]),
        batch: &mut Batch,
    ) -> Result<(), ReadError> {
        let homed =
            |job: &Job| job.model.aggregate(&job.command.aggregate.kind).filter(|of| of.home.is_some()).map(|of| of.stored().clone());
        let moved = entries.iter().filter_map(|(_, entry)| entry.entry().ok()).flat_map(|entry| &entry.handovers);
        let kinds: BTreeSet<Name> = jobs.iter().filter_map(homed).chain(moved.map(|handover| handover.kind.clone())).collect();
        if kinds.is_empty() {
            return Ok(());
        }
        let model = self.region.model();
        let keys: Vec<Bytes> = kinds.iter().map(|kind| home::key(kind, self.id)).collect();
        for ((kind, key), bytes) in kinds.into_iter().zip(&keys).zip(snapshot.get_many(&keys).await?) {
            batch.transaction.read_key(key);
            let record = bytes.map(|bytes| HomeRecord::decode(&bytes)).transpose();
            match record.map_err(|e| ReadError::Unavailable(e.to_string()))? {
                Some(record) => _ = batch.homes.insert(kind, record),
                // A type that came with a later model: written down where it is first used.
                None => {
                    if let Some(home) = model.aggregate(&kind).and_then(|of| of.home.as_ref()) {
                        batch.move_home(&kind, self.id, first_home(home, self.id, &self.region.membership));
                    }
                }
            }
        }
        Ok(())
    }

    async fn load_keys(
        &mut self,
        snapshot: &dyn Snapshot,
        wanted: Vec<(AggregateId, Name, u32)>,
        batch: &mut Batch,
    ) -> Result<(), ReadError> {
        let keys: Vec<Bytes> = wanted.iter().map(|(id, key, bucket)| idem::key(self.id, *bucket, id, key)).collect();
        let found = snapshot.get_many(&keys).await?;
        for ((id, key, _), bytes) in wanted.into_iter().zip(found) {
            let record = bytes.map(|bytes| IdemRecord::decode(&bytes)).transpose().map_err(|e| ReadError::Unavailable(e.to_string()))?;
            if let (Some(working), Some(record)) = (batch.touched.get_mut(&id), record) {
                working.records.entry(key).or_insert(record);
            }
        }
        Ok(())
    }

    /// Everything that the batch changed becomes writes of its transaction.
    fn write(&mut self, batch: &mut Batch) {
        let model = self.region.model();
        let t = &mut batch.transaction;
        let place = (self.id, &self.standing.progress.applied);
        for (id, working) in &mut batch.touched {
            match model.aggregate(&id.kind) {
                Some(of) => {
                    working.bounded = of.has_bounds() && working.changed;
                    working.write(id, &self.region, place, of, &self.metrics, t);
                }
                None => working.write(id, &self.region, place, &NO_FIELDS, &self.metrics, t),
            }
        }
        if let Some(after) = &batch.after {
            t.read_key(&progress::key(self.id));
            if mutation::on("lease-progress-unchecked") {
                t.reads.clear();
            }
            t.put(progress::key(self.id), after.encode());
        }
        let Some(last) = batch.entry.last_index() else { return };
        if !self.sole_writer {
            t.read_key(&meta::REGION);
            t.writes.push(bell::write(self.id, batch.epoch, last + 1));
        }
        let others = batch.after.as_ref().unwrap_or(&self.standing.progress);
        batch.entry.applied = others.applied.without(self.region.me);
        // The aggregates are as the snapshot shows them.
        batch.entry.applied.join(&self.shown.applied.without(self.region.me));
        batch.entry_bytes = batch.entry.encode().into();
        t.writes.extend(log::append(self.own_log(), batch.epoch, last + 1, &batch.entry_bytes));
    }

    pub(super) fn own_log(&self) -> LogId {
        LogId { origin: self.region.me, shard: self.id }
    }
}

const NO_FIELDS: [(&str, sterna_crdt::FieldKind); 0] = [];
