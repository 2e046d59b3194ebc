//! Building a generation beside the one that answers: all documents, or all events, of its source in the order of their keys.
//!
//! A step is one transaction: it reads on from the cursor, adds rows, and moves the cursor. Batches between the steps apply the
//! changes of what is before the cursor and leave what is behind it to the steps.

use super::changes::Changes;
use super::{ProjectError, Projector};
use crate::document::Held;
use crate::keys::meta::VIEWS;
use crate::keys::{decode, document, encode, history};
use crate::limits::BUILD_BYTES_MAX;
use crate::registry::Tracked;
use bytes::Bytes;
use std::ops::Range;
use sterna_crdt::Dot;
use sterna_model::{Args, EventView, Source};
use sterna_store::{Page, Pair, Snapshot, Transaction, key_range};

impl Projector {
    /// A step of the first building. False if nothing is built.
    pub(super) async fn build(&mut self) -> Result<bool, ProjectError> {
        let Some(tracked) = self.tracked.iter().find(|tracked| tracked.built.is_some()).cloned() else { return Ok(false) };
        let snapshot = self.snapshot().await?;
        let mut t = self.transaction(snapshot.version());
        let mut changes = Changes::default();
        let step = self.build_step(&tracked, &*snapshot, &mut changes, &mut t).await?;
        changes.count_failed(&mut self.failed, &mut t);
        self.groups.apply(changes.deltas, &*snapshot, &mut t).await?;
        let mut registry = self.registry.clone();
        registry.built(&tracked.view, step.cursor.as_ref());
        t.put(VIEWS, encode(&registry.record));
        let swapped = step.cursor.is_none();
        let pages = if swapped && self.means_something_else(&tracked) {
            self.feed.write_reset(self.shared.region.env.wall_ms(), &mut t)
        } else {
            Vec::new()
        };
        self.shared.store.commit(t).await?;

        self.registry = registry;
        self.shared.metrics.built.with_label_values(&[&tracked.view]).inc_by(step.read);
        self.shared.with_pulse(|pulse| {
            *pulse.read.entry(tracked.generation.number).or_default() += step.read;
            pulse.failed.clone_from(&self.failed);
        });
        if swapped {
            tracing::info!(view = %tracked.view, generation = tracked.generation.number, "the view answers from a new generation");
            self.replan();
        } else {
            self.retrack();
        }
        self.shared.feed.publish(pages);
        Ok(true)
    }

    /// Whether this generation replaces one of another definition.
    fn means_something_else(&self, tracked: &Tracked) -> bool {
        let record = self.registry.record.views.iter().find(|record| *record.name == *tracked.view);
        record.and_then(|record| record.live).is_some_and(|live| live.hash != tracked.generation.view().hash)
    }

    /// Begins a generation. `None` if there is no such view.
    pub(super) async fn rebuild(&mut self, view: &str) -> Result<Option<u32>, ProjectError> {
        let mut registry = self.registry.clone();
        let Some(generation) = registry.rebuild(view, &self.model) else { return Ok(None) };
        let snapshot = self.snapshot().await?;
        let mut t = self.transaction(snapshot.version());
        t.put(VIEWS, encode(&registry.record));
        self.shared.store.commit(t).await?;
        self.registry = registry;
        self.replan();
        Ok(Some(generation))
    }

    async fn build_step(
        &self,
        tracked: &Tracked,
        snapshot: &dyn Snapshot,
        changes: &mut Changes,
        t: &mut Transaction,
    ) -> Result<Step, ProjectError> {
        let cursor = tracked.built.clone().unwrap_or_default();
        let page = Page { limit: self.build_rows_max, bytes: BUILD_BYTES_MAX, reverse: false };
        for range in sources(&tracked.generation.view().source) {
            let range = range.start.clone().max(key_range(&cursor).end)..range.end;
            if range.start >= range.end {
                continue;
            }
            let pairs = snapshot.scan(range, page).await?;
            let Some((last, _)) = pairs.last() else { continue };
            let cursor = match &tracked.generation.view().source {
                Source::Of(kind) => self.build_documents(kind, tracked, &pairs, snapshot, changes, t).await?,
                Source::Events(_) => {
                    build_events(self, tracked, &pairs, changes, t)?;
                    last.clone()
                }
            };
            return Ok(Step { cursor: Some(cursor), read: pairs.len() as u64 });
        }
        Ok(Step { cursor: None, read: 0 })
    }

    /// Returns the cursor: behind all pieces of the last document.
    async fn build_documents(
        &self,
        kind: &str,
        tracked: &Tracked,
        pairs: &[Pair],
        snapshot: &dyn Snapshot,
        changes: &mut Changes,
        t: &mut Transaction,
    ) -> Result<Bytes, ProjectError> {
        for (at, (key, value)) in pairs.iter().enumerate() {
            if at % crate::limits::YIELD_AGGREGATES == 0 {
                tokio::task::yield_now().await;
            }
            let (Some((id, chunk)), Some(of)) = (document::parse(key), self.model.aggregate(kind)) else { continue };
            if chunk == 0 {
                let held = Held::load(of, &self.layouts, key, value.clone(), snapshot).await?;
                changes.document(tracked, id, None, Some(&held.record), t);
            }
        }
        Ok(pairs.last().map(|(last, _)| document::piece(last, u8::MAX)).unwrap_or_default())
    }

    /// After a cursor moved.
    fn retrack(&mut self) {
        self.tracked = self.registry.tracked(&self.model);
    }
}

/// What a step did.
struct Step {
    /// The last key that the generation has; `None` if it has all.
    cursor: Option<Bytes>,
    read: u64,
}

/// Where the source's documents or events are, in order of their keys.
pub(super) fn sources(source: &Source) -> Vec<Range<Bytes>> {
    match source {
        Source::Of(kind) => vec![document::all(kind)],
        Source::Events(events) => {
            let mut ranges: Vec<Range<Bytes>> = events.iter().map(|(kind, _)| history::all(kind)).collect();
            ranges.sort_unstable_by(|a, b| a.start.cmp(&b.start));
            ranges.dedup();
            ranges
        }
    }
}

fn build_events(
    projector: &Projector,
    tracked: &Tracked,
    pairs: &[Pair],
    changes: &mut Changes,
    t: &mut Transaction,
) -> Result<(), ProjectError> {
    for (key, value) in pairs {
        let record: history::Record<'_> = decode("event", value)?;
        let Some((kind, id, order)) = history::parse(key).filter(|_| !record.void) else { continue };
        let command = tracked.generation.model().aggregate(kind).and_then(|of| of.command(record.command));
        let args = command.map_or_else(Args::default, |command| command.stored_args(record.args.as_bytes()));
        let dot = Dot { incarnation: order.incarnation, n: record.n };
        let view = EventView {
            id: &dot.to_string(),
            aggregate: kind,
            command: record.command,
            aggregate_id: id,
            args: &args,
            at: order.clock,
            region: &projector.shared.region.membership.name(order.incarnation.region()),
            actor: record.actor,
        };
        changes.event(tracked, &view, order, t);
    }
    Ok(())
}
