//! Follows what the other processes of this region commit: where its logs end, what is merged and what became void, which life it is; and
//! its records of homes, fences and the model.
//!
//! A watch wakes it, and a poll stands behind the watch.

use crate::keys::heard::{self, HeardRecord};
use crate::keys::home::{self, HomeRecord};
use crate::keys::meta::{self, RegionRecord};
use crate::keys::progress::{self, ShardProgress};
use crate::keys::{Unreadable, bell, void};
use crate::limits::{SHARE_EVERY, TAIL_PAUSE, TAIL_POLL};
use crate::stores::RecordError;
use crate::{Fence, Region};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::sync::Arc;
use sterna_crdt::{Name, RegionId};
use sterna_env::{Boxed, Instant, Scope};
use sterna_log::{LogId, ShardId};
use sterna_model::Model;
use sterna_store::{Snapshot, Store, Transaction, Version};

/// Follows one store.
struct Tail {
    region: Arc<Region>,
    store: Arc<dyn Store>,
    /// What belongs to the region is followed here, and not in its other stores.
    first: bool,
    shards: Vec<ShardId>,
    /// As they are written down, by shard.
    heard: Vec<Option<Bytes>>,
    verdicts: Vec<Option<Bytes>>,
    shared: Instant,
    /// When the region's records were looked at.
    looked: Option<Instant>,
}

/// A key that perhaps changed.
type Changed = FuturesUnordered<Boxed<'static, Bytes>>;

pub(crate) fn start(region: &Arc<Region>, scope: &Scope) {
    if region.stores.sole_writer() {
        return;
    }
    for (at, (store, shards)) in region.stores.parts(region.shards()).enumerate() {
        let shards: Vec<ShardId> = shards.map(ShardId).collect();
        let unknown = vec![None; shards.len()];
        let tail = Tail {
            region: Arc::clone(region),
            store: Arc::clone(store),
            first: at == 0,
            shards,
            heard: unknown.clone(),
            verdicts: unknown,
            shared: region.env.now(),
            looked: None,
        };
        scope.spawn_until_stop(tail.run());
    }
}

impl Region {
    /// Reads what its processes have committed up to now, and shows it on the board.
    pub async fn catch_up(&self) -> Result<(), RecordError> {
        self.look_again().await?;
        for (store, shards) in self.stores.parts(self.shards()) {
            let snapshot = store.snapshot().await?;
            for shard in shards.map(ShardId) {
                let [bell, progress] = [bell::key(shard), progress::key(shard)];
                let mut found = snapshot.get_many(&[bell, progress]).await?.into_iter();
                post(self, shard, found.next().flatten(), found.next().flatten())?;
            }
        }
        Ok(())
    }
}

/// Shows it on the board.
fn post(region: &Region, shard: ShardId, bell: Option<Bytes>, progress: Option<Bytes>) -> Result<(), Unreadable> {
    let board = &region.board;
    if let Some(bytes) = bell {
        let (own, tip) = (LogId { origin: region.me, shard }, bell::decode(&bytes)?);
        match tip.epoch == region.life().epoch {
            true => board.raise_applied(own, tip),
            false => board.raise_end(own, tip),
        }
    }
    if let Some(bytes) = progress {
        let progress = ShardProgress::decode(&bytes)?;
        progress.copied.0.iter().for_each(|&(origin, position)| board.raise_copied(LogId { origin, shard }, position));
        progress.applied.0.iter().for_each(|&(origin, position)| board.raise_applied(LogId { origin, shard }, position));
    }
    Ok(())
}

impl Tail {
    async fn run(mut self) {
        let mut changed = Changed::new();
        let mut rewatch: Vec<Bytes> =
            self.shards.iter().flat_map(|shard| [bell::key(*shard), progress::key(*shard), void::bell(*shard)]).collect();
        loop {
            match self.look().await {
                Ok(version) => rewatch.drain(..).for_each(|key| changed.push(self.watch(key, version))),
                Err(error) => tracing::warn!(%error, "what other processes did can't be read; trying again"),
            }
            let env = self.region.env.clone();
            if let Some(Some(key)) = env.timeout(TAIL_POLL, changed.next()).await {
                rewatch.push(key);
                env.sleep(TAIL_PAUSE).await;
                while let Some(Some(key)) = futures::FutureExt::now_or_never(changed.next()) {
                    rewatch.push(key);
                }
            }
        }
    }

