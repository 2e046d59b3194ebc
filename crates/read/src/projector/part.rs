//! One transaction of a batch: nearly always the only one.

use super::batch::Batch;
use super::changes::Changes;
use super::{ProjectError, Projector};
use crate::feed::{Change, Pages};
use crate::limits::PART_BYTES_MAX;
use parking_lot::Mutex;
use sterna_crdt::Name;
use sterna_env::{Boxed, Instant};
use sterna_log::Progress;
use sterna_store::{CommitError, Committed, Snapshot, Transaction, Write};
use sterna_write::ETag;

/// What became of an aggregate, for the feed.
pub(super) struct Outcome {
    pub etag: ETag,
    pub views: Vec<Name>,
}

pub(super) struct Part {
    /// Its first aggregate.
    from: usize,
    pub t: Transaction,
    pub changes: Changes,
    /// What was read, if something was.
    snapshot: Option<Box<dyn Snapshot>>,
    measured: usize,
    bytes: usize,
}

/// A commit whose result is not known.
pub(super) struct UnderWay {
    /// Never locked: a future is not `Sync`, and the projector's other methods borrow it while they wait.
    commit: Mutex<Boxed<'static, Result<Committed, CommitError>>>,
    pages: Pages,
    projected: Option<Projected>,
}

/// What a batch has projected once its last part is committed.
pub(super) struct Projected {
    pub events: usize,
    pub progress: Progress,
    pub began: Instant,
}

impl Part {
    pub fn begin(from: usize) -> Self {
        Self { from, t: Transaction::blind(), changes: Changes::default(), snapshot: None, measured: 0, bytes: 0 }
    }

    pub fn is_full(&mut self) -> bool {
        for write in &self.t.writes[self.measured..] {
            if let Write::Put { key, value } = write {
                self.bytes += key.len() + value.len();
            }
        }
        self.measured = self.t.writes.len();
        self.bytes > PART_BYTES_MAX
    }
}

impl Projector {
    /// Where another projector may write too, what is in memory is as the part's snapshot shows it, or the commit conflicts.
    pub(super) async fn begin_part(&mut self, from: usize) -> Result<Part, ProjectError> {
        let mut part = Part::begin(from);
        if !self.shared.store.limits().sole_writer {
            self.snapshot_of(&mut part).await?;
        }
        Ok(part)
    }

    /// What a part reads from.
    pub(super) async fn snapshot_of<'p>(&mut self, part: &'p mut Part) -> Result<&'p dyn Snapshot, ProjectError> {
        if part.snapshot.is_none() {
            part.snapshot = Some(self.snapshot().await?);
        }
        Ok(part.snapshot.as_deref().expect("it was just taken"))
    }

    /// Commits the aggregates since the last part, and the feed of their events. All parts but the last leave the progress, the
    /// history and the views of events as they were: should the process die between two parts, the batch is projected again and
    /// finds these aggregates done. The last one's commit is under way then.
    pub(super) async fn commit_part(
        &mut self,
        part: Part,
        batch: &Batch,
        of: &[usize],
        outcomes: &[Option<Outcome>],
        last: Option<Projected>,
    ) -> Result<(), ProjectError> {
        let from = part.from;
        let told = batch.events().zip(of).filter(|(_, place)| **place >= from).filter_map(|((_, _, event), &place)| {
            let outcome = outcomes.get(place)?.as_ref()?;
            Some(Change {
                kind: &event.kind,
                id: &event.id,
                event: event.dot(),
                command: &event.command,
                etag: outcome.etag,
                views: &outcome.views,
            })
        });
        match last {
            Some(_) => self.enqueue(part, told, last).await,
            None => self.commit(part, told).await,
        }
    }

    /// Commits a part, and what is told of it.
    pub(super) async fn commit<'c>(&mut self, part: Part, told: impl Iterator<Item = Change<'c>>) -> Result<(), ProjectError> {
        self.enqueue(part, told, None).await?;
        self.settle().await
    }

    async fn enqueue<'c>(
        &mut self,
        part: Part,
        told: impl Iterator<Item = Change<'c>>,
        projected: Option<Projected>,
    ) -> Result<(), ProjectError> {
        let Part { t: made, changes, snapshot, .. } = part;
        let snapshot = match snapshot {
            Some(snapshot) => snapshot,
            None => self.snapshot().await?,
        };
        let mut t = self.transaction(snapshot.version());
        t.reads.extend(made.reads);
        t.writes = made.writes;
        changes.count_failed(&mut self.failed, &mut t);
        self.groups.apply(changes.deltas, &*snapshot, &mut t).await?;
        let pages = self.feed.write(told, self.shared.region.env.wall_ms(), &mut t);
        self.shared.metrics.keys.inc_by(t.writes.len() as u64);
        self.under_way = Some(UnderWay { commit: Mutex::new(self.shared.store.commit(t)), pages, projected });
        Ok(())
    }

    /// Waits for what is under way, and shows it to readers.
    pub(super) async fn settle(&mut self) -> Result<(), ProjectError> {
        let Some(UnderWay { commit, pages, projected }) = self.under_way.take() else { return Ok(()) };
        commit.into_inner().await?;
        self.shared.with_pulse(|pulse| pulse.failed.clone_from(&self.failed));
        self.shared.feed.publish(pages);
        let Some(Projected { events, progress, began }) = projected else { return Ok(()) };
        let metrics = &self.shared.metrics;
        // Counted before it is published: who waits for room looks at the count when the progress changes.
        metrics.events.inc_by(events as u64);
        self.shared.progress.send_replace(progress);
        metrics.batch_events.observe(events as f64);
        metrics.batch_seconds.observe((self.shared.region.env.now() - began).as_secs_f64());
        Ok(())
    }
}
