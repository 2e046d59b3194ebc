//! Follows what the other processes of this region commit: where its logs end, what is merged, which life it is.
//!
//! A watch wakes it, and a poll stands behind the watch.

use crate::Region;
use crate::keys::heard::{self, HeardRecord};
use crate::keys::meta::{self, RegionRecord};
use crate::keys::progress::{self, ShardProgress};
use crate::keys::{Unreadable, bell};
use crate::limits::{SHARE_EVERY, TAIL_PAUSE, TAIL_POLL};
use crate::stores::RecordError;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::sync::Arc;
use sterna_env::{Boxed, Instant, Scope};
use sterna_log::{LogId, ShardId};
use sterna_store::{Snapshot, Store, Transaction, Version};

/// Follows one store.
struct Tail {
    region: Arc<Region>,
    store: Arc<dyn Store>,
    shards: Vec<ShardId>,
    /// As it is written down, by shard.
    heard: Vec<Option<Bytes>>,
    shared: Instant,
}

/// A key that perhaps changed.
type Changed = FuturesUnordered<Boxed<'static, Bytes>>;

pub(crate) fn start(region: &Arc<Region>, scope: &Scope) {
    if region.stores.sole_writer() {
        return;
    }
    for (store, shards) in region.stores.parts(region.shards()) {
        let shards: Vec<ShardId> = shards.map(ShardId).collect();
        let heard = vec![None; shards.len()];
        let tail = Tail { region: Arc::clone(region), store: Arc::clone(store), shards, heard, shared: region.env.now() };
        scope.spawn_until_stop(tail.run());
    }
}

impl Tail {
    async fn run(mut self) {
        let mut changed = Changed::new();
        let mut rewatch: Vec<Bytes> = self.shards.iter().flat_map(|shard| [bell::key(*shard), progress::key(*shard)]).collect();
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
        let of = |shard: &ShardId| [bell::key(*shard), progress::key(*shard), heard::key(*shard)];
        let keys: Vec<Bytes> = [meta::REGION, meta::MODEL].into_iter().chain(self.shards.iter().flat_map(of)).collect();
        let mut found = snapshot.get_many(&keys).await?.into_iter();
        if let Some(record) = found.next().flatten() {
            self.region.adopt(&RegionRecord::decode(&record)?);
        }
        if let Some(text) = found.next().flatten() {
            self.region.adopt_model(&text);
        }
        for at in 0..self.shards.len() {
            let (bell, progress, heard) = (found.next().flatten(), found.next().flatten(), found.next().flatten());
            self.post(self.shards[at], bell, progress)?;
            if heard != self.heard[at] {
                if let Some(bytes) = &heard {
                    self.region.board.hear(self.shards[at], &HeardRecord::decode(bytes)?);
                }
                self.heard[at] = heard;
            }
        }
        self.share(&*snapshot).await?;
        Ok(snapshot.version())
    }

    /// Shows it on the board.
    fn post(&self, shard: ShardId, bell: Option<Bytes>, progress: Option<Bytes>) -> Result<(), Unreadable> {
        let board = &self.region.board;
        if let Some(bytes) = bell {
            board.raise_applied(LogId { origin: self.region.me, shard }, bell::decode(&bytes)?);
        }
        if let Some(bytes) = progress {
            let progress = ShardProgress::decode(&bytes)?;
            progress.copied.0.iter().for_each(|&(origin, position)| board.raise_copied(LogId { origin, shard }, position));
            progress.applied.0.iter().for_each(|&(origin, position)| board.raise_applied(LogId { origin, shard }, position));
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
