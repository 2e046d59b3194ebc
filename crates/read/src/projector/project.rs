//! A batch of events: documents, history, views, feed, progress. One transaction, unless the documents are very large.

use super::batch::{Batch, Touched};
use super::changes::name_view;
use super::part::{Outcome, Part, Projected};
use super::subject::{Now, Subject};
use super::verdicts::stored_args;
use super::{ProjectError, Projector};
use crate::document::{self, Held};
use crate::keys::document::{Record, piece};
use crate::keys::{encode, history, progress};
use crate::limits::{BATCH_EVENTS_MAX, YIELD_AGGREGATES};
use bytes::Bytes;
use std::collections::BTreeSet;
use std::sync::Arc;
use sterna_env::HashSet;
use sterna_log::{AggregateId, Event, LogId, Position, Progress};
use sterna_model::EventView;
use sterna_store::{Transaction, key_range};
use sterna_write::ETag;

impl Projector {
    /// Projects what was applied. Returns how many events that were; `None` if there was nothing.
    pub(super) async fn project(&mut self) -> Result<Option<usize>, ProjectError> {
        let began = self.shared.region.env.now();
        let batch = self.collect().await?;
        if batch.entries.is_empty() {
            return Ok(None);
        }
        let (ids, touched, of) = batch.touched();
        let mut part = self.begin_part(0).await?;
        let Some(subjects) = self.subjects(&ids, &touched, &mut part).await? else { return Ok(Some(0)) };
        let mut outcomes = Vec::with_capacity(ids.len());
        for (at, subject) in subjects.into_iter().enumerate() {
            if at % YIELD_AGGREGATES == YIELD_AGGREGATES - 1 {
                tokio::task::yield_now().await;
            }
            if part.is_full() {
                self.commit_part(part, &batch, &of, &outcomes, None).await?;
                part = self.begin_part(at).await?;
            }
            outcomes.push(self.project_document(&ids[at], &touched[at], subject, &mut part));
        }
        let again = batch.said_again();
        let mut known = self.known(&again, &mut part).await?;
        for ((log, position, event), &place) in batch.events().zip(&of) {
            let key = history::key(&event.kind, &event.id, event.update.order);
            if !again.contains(&key) || known.insert(key.clone()) {
                self.project_event((log, position), event, key, &mut outcomes[place], &mut part);
            }
        }
        let progress = self.advance(&batch, &mut part.t);
        let projected = Projected { events: batch.events, progress: progress.clone(), began };
        self.commit_part(part, &batch, &of, &outcomes, Some(projected)).await?;

        self.verdicts.projected(&batch);
        self.progress = progress;
        if batch.events >= self.events_max {
            self.events_max = (self.events_max + self.events_max / 8 + 1).min(BATCH_EVENTS_MAX);
        }
        self.shared.metrics.documents.inc_by(ids.len() as u64);
        Ok(Some(batch.events))
    }

    /// Those of the history's keys that are projected. What became of such an event, and what views of events have of it, stays as it is.
    async fn known(&mut self, keys: &HashSet<Bytes>, part: &mut Part) -> Result<HashSet<Bytes>, ProjectError> {
        if keys.is_empty() {
            return Ok(HashSet::default());
        }
        let keys: Vec<Bytes> = keys.iter().cloned().collect();
        let found = self.snapshot_of(part).await?.get_many(&keys).await?;
        Ok(keys.into_iter().zip(found).filter_map(|(key, value)| value.map(|_| key)).collect())
    }

