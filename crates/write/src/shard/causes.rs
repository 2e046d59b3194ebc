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
use std::collections::BTreeSet;
use std::sync::Arc;
use sterna_crdt::Dot;
use sterna_log::{AggregateId, Cause, LogId, Position, ShardId, shard_of};
use sterna_store::{Page, ReadError, Snapshot};

/// What a void cause is to do to an aggregate.
pub(super) struct Notice {
    key: Bytes,
    pub target: AggregateId,
    cause: CauseOf,
}

/// An event in a tail, and what it is of.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Caused {
    aggregate: AggregateId,
    dot: Dot,
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

    /// Learns which causes of events in the tails of the batch's aggregates are settled, so that the verdicts on them are final.
    pub(super) async fn settle_causes(&mut self, batch: &mut Batch) -> Result<(), ReadError> {
        let settled = self.settled_causes(batch).await?;
        if settled.is_empty() {
            return Ok(());
        }
        // Whoever has settled a cause has its twins, and so their marks: but only who looks after that sees them.
        let keys: Vec<Bytes> = settled.iter().map(|event| self.mark(&event.cause)).collect();
        let snapshot = Arc::clone(self.region.store_of(self.id)).snapshot().await?;
        let marks = snapshot.get_many(&keys).await?;
        let void: BTreeSet<CauseOf> =
            settled.iter().zip(marks).filter(|(_, mark)| mark.is_some()).map(|(event, _)| event.cause.clone()).collect();
        let model = self.region.model();
        for of_one in settled.chunk_by(|one, other| one.aggregate == other.aggregate) {
            let (id, dots): (_, Vec<Dot>) = (&of_one[0].aggregate, of_one.iter().map(|event| event.dot).collect());
            let (Some(working), Some(of)) = (batch.touched.get_mut(id), model.aggregate(&id.kind)) else { continue };
            working.void_caused_by(&void, id, of);
            working.settle_causes(&dots);
        }
        Ok(())
    }

    /// Events whose causes are settled, aggregate by aggregate. Of a tail the oldest are looked at first, and others only while these are settled;
    /// in quiet times all.
    async fn settled_causes(&mut self, batch: &Batch) -> Result<Vec<Caused>, ReadError> {
        let (mut settled, mut asked) = (Vec::new(), Vec::new());
        let mut room = TAILS_CAUSES_MAX;
        for (id, working) in &batch.touched {
            for open in working.aggregate.tail.unsettled().take(room) {
                room -= 1;
                let Some(cause) = &open.cause else { continue };
                let event = || Caused { aggregate: id.clone(), dot: open.dot(), cause: cause.clone() };
                match self.all_have(cause, open.cause_at) {
                    Some(true) if !open.is_chained => settled.push(event()),
                    Some(false) if self.sweep.is_quiet() => {}
                    Some(false) => break,
                    _ if asked.len() < CAUSES_MAX => asked.push(event()),
                    _ => {}
                }
            }
        }
        if !asked.is_empty() {
            let of = |Caused { cause: (kind, id, _), .. }: &Caused| AggregateId { kind: kind.clone(), id: id.clone() };
            let ids: Vec<AggregateId> = asked.iter().map(of).collect();
            let held = Arc::clone(&self.states).get_many(&ids).await?;
            let answered = asked.into_iter().zip(held);
            settled.extend(answered.filter_map(|(event, held)| self.is_settled(&event.cause, &*held?).then_some(event)));
            settled.sort_unstable();
        }
        Ok(settled)
    }

    /// Whether every region has a cause, by its place in its origin's log. `None` if that does not tell.
    fn all_have(&self, cause: &CauseOf, position: Option<Position>) -> Option<bool> {
        let region = &self.region;
        region.board.all_have(self.log_of(cause), position?, region.me, region.membership.regions())
    }

    /// The verdict on this event, which `held` may have, is final.
    fn is_settled(&self, cause: &CauseOf, held: &Aggregate) -> bool {
        let (.., dot) = *cause;
        let Some(open) = held.tail.find(dot) else { return held.seen.contains(dot) };
        let log = self.log_of(cause);
        let position = open.position.unwrap_or_else(|| self.region.board.applied(log.shard).get(log.origin));
        let all = self.region.board.applied_by_all(log, self.region.me, self.region.membership.regions());
        open.closed || open.cause_settled && position <= all
    }

    fn log_of(&self, (kind, id, dot): &CauseOf) -> LogId {
        LogId { origin: dot.incarnation.region(), shard: self.shard_of(kind, id) }
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
