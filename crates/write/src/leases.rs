//! Which process of a region does the work that one is enough for: follow the other regions, send reactions, project.
//!
//! A lease only saves work. Whoever wrongly believes to hold one, because it was paused, fails at the transactions that compare and set
//! progress. Time is each process's own: a holder counts up, and who sees no count for [`LEASE_TTL`] takes over.
//!
//! Where this process is the store's only writer it holds everything, always.

use crate::Region;
use crate::keys::lease::{LeaseRecord, key};
use crate::limits::{LEASE_HELD_MAX, LEASE_RENEW, LEASE_TTL};
use crate::stores::RecordError;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use sterna_env::{Env, Instant, Scope};
use sterna_log::ShardId;
use sterna_store::{CommitError, Store, Transaction};
use tokio::sync::watch;

/// Of every shard, and of the region.
pub struct Leases {
    shards: Vec<watch::Sender<bool>>,
    region: watch::Sender<bool>,
    /// Whether another process was at work when this one began; `None` until that is known.
    company: watch::Sender<Option<bool>>,
    /// This process knows that the store is no old copy, or has dealt with it.
    sound: AtomicBool,
}

impl Leases {
    pub(crate) fn new(shards: u16, sole_writer: bool) -> Self {
        Self {
            shards: (0..shards).map(|_| watch::Sender::new(sole_writer)).collect(),
            region: watch::Sender::new(sole_writer),
            company: watch::Sender::new(sole_writer.then_some(false)),
            sound: AtomicBool::new(false),
        }
    }

    pub fn shard(&self, shard: ShardId) -> watch::Receiver<bool> {
        self.shards[usize::from(shard.0)].subscribe()
    }

    pub fn region(&self) -> watch::Receiver<bool> {
        self.region.subscribe()
    }

    pub fn holds(&self, shard: ShardId) -> bool {
        *self.shards[usize::from(shard.0)].borrow()
    }

    pub fn holds_region(&self) -> bool {
        *self.region.borrow()
    }

    /// Resolves when it is known: whether another process of this region was at work already when this one began, and knows the store to be
    /// sound. One that is still asking the peers is waited for: who went on beside it would use positions again that an old copy has lost.
    pub async fn in_company(&self) -> bool {
        let mut company = self.company.subscribe();
        company.wait_for(Option::is_some).await.is_ok_and(|company| *company == Some(true))
    }

    /// From now on other processes that begin need not ask the peers.
    pub fn set_sound(&self) {
        self.sound.store(true, Ordering::Release);
    }

    fn sender(&self, shard: Option<ShardId>) -> &watch::Sender<bool> {
        shard.map_or(&self.region, |shard| &self.shards[usize::from(shard.0)])
    }
}

/// One lease, as seen from here.
struct Seen {
    shard: Option<ShardId>,
    key: Bytes,
    record: Option<LeaseRecord>,
    /// When it was first seen so.
    since: Instant,
}

/// Keeps the leases of one store until the scope stops, and then gives them back.
pub(crate) struct Keeper {
    region: Arc<Region>,
    store: Arc<dyn Store>,
    me: u64,
    seen: Vec<Seen>,
    renewed: Instant,
}

/// Starts a keeper for each store.
pub(crate) fn start(region: &Arc<Region>, scope: &Scope) {
    if region.stores.sole_writer() {
        return;
    }
    for (at, (store, shards)) in region.stores.parts(region.shards()).enumerate() {
        let of_region = (at == 0).then_some(None);
        let names = of_region.into_iter().chain(shards.map(|shard| Some(ShardId(shard))));
        let since = region.env.now();
        let seen = names.map(|shard| Seen { shard, key: key(shard), record: None, since }).collect();
        let me = region.env.random_u64();
        let keeper = Keeper { region: Arc::clone(region), store: Arc::clone(store), me, seen, renewed: since };
        let stopping = scope.clone();
        scope.spawn(async move { keeper.run(&stopping).await });
    }
}