    fn watch(&self, key: Bytes, seen: Version) -> Boxed<'static, Bytes> {
        let (watch, env) = (self.store.watch(key.clone(), seen), self.region.env.clone());
        Box::pin(async move {
            if watch.await.is_err() {
                env.sleep(TAIL_POLL).await;
            }
            key
        })
    }

    async fn look(&mut self) -> Result<Version, RecordError> {
        let snapshot = self.store.snapshot().await?;
        let of = |shard: &ShardId| [bell::key(*shard), progress::key(*shard), heard::key(*shard), void::bell(*shard)];
        let keys: Vec<Bytes> = std::iter::once(meta::REGION).chain(self.shards.iter().flat_map(of)).collect();
        let mut found = snapshot.get_many(&keys).await?.into_iter();
        if let Some(record) = found.next().flatten() {
            self.region.adopt(&RegionRecord::decode(&record)?);
        }
        for at in 0..self.shards.len() {
            let mut next = || found.next().flatten();
            let (bell, progress, heard, verdicts) = (next(), next(), next(), next());
            post(&self.region, self.shards[at], bell, progress)?;
            if heard != self.heard[at] {
                if let Some(bytes) = &heard {
                    self.region.board.hear(self.shards[at], &HeardRecord::decode(bytes)?, self.heard[at].is_some());
                }
                self.heard[at] = heard;
            }
            // Behind the progress: whoever is woken finds what the verdict is on.
            if verdicts != self.verdicts[at] {
                self.region.board.count_verdicts(self.shards[at], 1);
                self.verdicts[at] = verdicts;
            }
        }
        let now = self.region.env.now();
        if self.looked.is_none_or(|at| now.saturating_duration_since(at) >= TAIL_POLL) {
            self.records(&*snapshot).await?;
            self.looked = Some(now);
        }
        self.share(&*snapshot).await?;
        Ok(snapshot.version())
    }

    /// What changes rarely, and what nothing is decided from: transactions read for themselves what they depend on.
    async fn records(&self, snapshot: &dyn Snapshot) -> Result<(), RecordError> {
        let region = &self.region;
        let regions: Vec<RegionId> = region.membership.regions().filter(|_| self.first).collect();
        let homed = homed_types(&region.model());
        let homes: Vec<(&Name, ShardId)> = homed.iter().flat_map(|kind| self.shards.iter().map(move |shard| (kind, *shard))).collect();
        let mut keys = vec![meta::MODEL];
        keys.extend(regions.iter().map(|region| meta::fence(*region)));
        keys.extend(homes.iter().map(|(kind, shard)| home::key(kind, *shard)));
        let mut found = snapshot.get_many(&keys).await?.into_iter();
        if let Some(text) = found.next().flatten().filter(|_| self.first) {
            region.adopt_model(&text);
        }
        for (lost, bytes) in regions.into_iter().zip(found.by_ref()) {
            region.adopt_fence(lost, bytes.map(|bytes| Fence::decode(&bytes)).transpose()?);
        }
        for ((kind, shard), bytes) in homes.into_iter().zip(found) {
            if let Some(bytes) = bytes {
                region.homes().learn(kind, shard, HomeRecord::decode(&bytes)?);
            }
        }
        Ok(())
    }

    /// Writes down what this process heard of the other regions, where it is the one that follows them.
    async fn share(&mut self, snapshot: &dyn Snapshot) -> Result<(), RecordError> {
        let now = self.region.env.now();
        if self.region.alone() || now.saturating_duration_since(self.shared) < SHARE_EVERY {
            return Ok(());
        }
        self.shared = now;
        let mut t = Transaction::new(snapshot.version());
        let mut written = Vec::new();
        for (at, shard) in self.shards.iter().enumerate().filter(|(_, shard)| self.region.leases.holds(**shard)) {
            let record = Some(self.region.board.told(*shard).encode());
            if record != self.heard[at] {
                t.put(heard::key(*shard), record.clone().unwrap_or_default());
                written.push((at, record));
            }
        }
        if !written.is_empty() {
            self.store.commit(t).await?;
        }
        written.into_iter().for_each(|(at, record)| self.heard[at] = record);
        Ok(())
    }
}

fn homed_types(model: &Model) -> Vec<Name> {
    model.aggregates().iter().filter(|of| of.home.is_some()).map(|of| of.stored().clone()).collect()
}
