//! Regions that an operator declared lost.
//!
//! First every other region freezes: it copies nothing more of the lost one's log. The fence is what any of them has copied then; all of
//! them come to have that much, and nothing behind it ever counts, wherever it turns up. So what the lost region had is known for good:
//! its heir takes its rights and its homes, and what it has not acknowledged holds nothing up any more.

use crate::Region;
use crate::keys::Unreadable;
use crate::keys::meta;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sterna_crdt::RegionId;
use sterna_log::{LogId, Position, ShardId};
use sterna_store::{CommitError, ReadError, Transaction};

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
    pub fn end(&self, shard: ShardId) -> Option<Position> {
        self.ends.as_ref()?.get(usize::from(shard.0)).copied()
    }

    pub fn encode(&self) -> Bytes {
        let parts = |p: &Position| (p.epoch, p.commit, p.index);
        let stored = Stored { region: self.region, heir: self.heir, ends: self.ends.as_ref().map(|ends| ends.iter().map(parts).collect()) };
        postcard::to_extend(&stored, vec![FORMAT]).expect("a plain struct encodes").into()
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let Some((&FORMAT, body)) = bytes.split_first() else { return Err(Unreadable::new("fence", "unknown format")) };
        let stored: Stored = postcard::from_bytes(body).map_err(|e| Unreadable::new("fence", e))?;
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
        self.fence(region).is_some_and(|fence| fence.ends.is_some())
    }

    /// The entry counts, as far as is known here.
    pub(crate) fn counts(&self, log: LogId, position: Position) -> bool {
        self.fence(log.origin).is_none_or(|fence| fence.end(log.shard).is_some_and(|end| position <= end))
    }

    pub(crate) async fn load_fences(&self) -> Result<(), ReadError> {
        let snapshot = self.store.snapshot().await?;
        for region in self.membership.regions() {
            if let Some(bytes) = sterna_store::get(&*snapshot, &meta::fence(region)).await? {
                let fence = Fence::decode(&bytes).map_err(|e| ReadError::Unavailable(e.to_string()))?;
                self.know_fence(fence);
            }
        }
        Ok(())
    }

    /// Written down first: a region that froze stays frozen.
    pub(crate) async fn set_fence(&self, fence: Fence) -> Result<(), CommitError> {
        if self.fence(fence.region).is_some_and(|held| held.ends.is_some()) {
            return Ok(());
        }
        let mut t = Transaction::default();
        t.put(meta::fence(fence.region), fence.encode());
        self.store.commit(t).await?;
        self.know_fence(fence);
        Ok(())
    }

    pub(crate) async fn thaw(&self, lost: RegionId) -> Result<(), CommitError> {
        if self.is_lost(lost) {
            return Ok(());
        }
        let mut t = Transaction::default();
        t.clear_key(&meta::fence(lost));
        self.store.commit(t).await?;
        self.fences().write().remove(&lost);
        Ok(())
    }

    fn know_fence(&self, fence: Fence) {
        if fence.ends.is_some() {
            self.board.leave_out(fence.region);
        }
        self.fences().write().insert(fence.region, fence);
    }
}
