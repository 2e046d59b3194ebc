//! Quiet times: tails are closed though nobody touches their aggregates, so that ledger rows become final and state small.

use super::working::settled;
use super::{Batch, Shard};
use crate::limits::{SWEEP_AGGREGATES_MAX, SWEEP_BATCH_MAX, SWEEP_PAUSE_FIRST, SWEEP_PAUSE_MAX};
use std::collections::VecDeque;
use std::time::Duration;
use sterna_crdt::Incarnation;
use sterna_env::HashSet;
use sterna_env::Instant;
use sterna_log::AggregateId;

/// Aggregates whose tail was not empty when they were last written. What does not fit is closed when it is written again.
pub(super) struct Sweep {
    waiting: VecDeque<AggregateId>,
    known: HashSet<AggregateId>,
    pause: Duration,
    at: Option<Instant>,
    pub due: bool,
}

impl Sweep {
    pub fn new() -> Self {
        Self { waiting: VecDeque::new(), known: HashSet::default(), pause: SWEEP_PAUSE_FIRST, at: None, due: false }
    }

    /// How long until it is time; `None` if there is nothing to sweep.
    pub fn pause(&mut self, now: Instant) -> Option<Duration> {
        if self.waiting.is_empty() {
            return None;
        }
        Some(self.at.get_or_insert(now + self.pause).saturating_duration_since(now))
    }

    pub fn wake(&mut self) {
        (self.due, self.at) = (true, None);
    }

    pub fn add(&mut self, id: &AggregateId) {
        if self.waiting.len() < SWEEP_AGGREGATES_MAX && self.known.insert(id.clone()) {
            self.waiting.push_back(id.clone());
        }
    }

    fn take(&mut self) -> Vec<AggregateId> {
        let count = self.waiting.len().min(SWEEP_BATCH_MAX);
        let taken: Vec<AggregateId> = self.waiting.drain(..count).collect();
        taken.iter().for_each(|id| _ = self.known.remove(id));
        taken
    }
}

impl Shard {
    /// The aggregates to look at in this batch, when it is time.
    pub(super) fn sweepable(&mut self) -> Vec<AggregateId> {
        if !std::mem::take(&mut self.sweep.due) || !self.queue.is_empty() || !self.under_way.is_empty() {
            return Vec::new();
        }
        self.sweep.take()
    }

    /// Marks those that can be closed as changed, and keeps the others for later.
    pub(super) fn sweep(&mut self, ids: Vec<AggregateId>, batch: &mut Batch) {
        let settled = |incarnation: Incarnation| settled(&self.region, self.id, incarnation);
        let mut closed = false;
        for id in ids {
            let Some(working) = batch.touched.get_mut(&id) else { continue };
            if working.aggregate.can_close(&settled) {
                working.change();
                closed = true;
            } else if working.aggregate.open() > 0 {
                self.sweep.add(&id);
            }
        }
        self.sweep.due = closed;
        self.sweep.pause = if closed { SWEEP_PAUSE_FIRST } else { (self.sweep.pause * 2).min(SWEEP_PAUSE_MAX) };
    }
}
