//! Verdicts that come from other aggregates, in whatever shard: an event whose cause is void is void.
//!
//! Whoever finds an event void marks it, and leaves a notice with each aggregate that it may have caused something in. An event that is applied
//! looks for its cause's mark, with a read conflict; so either it sees the mark, or the notice finds the event.

use super::job::Missed;
use super::{Batch, Job, Shard};
use crate::LogEntry;
use crate::aggregate::{Aggregate, CauseOf};
use crate::keys::void;
use crate::limits::{CAUSES_MAX, NOTICES_MAX, TAILS_CAUSES_MAX};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use sterna_crdt::Order;
use sterna_log::{AggregateId, Cause, LogId, ShardId, shard_of};
use sterna_store::{Page, ReadError, Snapshot};

/// What a void cause is to do to an aggregate.
pub(super) struct Notice {
    key: Bytes,
    pub target: AggregateId,
    cause: CauseOf,
}

impl Shard {
    /// Finds out which of the causes of what is to be applied are void.
    pub(super) async fn load_verdicts(
        &mut self,
        snapshot: &dyn Snapshot,
        (entries, missed): (&[(LogId, LogEntry)], &[Missed]),
        jobs: &[Job],
        batch: &mut Batch,
    ) -> Result<(), ReadError> {
        let merged = entries.iter().filter_map(|(_, entry)| entry.entry().ok()).flat_map(|entry| &entry.events);
        let merged = merged.chain(missed.iter().map(|(_, event)| event));
        let causes = merged.filter_map(|event| event.cause.as_ref()).chain(jobs.iter().filter_map(|job| job.command.cause.as_ref()));
        let causes: BTreeSet<CauseOf> = causes.map(cause_of).collect();
        if causes.is_empty() {
            return Ok(());
        }
        let keys: Vec<Bytes> = causes.iter().map(|cause| self.mark(cause)).collect();
        let found = snapshot.get_many(&keys).await?;
        keys.iter().for_each(|key| _ = batch.transaction.read_key(key));
        batch.void_causes = causes.into_iter().zip(found).filter(|(_, mark)| mark.is_some()).map(|(cause, _)| cause).collect();
        Ok(())
    }

    /// The notices whose aggregates are free.
    pub(super) async fn notices(&mut self, snapshot: &dyn Snapshot) -> Result<Vec<Notice>, ReadError> {
        if !self.notices_due {
            return Ok(Vec::new());
        }
        let pairs = snapshot.scan(void::all_notices(self.id), Page::first(NOTICES_MAX)).await?;
        let read = pairs.iter().filter_map(|(key, _)| {
            let (target, cause) = void::parse_notice(key)?;
            Some(Notice { key: key.clone(), target, cause })
        });
        let (busy, free): (Vec<_>, Vec<_>) = read.partition(|notice| self.busy.contains(&notice.target));
        // A commit that frees them wakes this up again.
        self.notices_wait = !busy.is_empty();
        self.notices_due = pairs.len() == NOTICES_MAX && !free.is_empty();
        Ok(free)
    }

    /// Makes void what void causes caused. The aggregates are loaded.
    pub(super) fn obey(&mut self, notices: Vec<Notice>, batch: &mut Batch) {
        let model = self.region.model();
        for notice in notices {
            let Some(of) = model.aggregate(&notice.target.kind) else { continue };
            if let Some(working) = batch.touched.get_mut(&notice.target) {
                working.void_caused_by(&BTreeSet::from([notice.cause]), &notice.target, of);
            }
            batch.transaction.clear_key(&notice.key);
        }
    }

