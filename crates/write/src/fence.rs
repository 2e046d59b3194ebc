//! Regions that an operator declared lost.
//!
//! First every other region freezes: it copies nothing more of the lost one's log. The fence is what any of them has copied then; all of
//! them come to have that much, and nothing behind it ever counts, wherever it turns up. So what the lost region had is known for good:
//! its heir takes its rights and its homes, and what it has not acknowledged holds nothing up any more.
//!
//! The records in the stores decide: a transaction that copies entries of another region reads that region's with conflict, so that no
//! process of this region copies anything behind a freeze, whether it has heard of it or not.

use crate::Region;
use crate::keys::{Unreadable, decode, encode, meta};
use crate::limits::{RECOVER_PAUSE, REGION_ATTEMPTS_MAX};
use crate::stores::RecordError;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use sterna_crdt::RegionId;
use sterna_log::{LogId, Position, ShardId};
use sterna_store::{Retry, Store, Transaction, Version};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fence {
    pub region: RegionId,
    pub heir: RegionId,
    /// Up to where each shard's log counts; `None` while the regions are still finding out.
    pub ends: Option<Vec<Position>>,
}

const FORMAT: u8 = 1;

#[derive(Serialize, Deserialize)]
struct Stored {
    region: RegionId,
    heir: RegionId,
    ends: Option<Vec<(u64, [u8; 10], u16)>>,
}

impl Fence {
    /// The regions have agreed on it.
    pub fn is_final(&self) -> bool {
        self.ends.is_some()
    }

    /// Whether an entry of the lost region's log counts. While the regions are still finding out, none does that is not copied yet.
    pub(crate) fn counts(&self, shard: ShardId, position: Position) -> bool {
        self.end(shard).is_some_and(|end| position <= end)
    }

    pub fn end(&self, shard: ShardId) -> Option<Position> {
        self.ends.as_ref()?.get(usize::from(shard.0)).copied()
    }

    pub fn encode(&self) -> Bytes {
        let parts = |p: &Position| (p.epoch, p.commit, p.index);
        let stored = Stored { region: self.region, heir: self.heir, ends: self.ends.as_ref().map(|ends| ends.iter().map(parts).collect()) };
        encode(FORMAT, &stored)
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let stored: Stored = decode("fence", FORMAT, bytes)?;
        let position = |(epoch, commit, index)| Position { epoch, commit, index };
        Ok(Self { region: stored.region, heir: stored.heir, ends: stored.ends.map(|ends| ends.into_iter().map(position).collect()) })
    }
}

impl Region {
    /// Of a region that was declared lost, or is about to be.
    pub fn fence(&self, region: RegionId) -> Option<Fence> {
        self.fences().read().get(&region).cloned()
    }

    /// Whether a region was declared lost.
    pub fn is_lost(&self, region: RegionId) -> bool {
        self.fence(region).is_some_and(|fence| fence.is_final())
    }

    /// The entry counts, as far as is known here.
    pub(crate) fn counts(&self, log: LogId, position: Position) -> bool {
        self.fence(log.origin).is_none_or(|fence| fence.counts(log.shard, position))
    }

    /// As the stores have them. One that is final comes to be in all of them, should it have been interrupted on its way.
    pub(crate) async fn load_fences(&self) -> Result<(), RecordError> {
        for lost in self.membership.regions() {
            let fence = read_fence(&**self.stores.first(), lost).await?.1;
            if fence.as_ref().is_some_and(Fence::is_final) {
                self.write_fence(lost, fence.clone()).await?;
            }
            self.adopt_fence(lost, fence);
        }
        Ok(())
    }

    /// Written down first: a region that froze stays frozen. What is final stays as it is. Returns what is written down now.
    pub(crate) async fn set_fence(&self, fence: Fence) -> Result<Fence, RecordError> {
        let lost = fence.region;
        let written = self.write_fence(lost, Some(fence.clone())).await?.unwrap_or(fence);
        self.adopt_fence(lost, Some(written.clone()));
        Ok(written)
    }

    pub(crate) async fn thaw(&self, lost: RegionId) -> Result<(), RecordError> {
        let written = self.write_fence(lost, None).await?;
        self.adopt_fence(lost, written);
        Ok(())
    }

    /// In every store, since each one's shards are checked against it. The first one decides what is final; it is the first to freeze
    /// and the last to thaw, so that who is interrupted leaves a freeze that everybody sees and can undo.
    async fn write_fence(&self, lost: RegionId, wanted: Option<Fence>) -> Result<Option<Fence>, RecordError> {
        let first = self.stores.first();
        let mut decided = wanted;
        if decided.is_some() {
            decided = self.settle_fence(first, lost, decided).await?;
        } else if let Some(held) = read_fence(&**first, lost).await?.1.filter(Fence::is_final) {
            return Ok(Some(held));
        }
        for store in self.stores.all().skip(1) {
            self.settle_fence(store, lost, decided.clone()).await?;
        }
        match decided {
            None => self.settle_fence(first, lost, None).await,
            decided => Ok(decided),
        }
    }

    /// Unless this store has one that is final. Several processes may do so at once.
    async fn settle_fence(&self, store: &Arc<dyn Store>, lost: RegionId, wanted: Option<Fence>) -> Result<Option<Fence>, RecordError> {
        let mut attempts = 0;
        loop {
            let (version, held) = read_fence(&**store, lost).await?;
            if held == wanted || held.as_ref().is_some_and(Fence::is_final) {
                return Ok(held);
            }
            let mut t = Transaction::new(version);
            t.read_key(&meta::fence(lost));
            match &wanted {
                Some(fence) => t.put(meta::fence(lost), fence.encode()),
                None => t.clear_key(&meta::fence(lost)),
            };
            match store.commit(t).await {
                Ok(_) => return Ok(wanted),
                Err(error) if error.retry() != Retry::Never && attempts < REGION_ATTEMPTS_MAX => attempts += 1,
                Err(error) => return Err(error.into()),
            }
            self.env.sleep(RECOVER_PAUSE).await;
        }
    }

    /// What is written down of a region. A freeze may have been undone; what is final is not.
    pub(crate) fn adopt_fence(&self, lost: RegionId, fence: Option<Fence>) {
        match fence {
            Some(fence) => self.know_fence(fence),
            None if !self.is_lost(lost) => _ = self.fences().write().remove(&lost),
            None => {}
        }
    }

    fn know_fence(&self, fence: Fence) {
        if fence.is_final() {
            self.board.leave_out(fence.region);
        } else if self.is_lost(fence.region) {
            return;
        }
        self.fences().write().insert(fence.region, fence);
    }
}

/// With the version at which it is so.
async fn read_fence(store: &dyn Store, lost: RegionId) -> Result<(Version, Option<Fence>), RecordError> {
    let snapshot = store.snapshot().await?;
    let held = sterna_store::get(&*snapshot, &meta::fence(lost)).await?;
    Ok((snapshot.version(), held.map(|bytes| Fence::decode(&bytes)).transpose()?))
}