    /// Writes a document and what its views make of it. `None` if the model doesn't know the type.
    pub(super) fn project_document(
        &mut self,
        aggregate: &AggregateId,
        touched: &Touched,
        Subject { old, now }: Subject,
        part: &mut Part,
    ) -> Option<Outcome> {
        let Part { changes, t, .. } = part;
        let Some(of) = self.model.aggregate(&aggregate.kind) else {
            self.states.give_up_changes();
            return None;
        };
        let new = match now {
            Now::Same => None,
            Now::State(Some(state)) => Some(document::record(of, &self.layouts, &state, &self.shared.region.membership)),
            Now::State(None) => {
                tracing::error!(%aggregate, "an aggregate with events has no state");
                return None;
            }
        };
        let outcome = |record: &Record| Outcome { etag: ETag::made_of(&record.seen, record.voided, self.model.version), views: Vec::new() };
        let Some(new) = new.filter(|new| old.as_ref().is_none_or(|old| old.record != *new)) else {
            let old = old?;
            let (outcome, weight) = (outcome(&old.record), old.record.weight());
            self.documents.put(touched.key.clone(), old, weight);
            return Some(outcome);
        };
        let mut outcome = outcome(&new);
        let before = old.as_ref().map(|old| &old.record);
        self.expect_ahead(touched, before, &new);
        for &follower in self.followers.of_type(&aggregate.kind) {
            let tracked = &self.tracked[follower];
            let reached = tracked.built.as_ref().is_none_or(|built| touched.key <= *built);
            if reached && changes.document(tracked, &aggregate.id, before, Some(&new), t) {
                name_view(&mut outcome.views, tracked);
            }
        }
        let pieces = new.pieces();
        let held = Held { pieces: pieces.len(), record: new };
        for (chunk, value) in pieces.into_iter().enumerate() {
            t.put(if chunk == 0 { touched.key.clone() } else { piece(&touched.key, chunk as u8) }, value);
        }
        for chunk in held.pieces..old.map_or(0, |old| old.pieces) {
            t.clear(key_range(&piece(&touched.key, chunk as u8)));
        }
        let weight = held.record.weight();
        self.documents.put(touched.key.clone(), Arc::new(held), weight);
        Some(outcome)
    }

    /// A state may hold events that no batch has brought yet. Then what is written is ahead of the progress, but not of what the
    /// region has applied by now.
    fn expect_ahead(&self, touched: &Touched, old: Option<&Record>, new: &Record) {
        let brought = |dot| touched.dots.contains(dot) || old.is_some_and(|old| old.seen.contains(dot));
        if !new.seen.iter().all(brought) {
            self.shared.raise_ceiling(touched.shard, &self.shared.region.board.applied(touched.shard));
        }
    }

    fn project_event(&self, (log, position): (LogId, Position), event: &Event, key: Bytes, outcome: &mut Option<Outcome>, part: &mut Part) {
        let Some(outcome) = outcome else { return };
        let Part { changes, t, .. } = part;
        let order = event.update.order;
        let is_void = self.verdicts.is_void(&key);
        let record = history::Record {
            n: event.dot().n,
            command: &event.command,
            args: &event.args,
            actor: &event.actor,
            void: is_void,
            position: (position.epoch, position.commit, position.index),
            cause: event.cause.as_ref().map(|cause| (&*cause.kind, &*cause.id, cause.dot.incarnation, cause.dot.n)),
        };
        t.put(key.clone(), encode(&record));
        if is_void {
            return;
        }
        for &follower in self.followers.of_event(&event.kind, &event.command) {
            let tracked = &self.tracked[follower];
            if tracked.built.as_ref().is_some_and(|built| key > *built) {
                continue;
            }
            let id = event.dot().to_string();
            let region = self.shared.region.membership.name(log.origin);
            let args = stored_args(tracked, &event.kind, &event.command, &event.args);
            let view = EventView {
                id: &id,
                aggregate: &event.kind,
                command: &event.command,
                aggregate_id: &event.id,
                args: &args,
                at: order.clock,
                region: &region,
                actor: &event.actor,
            };
            if changes.event(tracked, &view, order, t) {
                name_view(&mut outcome.views, tracked);
            }
        }
    }

    /// The progress after the batch; what it changes is written, and raises what readers must expect.
    fn advance(&self, batch: &Batch, t: &mut Transaction) -> Progress {
        let mut progress = self.progress.clone();
        let mut shards = BTreeSet::new();
        for delivered in &batch.entries {
            progress.raise(delivered.log, delivered.position);
            shards.insert(delivered.log.shard);
        }
        for shard in shards {
            let (key, applied) = (progress::key(shard), progress.shard(shard));
            self.shared.raise_ceiling(shard, &applied);
            t.read_key(&key).put(key, progress::encode(&applied));
        }
        progress
    }
}
