//! Parked aggregates get what they lack, once it can be applied.

use super::job::{UnparkJob, Unparked};
use super::merge::id_of;
use super::{Batch, Shard};
use crate::limits::MERGE_READ_BYTES;
use sterna_log::LogId;
use sterna_model::Model;
use sterna_store::ReadError;

/// One that is tried in this batch.
pub(super) struct Trying {
    pub job: UnparkJob,
    /// It lacks nothing of what this region has applied but the job's events.
    whole: bool,
}

impl Shard {
    /// While a batch merges, the logs' ends are not known.
    pub(super) fn may_unpark(&self) -> bool {
        let is_free = |job: &UnparkJob| !self.busy.contains(&job.aggregate);
        !self.merge_under_way && self.unparking.front().is_some_and(is_free)
    }

    /// The next one to try, with what was applied since its events were gathered. Whoever is dropped is tried anew.
    pub(super) async fn unparkable(&mut self) -> Result<Option<Trying>, ReadError> {
        if !self.may_unpark() {
            return Ok(None);
        }
        let Some(mut job) = self.unparking.pop_front() else { return Ok(None) };
        let mut whole = job.whole;
        let applied = self.standing.progress.applied.clone();
        for &(origin, until) in &applied.0 {
            let (log, after) = (LogId { origin, shard: self.id }, job.upto.get(origin));
            let entries = self.logs.read(log, after, until, MERGE_READ_BYTES).await?;
            whole &= after >= until || entries.last().is_some_and(|last| last.position >= until);
            for entry in &entries {
                let Ok(decoded) = entry.entry() else { continue };
                let missed = decoded.events.iter().enumerate().filter(|(_, event)| id_of(event) == job.aggregate);
                job.events.extend(missed.map(|(index, event)| (entry.at(index), event.clone())));
            }
        }
        job.events.sort_by_key(|(_, event)| event.update.order);
        Ok(Some(Trying { job, whole }))
    }

    /// Applies what it lacks in causal order, up to what can't be applied. Its aggregate is loaded.
    pub(super) fn unpark(&mut self, trying: Trying, model: &Model, batch: &mut Batch) {
        let Trying { job, mut whole } = trying;
        let UnparkJob { aggregate: id, events, reply, .. } = job;
        let Some(working) = batch.touched.get_mut(&id) else { return };
        let Some(reason) = working.aggregate.parked.clone() else {
            _ = reply.send(Unparked::Done);
            return;
        };
        working.change().parked = None;
        let mut failed = None;
        for (position, event) in &events {
            let seen = batch.touched.get(&id).map(|working| &working.aggregate.seen);
            if seen.is_some_and(|seen| !seen.covers(&event.update.seen)) {
                // What comes before it was not gathered yet.
                whole = false;
                continue;
            }
            match self.try_event(event, *position, model, batch) {
                Ok(true) => {
                    batch.merged_events += 1;
                    if let Some(working) = batch.touched.get_mut(&id) {
                        working.caught_up = Some((event.dot(), event.update.order));
                    }
                }
                Ok(false) => {}
                Err(why) => {
                    failed = Some(why);
                    break;
                }
            }
        }
        let Some(working) = batch.touched.get_mut(&id) else { return };
        let caught_up = working.caught_up.is_some();
        let outcome = match (failed, whole) {
            (None, true) => {
                tracing::info!(aggregate = %id, "is parked no more");
                Unparked::Done
            }
            (None, false) => {
                working.change().parked = Some(reason);
                if !caught_up {
                    // Its log has a hole, which may take a while to be filled.
                    return;
                }
                Unparked::More
            }
            (Some(why), _) => {
                working.change().parked = Some(why.clone());
                Unparked::Still(why)
            }
        };
        batch.unparked = Some((reply, outcome));
    }
}
