//! One transaction of a batch: nearly always the only one.

use super::batch::Batch;
use super::changes::Changes;
use super::{ProjectError, Projector};
use crate::feed::Change;
use crate::limits::PART_BYTES_MAX;
use sterna_crdt::Name;
use sterna_store::{Snapshot, Transaction, Write};
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
    measured: usize,
    bytes: usize,
}

impl Part {
    pub fn begin(from: usize, t: Transaction) -> Self {
        Self { from, t, changes: Changes::default(), measured: 0, bytes: 0 }
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
    /// Commits the aggregates since the last part, and the feed of their events. All parts but the last leave the progress, the
    /// history and the views of events as they were: should the process die between two parts, the batch is projected again and
    /// finds these aggregates done.
    pub(super) async fn commit_part(
        &mut self,
        part: Part,
        batch: &Batch,
        of: &[usize],
        outcomes: &[Option<Outcome>],
        snapshot: &dyn Snapshot,
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
        self.commit(part, told, snapshot).await
    }

    /// Commits a part, and what is told of it.
    pub(super) async fn commit<'c>(
        &mut self,
        part: Part,
        told: impl Iterator<Item = Change<'c>>,
        snapshot: &dyn Snapshot,
    ) -> Result<(), ProjectError> {
        let Part { mut t, changes, .. } = part;
        changes.count_failed(&mut self.failed, &mut t);
        self.groups.apply(changes.deltas, snapshot, &mut t).await?;
        let pages = self.feed.write(told, self.shared.region.env.wall_ms(), &mut t);
        self.shared.metrics.keys.inc_by(t.writes.len() as u64);
        self.shared.store.commit(t).await?;
        self.shared.with_pulse(|pulse| pulse.failed.clone_from(&self.failed));
        self.shared.feed.publish(pages);
        Ok(())
    }
}
