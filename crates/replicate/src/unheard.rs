//! The peers that have not yet said what they hold of this region's log.

use crate::limits::{RECOVERY_PAUSE_FIRST, RECOVERY_PAUSE_MAX};
use bytes::Bytes;
use std::collections::BTreeMap;
use sterna_crdt::RegionId;
use sterna_env::Backoff;
use sterna_log::{Position, ShardId};
use sterna_store::{CommitError, ReadError, Retry, Transaction};
use sterna_write::{Region, keys};

/// For each such peer, where this region's log ended when it was first asked in vain: what it holds behind that may be lost here. Kept in
/// the store, since the region may start again before the peer is back.
#[derive(Default)]
pub(crate) struct Unheard(BTreeMap<RegionId, BTreeMap<ShardId, Position>>);

impl Unheard {
    pub async fn load(region: &Region) -> Result<Self, ReadError> {
        let snapshot = region.store.snapshot().await?;
        let mut unheard = Self::default();
        for peer in region.living_peers() {
            let shards: Vec<ShardId> = region.board.shards().collect();
            let wanted: Vec<Bytes> = shards.iter().map(|shard| key(region, peer, *shard)).collect();
            let found = snapshot.get_many(&wanted).await?;
            let since: BTreeMap<_, _> =
                shards.into_iter().zip(found).filter_map(|(shard, value)| Some((shard, Position::from_bytes(&value?)?))).collect();
            if !since.is_empty() {
                unheard.0.insert(peer, since);
            }
        }
        Ok(unheard)
    }

    /// Peers that are here already keep their positions.
    pub async fn add(&mut self, region: &Region, peers: &[RegionId], ends: &BTreeMap<ShardId, Position>) -> Result<(), CommitError> {
        let mut t = Transaction::default();
        let new: Vec<RegionId> = peers.iter().copied().filter(|peer| !self.0.contains_key(peer)).collect();
        for &peer in &new {
            for (&shard, end) in ends {
                t.put(key(region, peer, shard), Bytes::copy_from_slice(&end.to_bytes()));
            }
        }
        commit(region, t).await?;
        self.0.extend(new.into_iter().map(|peer| (peer, ends.clone())));
        Ok(())
    }

    pub async fn remove(&mut self, region: &Region, peer: RegionId) -> Result<(), CommitError> {
        let mut t = Transaction::default();
        for shard in region.board.shards() {
            t.clear_key(&key(region, peer, shard));
        }
        commit(region, t).await?;
        self.0.remove(&peer);
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn peers(&self) -> Vec<(RegionId, BTreeMap<ShardId, Position>)> {
        self.0.iter().map(|(peer, since)| (*peer, since.clone())).collect()
    }
}

/// Its effect is the same however often it is done.
async fn commit(region: &Region, t: Transaction) -> Result<(), CommitError> {
    if t.writes.is_empty() {
        return Ok(());
    }
    let mut backoff = Backoff::new(RECOVERY_PAUSE_FIRST, RECOVERY_PAUSE_MAX);
    loop {
        match region.store.commit(t.clone()).await {
            Ok(_) => return Ok(()),
            Err(error) if error.retry() == Retry::Never => return Err(error),
            Err(_) => backoff.pause(&region.env).await,
        }
    }
}

fn key(region: &Region, peer: RegionId, shard: ShardId) -> Bytes {
    keys::follower::key(&format!("unheard/{}", region.membership.name(peer)), shard)
}
