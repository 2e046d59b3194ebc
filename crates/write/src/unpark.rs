//! Tries parked aggregates again: when the process starts, which may be of a release that can read what the last one could not, and when
//! the next model is taken. Until then they are listed in the status, and everything else goes on.

use crate::keys::parked::{self, ParkedRecord};
use crate::limits::{MERGE_PAUSE, MERGE_READ_BYTES, PARKED_LOOK, UNPARK_EVENTS_MAX};
use crate::shard::{MergeInput, UnparkJob, Unparked};
use crate::{Logs, Metrics, Region, States};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use sterna_log::{AggregateId, Event, LogId, Position, ShardId, shard_of};
use sterna_store::ReadError;
use tokio::sync::{mpsc, oneshot};

pub(crate) struct Unparker {
    pub region: Arc<Region>,
    pub logs: Arc<Logs>,
    pub states: Arc<States>,
    pub metrics: Metrics,
    pub shards: Vec<mpsc::Sender<MergeInput>>,
}

type Parked = BTreeMap<AggregateId, ParkedRecord>;

impl Unparker {
    /// Until its scope stops.
    pub async fn run(self) {
        let mut models = self.region.subscribe_models();
        // Under which model, and what it could not apply either.
        let (mut tried, mut still) = (None, BTreeSet::new());
        loop {
            models.borrow_and_update();
            let model = self.region.model();
            if tried != Some(model.hash) {
                (tried, still) = (Some(model.hash), BTreeSet::new());
            }
            let loaded = self.load().await;
            for (id, record) in loaded.as_ref().into_iter().flatten() {
                if !still.contains(id) && self.retry(id, record).await == Some(false) {
                    still.insert(id.clone());
                }
            }
            if let Err(error) = &loaded {
                tracing::warn!(%error, "parked aggregates can't be read; trying again");
            }
            // Other processes of the region park and unpark too, and leases move.
            let look = !self.region.stores.sole_writer() || loaded.is_err();
            tokio::select! {
                biased;
                changed = models.changed() => if changed.is_err() { return },
                () = self.region.env.sleep(PARKED_LOOK), if look => {}
            }
        }
    }

    /// All that are parked, as the status shows them from now on.
    pub async fn load(&self) -> Result<Parked, ReadError> {
        let mut all = Parked::new();
        for store in self.region.stores.all() {
            let snapshot = store.snapshot().await?;
            for (key, value) in sterna_store::scan_all(&*snapshot, parked::all()).await? {
                let Some(id) = parked::parse(&key) else { continue };
                // Then everything is looked through.
                let unreadable = |error: crate::keys::Unreadable| ParkedRecord { reason: error.to_string(), has: Default::default() };
                all.insert(id, ParkedRecord::decode(&value).unwrap_or_else(unreadable));
            }
        }
        let shown = all.iter().map(|(id, record)| (id.clone(), record.reason.clone())).collect();
        self.metrics.parked_aggregates.set(self.region.board.set_parked(shown) as i64);
        Ok(all)
    }

    /// Whether it is parked no more; `None` where another process of the region is to try it.
    async fn retry(&self, id: &AggregateId, record: &ParkedRecord) -> Option<bool> {
        let shard = shard_of(&id.kind, &id.id, self.region.shards());
        while self.region.leases.holds(shard) {
            match self.attempt(shard, id, record).await {
                Ok(Some(Unparked::Done)) => return Some(true),
                Ok(Some(Unparked::Still(reason))) => {
                    tracing::warn!(aggregate = %id, reason, "is still parked");
                    return Some(false);
                }
                Ok(Some(Unparked::More)) => {}
                Ok(None) => self.region.env.sleep(MERGE_PAUSE).await,
                Err(error) => {
                    tracing::warn!(aggregate = %id, %error, "what a parked aggregate lacks can't be read; trying again");
                    self.region.env.sleep(MERGE_PAUSE).await;
                }
            }
        }
        None
    }

    /// `None` if the shard could not do it now.
    async fn attempt(&self, shard: ShardId, id: &AggregateId, record: &ParkedRecord) -> Result<Option<Unparked>, ReadError> {
        let upto = self.region.board.applied(shard);
        let seen = self.states.get_many(std::slice::from_ref(id)).await?.remove(0).map_or_else(Default::default, |held| held.seen.clone());
        let (mut events, mut whole) = (Vec::new(), true);
        for &(origin, until) in &upto.0 {
            let log = LogId { origin, shard };
            let lacks = |event: &Event| event.kind == id.kind && event.id == id.id && !seen.contains(event.dot());
            let (found, all) = self.gather(log, (record.has.get(origin), until), lacks).await?;
            events.extend(found);
            whole &= all;
        }
        let (reply, outcome) = oneshot::channel();
        let job = UnparkJob { aggregate: id.clone(), events, upto, whole, reply };
        if self.shards[usize::from(shard.0)].send(MergeInput::Unpark(Box::new(job))).await.is_err() {
            return Ok(None);
        }
        Ok(outcome.await.ok())
    }

    /// The first events of a log that are wanted, and whether these are all.
    async fn gather(
        &self,
        log: LogId,
        (mut after, until): (Position, Position),
        wanted: impl Fn(&Event) -> bool,
    ) -> Result<(Vec<(Position, Event)>, bool), ReadError> {
        let mut found = Vec::new();
        while after < until {
            let entries = self.logs.read(log, after, until, MERGE_READ_BYTES).await?;
            let Some(last) = entries.last() else { break };
            after = last.position;
            for entry in &entries {
                let Ok(decoded) = entry.entry() else { continue };
                let events = decoded.events.iter().enumerate().filter(|(_, event)| wanted(event));
                found.extend(events.map(|(index, event)| (entry.at(index), event.clone())));
            }
            if found.len() >= UNPARK_EVENTS_MAX {
                return Ok((found, after >= until));
            }
        }
        Ok((found, true))
    }
}
