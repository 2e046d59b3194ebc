//! Tails that nobody touches are closed too: soon, where ledger rows wait to become final; in quiet times, elsewhere.

use super::working::settled;
use super::{Batch, Shard};
use crate::keys::state;
use crate::limits::{
    SWEEP_AGGREGATES_MAX, SWEEP_BATCH_MAX, SWEEP_LATE, SWEEP_PAUSE_FIRST, SWEEP_PAUSE_MAX, SWEEP_PAUSE_SEARCH, SWEEP_QUIET,
};
use bytes::Bytes;
use std::collections::BTreeSet;
use std::time::Duration;
use sterna_crdt::Incarnation;
use sterna_env::Instant;
use sterna_log::{AggregateId, LogId, Position};
use sterna_store::{Page, ReadError, Snapshot, key_range, prefix_range};

/// Aggregates whose tail was not empty when they were last written.
pub(super) struct Sweep {
    /// Their ledger rows are not final.
    contested: BTreeSet<AggregateId>,
    others: BTreeSet<AggregateId>,
    /// There are more than are remembered; in quiet times the store is searched for them.
    more: bool,
    /// Where the search goes on.
    search: Option<Bytes>,
    /// What was settled when the last search began: while nothing more is, another one would find nothing.
    searched: Vec<Position>,
    pause: Duration,
    at: Option<Instant>,
    quiet_at: Option<Instant>,
    due: bool,
    /// It is done because the shard did nothing for a while.
    quiet: bool,
    /// Up to where each region's log was settled when that last changed.
    settled: Vec<Position>,
}

impl Sweep {
    /// With `more`, a life before this one may have left some.
    pub fn new(more: bool) -> Self {
        Self {
            contested: BTreeSet::new(),
            others: BTreeSet::new(),
            more,
            search: None,
            searched: Vec::new(),
            pause: SWEEP_PAUSE_FIRST,
            at: None,
            quiet_at: None,
            due: false,
            quiet: false,
            settled: Vec::new(),
        }
    }

    /// How long until it is time; `None` if there is nothing to sweep.
    pub fn pause(&mut self, now: Instant) -> Option<Duration> {
        let at = *self.at.get_or_insert(now + self.pause);
        let at = match (self.contested.is_empty(), self.others.is_empty() && !self.more && self.search.is_none()) {
            (false, _) => at,
            (true, false) => at.max(*self.quiet_at.get_or_insert(now + SWEEP_QUIET)),
            (true, true) => return None,
        };
        Some(at.saturating_duration_since(now))
    }

    pub fn wake(&mut self) {
        (self.due, self.at) = (true, None);
    }

    /// More is settled than before, so that it is worth to look soon.
    pub fn settle(&mut self, settled: Vec<Position>) {
        if self.settled != settled {
            (self.settled, self.pause, self.at) = (settled, SWEEP_PAUSE_FIRST, self.at.filter(|_| self.pause == SWEEP_PAUSE_FIRST));
        }
    }

    fn is_late(&self, now: Instant) -> bool {
        self.at.is_some_and(|at| now > at + SWEEP_LATE)
    }

    pub fn is_due(&self) -> bool {
        self.due
    }

    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// The shard is at work.
    pub fn busy(&mut self, now: Instant) {
        self.quiet_at = Some(now + SWEEP_QUIET);
    }

    pub fn add(&mut self, id: &AggregateId, contested: bool) {
        let waiting = if contested { &mut self.contested } else { &mut self.others };
        if waiting.len() < SWEEP_AGGREGATES_MAX {
            waiting.insert(id.clone());
        } else {
            self.more = true;
        }
    }

    fn take(&mut self, quiet: bool) -> Vec<AggregateId> {
        let mut taken = Vec::new();
        let waiting = [Some(&mut self.contested), quiet.then_some(&mut self.others)];
        for waiting in waiting.into_iter().flatten() {
            taken.extend(std::iter::from_fn(|| waiting.pop_first()).take(SWEEP_BATCH_MAX - taken.len()));
        }
        taken
    }
}

impl Shard {
    /// The aggregates to look at in this batch, when it is time.
    pub(super) async fn sweepable(&mut self, snapshot: &dyn Snapshot) -> Result<Vec<AggregateId>, ReadError> {
        let busy = !self.queue.is_empty() || !self.under_way.is_empty();
        let due = std::mem::take(&mut self.sweep.due) && !busy;
        let now = self.region.env.now();
        if !due && !self.sweep.is_late(now) {
            return Ok(Vec::new());
        }
        self.sweep.at = None;
        let quiet = !busy && self.sweep.quiet_at.is_some_and(|at| at <= now);
        self.sweep.quiet = quiet;
        let (busy, taken): (Vec<_>, Vec<_>) = self.sweep.take(quiet).into_iter().partition(|id| self.busy.contains(id));
        busy.iter().for_each(|id| self.sweep.add(id, true));
        match taken.is_empty() && quiet && (self.sweep.more || self.sweep.search.is_some()) {
            true => self.search(snapshot).await,
            false => Ok(taken),
        }
    }

    /// The next aggregates of the store.
    async fn search(&mut self, snapshot: &dyn Snapshot) -> Result<Vec<AggregateId>, ReadError> {
        let range = prefix_range(&state::shard_prefix(self.id));
        let from = self.sweep.search.take().unwrap_or_else(|| range.start.clone());
        if from == range.start {
            let region = &self.region;
            let by_all = |origin| region.board.applied_by_all(LogId { origin, shard: self.id }, region.me, region.membership.regions());
            let settled: Vec<Position> = region.membership.regions().map(by_all).collect();
            if self.sweep.searched == settled {
                return Ok(Vec::new());
            }
            (self.sweep.searched, self.sweep.more) = (settled, false);
        }
        let found = snapshot.scan(from..range.end, Page::first(SWEEP_BATCH_MAX)).await?;
        self.sweep.search = found.last().map(|(key, _)| key_range(key).end);
        let first_chunks = found.iter().filter_map(|(key, _)| state::parse(key)).filter(|(_, chunk)| *chunk == 0);
        Ok(first_chunks.map(|(id, _)| id).collect())
    }

    /// Marks those that can be closed as changed, and keeps the others for later.
    pub(super) fn sweep(&mut self, ids: Vec<AggregateId>, batch: &mut Batch) {
        let settled = |incarnation: Incarnation| settled(&self.region, self.id, incarnation);
        let mut closed = false;
        for id in ids {
            let Some(working) = batch.touched.get_mut(&id) else { continue };
            if working.can_close(&settled) {
                working.change();
                closed = true;
            } else if working.aggregate.open() > 0 {
                self.sweep.add(&id, working.aggregate.presses());
            }
        }
        self.sweep.due = closed;
        self.sweep.pause = match self.sweep.search {
            Some(_) => SWEEP_PAUSE_SEARCH,
            None if closed => SWEEP_PAUSE_FIRST,
            None => (self.sweep.pause * 2).clamp(SWEEP_PAUSE_FIRST, SWEEP_PAUSE_MAX),
        };
    }
}