    /// Learns which causes of events in these aggregates' tails are settled, so that the verdicts on them are final.
    pub(super) async fn settle_causes(&mut self, swept: &[AggregateId], batch: &mut Batch) -> Result<(), ReadError> {
        let settled = self.settled_causes(swept, batch).await?;
        if settled.is_empty() {
            return Ok(());
        }
        // Whoever has settled a cause has its twins, and so their marks: but only who looks after that sees them.
        let keys: Vec<Bytes> = settled.iter().map(|cause| self.mark(cause)).collect();
        let snapshot = Arc::clone(self.region.store_of(self.id)).snapshot().await?;
        let marks = snapshot.get_many(&keys).await?;
        let void: BTreeSet<CauseOf> =
            settled.iter().zip(marks).filter(|(_, mark)| mark.is_some()).map(|(cause, _)| cause.clone()).collect();
        let model = self.region.model();
        for id in swept {
            let (Some(working), Some(of)) = (batch.touched.get_mut(id), model.aggregate(&id.kind)) else { continue };
            working.void_caused_by(&void, id, of);
            working.settle_causes(&settled);
        }
        Ok(())
    }

    /// A log is settled from its beginning, so of each log the oldest causes are looked at first, and more of them only where some of those are
    /// settled. In quiet times all are looked at, since one may wait for its own cause.
    async fn settled_causes(&mut self, swept: &[AggregateId], batch: &Batch) -> Result<BTreeSet<CauseOf>, ReadError> {
        let mut waiting: BTreeMap<LogId, BTreeSet<(Order, &CauseOf)>> = BTreeMap::new();
        let tails = swept.iter().filter_map(|id| batch.touched.get(id));
        for open in tails.flat_map(|working| working.aggregate.tail.unsettled()).take(TAILS_CAUSES_MAX) {
            let Some(cause) = &open.cause else { continue };
            let (kind, id, dot) = cause;
            let log = LogId { origin: dot.incarnation.region(), shard: self.shard_of(kind, id) };
            waiting.entry(log).or_default().insert((open.rank, cause));
        }
        let mut settled = BTreeSet::new();
        let mut room = CAUSES_MAX;
        let quiet = self.sweep.is_quiet();
        let mut step = if quiet { (CAUSES_MAX / waiting.len().max(1)).max(1) } else { 1 };
        while !waiting.is_empty() && room > 0 {
            let mut asked = Vec::new();
            for (log, causes) in &mut waiting {
                let some = std::iter::from_fn(|| causes.pop_first()).take(step.min(room - asked.len()));
                asked.extend(some.map(|(_, cause)| (*log, cause)));
            }
            let ids: Vec<AggregateId> = asked.iter().map(|(_, (kind, id, _))| AggregateId { kind: kind.clone(), id: id.clone() }).collect();
            let held = Arc::clone(&self.states).get_many(&ids).await?;
            let now = asked.iter().zip(held).filter(|((_, cause), held)| held.as_ref().is_some_and(|held| self.is_settled(cause, held)));
            let now: Vec<(LogId, &CauseOf)> = now.map(|(asked, _)| *asked).collect();
            waiting.retain(|log, causes| !causes.is_empty() && (quiet || now.iter().any(|(settled, _)| settled == log)));
            settled.extend(now.into_iter().map(|(_, cause)| cause.clone()));
            (room, step) = (room - asked.len(), step * 4);
        }
        Ok(settled)
    }

    /// The verdict on this event, which `held` may have, is final.
    fn is_settled(&self, (kind, id, dot): &CauseOf, held: &Aggregate) -> bool {
        let Some(open) = held.tail.find(*dot) else { return held.seen.contains(*dot) };
        let origin = dot.incarnation.region();
        let log = LogId { origin, shard: self.shard_of(kind, id) };
        let position = open.position.unwrap_or_else(|| self.region.board.applied(log.shard).get(origin));
        let all = self.region.board.applied_by_all(log, self.region.me, self.region.membership.regions());
        open.closed || open.cause_settled && position <= all
    }

    fn mark(&self, (kind, id, dot): &CauseOf) -> Bytes {
        void::mark(self.shard_of(kind, id), kind, id, *dot)
    }

    fn shard_of(&self, kind: &str, id: &str) -> ShardId {
        shard_of(kind, id, self.region.shards())
    }
}

pub(super) fn cause_of(cause: &Cause) -> CauseOf {
    (cause.kind.clone(), cause.id.clone(), cause.dot)
}