impl Keeper {
    async fn run(mut self, scope: &Scope) {
        while !scope.is_stopping() {
            let began = self.env().now();
            match self.turn().await {
                Ok(()) => self.renewed = began,
                Err(RecordError::Commit(CommitError::Conflict { .. })) => {}
                Err(error) => tracing::warn!(%error, "leases can't be renewed; trying again"),
            }
            if self.env().now() - self.renewed > LEASE_HELD_MAX {
                self.seen.iter().for_each(|seen| self.set(seen.shard, false));
            }
            tokio::select! {
                biased;
                () = scope.stopping() => {}
                () = self.region.env.sleep(LEASE_RENEW) => {}
            }
        }
        if let Err(error) = self.give_back().await {
            tracing::debug!(%error, "the leases run out by themselves");
        }
    }

    /// Renews what is held, and takes what nobody holds.
    async fn turn(&mut self) -> Result<(), RecordError> {
        let snapshot = self.store.snapshot().await?;
        let keys: Vec<Bytes> = self.seen.iter().map(|seen| seen.key.clone()).collect();
        let found = snapshot.get_many(&keys).await?;
        let now = self.env().now();
        let mut t = Transaction::new(snapshot.version());
        let mut held = Vec::new();
        let sound = self.region.leases.sound.load(Ordering::Acquire);
        for (seen, value) in self.seen.iter_mut().zip(found) {
            let record = value.map(|bytes| LeaseRecord::decode(&bytes)).transpose()?;
            if record != seen.record {
                let company = record.is_some_and(|record| record.holder != self.me);
                if company && record.is_some_and(|record| record.sound) && seen.record.is_some() && seen.shard.is_none() {
                    decide(&self.region.leases.company, true);
                }
                (seen.record, seen.since) = (record, now);
            }
            let mine = record.is_none_or(|record| record.holder == self.me);
            let free = mine || now.saturating_duration_since(seen.since) >= LEASE_TTL;
            if free {
                let next = LeaseRecord { holder: self.me, count: record.map_or(0, |record| record.count) + 1, sound };
                t.read_key(&seen.key).put(seen.key.clone(), next.encode());
                held.push((seen.shard, next));
            } else if let Some(sender) = Some(self.region.leases.sender(seen.shard)).filter(|sender| *sender.borrow()) {
                sender.send_replace(false);
            }
        }
        if !held.is_empty() {
            self.store.commit(t).await?;
        }
        for (shard, record) in held {
            if shard.is_none() {
                decide(&self.region.leases.company, false);
            }
            if let Some(seen) = self.seen.iter_mut().find(|seen| seen.shard == shard) {
                (seen.record, seen.since) = (Some(record), now);
            }
            self.set(shard, true);
        }
        Ok(())
    }

    async fn give_back(&mut self) -> Result<(), RecordError> {
        let snapshot = self.store.snapshot().await?;
        let mut t = Transaction::new(snapshot.version());
        let mine = |seen: &&Seen| seen.record.is_some_and(|record| record.holder == self.me);
        for seen in self.seen.iter().filter(mine) {
            t.read_key(&seen.key).clear_key(&seen.key);
        }
        if !t.writes.is_empty() {
            self.store.commit(t).await?;
        }
        Ok(())
    }

    fn set(&self, shard: Option<ShardId>, held: bool) {
        let changed = self.region.leases.sender(shard).send_replace(held) != held;
        if changed {
            // Its former holder may have left some undone.
            shard.into_iter().for_each(|shard| self.region.board.poke(shard));
            let shard = shard.map_or_else(|| "all".to_owned(), |shard| shard.0.to_string());
            tracing::info!(region = %self.region.name, shard, held, "lease");
        }
    }

    fn env(&self) -> &Env {
        &self.region.env
    }
}

/// The first to know says it.
fn decide(company: &watch::Sender<Option<bool>>, is: bool) {
    company.send_if_modified(|known| known.is_none() && known.replace(is).is_none());
}
