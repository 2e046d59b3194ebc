//! What changes without an event. Events that turned out to be void (DESIGN.md, section 4): their history says so, and what views of events
//! have of them is taken back; the verdict may come long after its event. And aggregates that were parked: the document follows here.

use super::batch::{Batch, Touched};
use super::changes::name_view;
use super::part::Part;
use super::{ProjectError, Projector};
use crate::feed::Change;
use crate::keys::{decode, document, encode, history};
use crate::limits::VERDICTS_MAX;
use crate::registry::Tracked;
use bytes::Bytes;
use sterna_crdt::{Dot, Name, VersionVector};
use sterna_env::HashSet;
use sterna_log::{AggregateId, ShardId, shard_of};
use sterna_model::{Args, EventView};
use sterna_store::{Page, key_range};
use sterna_write::keys::void::{self, Voided, What};

/// Up to where the news of void events was read. It begins anew with the process: what is known already changes nothing.
#[derive(Default)]
pub(super) struct Verdicts {
    shards: Vec<Reached>,
    /// Keys, in the history, of void events that are not projected yet.
    early: HashSet<Bytes>,
}

#[derive(Clone, Default)]
struct Reached {
    /// What the board had counted.
    counted: Option<u64>,
    after: Option<Bytes>,
}

impl Verdicts {
    pub fn is_void(&self, key: &Bytes) -> bool {
        !self.early.is_empty() && self.early.contains(key)
    }

    pub fn projected(&mut self, batch: &Batch) {
        if !self.early.is_empty() {
            batch.events().for_each(|(.., event)| _ = self.early.remove(&history::key(&event.kind, &event.id, event.update.order)));
        }
    }
}

impl Projector {
    /// Follows the news of void events. True if there was some.
    pub(super) async fn judge(&mut self) -> Result<bool, ProjectError> {
        let shards: Vec<ShardId> = self.shared.region.board.shards().collect();
        self.verdicts.shards.resize(shards.len(), Reached::default());
        let mut some = false;
        for shard in shards {
            let at = usize::from(shard.0);
            let counted = self.shared.region.board.verdicts(shard);
            let reached = &self.verdicts.shards[at];
            if reached.counted == Some(counted) {
                continue;
            }
            let mut range = void::all_news(shard);
            if let Some(after) = &reached.after {
                range.start = key_range(after).end;
            }
            let news = self.shared.region.stores.of(shard).snapshot().await?.scan(range, Page::first(VERDICTS_MAX)).await?;
            let last = news.last().map(|(key, _)| key.clone());
            let voided = news.iter().map(|(_, value)| void::read_news(value)).collect::<Result<Vec<_>, _>>();
            let voided = voided.map_err(|e| ProjectError::Read(sterna_store::ReadError::Unavailable(e.to_string())))?;
            some |= !voided.is_empty();
            if !self.judge_some(&voided).await? {
                continue;
            }
            let reached = &mut self.verdicts.shards[at];
            reached.counted = (news.len() < VERDICTS_MAX).then_some(counted);
            reached.after = last.or(reached.after.take());
        }
        Ok(some)
    }

    /// False if there is a later model to adopt first.
    async fn judge_some(&mut self, voided: &[Voided]) -> Result<bool, ProjectError> {
        if voided.is_empty() {
            return Ok(true);
        }
        let keys: Vec<Bytes> = voided.iter().map(|voided| history::key(&voided.kind, &voided.id, voided.order)).collect();
        let mut part = Part::begin(0);
        let found = self.snapshot_of(&mut part).await?.get_many(&keys).await?;
        let mut told: Vec<(Voided, Name, Vec<Name>)> = Vec::new();
        for ((voided, key), value) in voided.iter().zip(keys).zip(found) {
            let Some(value) = value else {
                if voided.what == What::Void {
                    self.verdicts.early.insert(key);
                }
                continue;
            };
            let record: history::Record<'_> = decode("event", &value)?;
            if voided.what == What::Unparked {
                told.push((voided.clone(), record.command.into(), Vec::new()));
            } else if !record.void {
                part.t.put(key.clone(), encode(&history::Record { void: true, ..record.clone() }));
                let views = self.take_back(voided, &key, &record, &mut part);
                told.push((voided.clone(), record.command.into(), views));
            }
        }
        if told.is_empty() {
            return Ok(true);
        }
        let mut ids: Vec<AggregateId> =
            told.iter().map(|(voided, ..)| AggregateId { kind: voided.kind.clone(), id: voided.id.clone() }).collect();
        ids.sort_unstable();
        ids.dedup();
        let touched: Vec<Touched> = ids.iter().map(|id| self.touched(id)).collect();
        let Some(subjects) = self.subjects(&ids, &touched, &mut part).await? else { return Ok(false) };
        let mut outcomes = Vec::with_capacity(ids.len());
        for (at, subject) in subjects.into_iter().enumerate() {
            outcomes.push(self.project_document(&ids[at], &touched[at], subject, &mut part));
        }
        let changes = told.iter().filter_map(|(voided, command, views)| {
            let at = ids.binary_search_by(|id| (&*id.kind, &*id.id).cmp(&(&*voided.kind, &*voided.id))).ok()?;
            let outcome = outcomes[at].as_ref()?;
            Some((voided, command, outcome.etag, views.iter().chain(&outcome.views).cloned().collect::<Vec<Name>>()))
        });
        let changes: Vec<_> = changes.collect();
        let changes = changes.iter().map(|(voided, command, etag, views)| Change {
            kind: &voided.kind,
            id: &voided.id,
            event: voided.dot,
            command,
            etag: *etag,
            views,
        });
        self.commit(part, changes).await?;
        Ok(true)
    }

    /// What views of events have of it.
    fn take_back(&self, voided: &Voided, key: &Bytes, record: &history::Record<'_>, part: &mut Part) -> Vec<Name> {
        let mut views = Vec::new();
        for &follower in self.followers.of_event(&voided.kind, record.command) {
            let tracked = &self.tracked[follower];
            if tracked.built.as_ref().is_some_and(|built| key > built) {
                continue;
            }
            let view = EventView {
                id: &Dot { incarnation: voided.order.incarnation, n: record.n }.to_string(),
                aggregate: &voided.kind,
                command: record.command,
                aggregate_id: &voided.id,
                args: &stored_args(tracked, &voided.kind, record.command, record.args),
                at: voided.order.clock,
                region: &self.shared.region.membership.name(voided.order.incarnation.region()),
                actor: record.actor,
            };
            let Part { changes, t, .. } = part;
            if changes.void_event(tracked, &view, voided.order, t) {
                name_view(&mut views, tracked);
            }
        }
        views
    }

    fn touched(&self, id: &AggregateId) -> Touched {
        let shard = shard_of(&id.kind, &id.id, self.shared.region.shards());
        Touched { shard, key: document::key(&id.kind, &id.id), dots: VersionVector::default() }
    }
}

pub(super) fn stored_args(tracked: &Tracked, kind: &str, command: &str, args: &str) -> Args {
    let command = tracked.generation.model().aggregate(kind).and_then(|of| of.command(command));
    command.map_or_else(Args::default, |command| command.stored_args(args.as_bytes()))
}
