//! Regions that were restored from an old copy of their store, as the others know them.
//!
//! Such a region begins a new life and asks every other one what it holds of the lives before. Who answers takes nothing more of those from the region's
//! own frames: what is still under way from then would come to be here, and not in the log that the region begins its new life with. Copies that
//! other regions have are taken, since those are asked as well.
//!
//! As with fences the records in the stores decide: a transaction that copies entries of another region reads that region's with conflict.

use crate::keys::progress::{self, ShardProgress};
use crate::keys::{Unreadable, decode, encode, heard, meta};
use crate::limits::{RECOVER_PAUSE, REGION_ATTEMPTS_MAX};
use crate::stores::RecordError;
use crate::{Region, Writer};
use bytes::Bytes;
use sterna_crdt::{Incarnation, RegionId};
use sterna_log::{Applied, LogId, Position, ShardId};
use sterna_store::{ReadError, Retry, Snapshot, Store, Transaction};

const FORMAT: u8 = 1;

/// What a region's store has of one shard, for another region that was restored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    pub shard: ShardId,
    /// Ends of entries that are merged here; this region's own log included.
    pub applied: Applied,
    /// Where the copy of the asking region's log ends.
    pub copied: Position,
    /// What the asking region said to have applied.
    pub heard: Applied,
}

impl Region {
    /// The latest life that a restored region told this one of.
    pub fn recalled(&self, region: RegionId) -> Incarnation {
        self.recalls().read().get(&region).copied().unwrap_or(Incarnation(0))
    }

    /// A region says which life it is in. Written down first, in every store.
    pub async fn note_life(&self, region: RegionId, life: Incarnation) -> Result<(), RecordError> {
        for store in self.stores.all() {
            self.write_recall(&**store, region, life).await?;
        }
        self.adopt_recall(region, life);
        Ok(())
    }

    async fn write_recall(&self, store: &dyn Store, region: RegionId, life: Incarnation) -> Result<(), RecordError> {
        let mut attempts = 0;
        loop {
            let snapshot = store.snapshot().await?;
            if read_recall(&*snapshot, region).await?.is_some_and(|held| held >= life) {
                return Ok(());
            }
            let mut t = Transaction::new(snapshot.version());
            t.read_key(&meta::recalled(region)).put(meta::recalled(region), encode(FORMAT, &life));
            match store.commit(t).await {
                Ok(_) => return Ok(()),
                Err(error) if error.retry() != Retry::Never && attempts < REGION_ATTEMPTS_MAX => attempts += 1,
                Err(error) => return Err(error.into()),
            }
            self.env.sleep(RECOVER_PAUSE).await;
        }
    }

    pub(crate) async fn load_recalls(&self) -> Result<(), RecordError> {
        let snapshot = self.stores.first().snapshot().await?;
        for region in self.peers() {
            if let Some(life) = read_recall(&*snapshot, region).await? {
                self.adopt_recall(region, life);
            }
        }
        Ok(())
    }

    pub(crate) fn adopt_recall(&self, region: RegionId, life: Incarnation) {
        let mut recalls = self.recalls().write();
        let known = recalls.entry(region).or_insert(life);
        *known = life.max(*known);
    }
}

impl Writer {
    /// What this region's store holds, for another one that may be restored. With `life`, that one has begun a new life: from now on nothing more of
    /// the lives before is taken from its own frames, not after a restart either, and what is said is said behind that.
    pub async fn recall(&self, of: RegionId, life: Option<Incarnation>) -> Result<Vec<Held>, RecordError> {
        let region = self.region();
        if let Some(life) = life {
            region.note_life(of, life).await?;
            // What is under way may have copied more. In other processes it conflicts with the record, or was committed before it.
            self.reload().await;
        }
        let mut held = Vec::new();
        for shard in region.board.shards() {
            let snapshot = region.store_of(shard).snapshot().await?;
            let found = snapshot.get_many(&[progress::key(shard), heard::key(shard)]).await?;
            let [progress, told] = <[Option<Bytes>; 2]>::try_from(found).unwrap_or_default();
            let ShardProgress { copied, mut applied, .. } =
                progress.map(|bytes| ShardProgress::decode(&bytes)).transpose()?.unwrap_or_default();
            applied.raise(region.me, self.logs().tip(LogId { origin: region.me, shard }).await?);
            let mut said = region.board.known(shard, of);
            if let Some(bytes) = told {
                heard::HeardRecord::decode(&bytes)?.known().filter(|(by, _)| *by == of).for_each(|(_, applied)| said.join(&applied));
            }
            held.push(Held { shard, applied, copied: copied.get(of), heard: said });
        }
        Ok(held)
    }
}

pub(crate) fn decode_recall(bytes: &[u8]) -> Result<Incarnation, Unreadable> {
    decode("record of a restored region", FORMAT, bytes)
}

async fn read_recall(snapshot: &dyn Snapshot, region: RegionId) -> Result<Option<Incarnation>, ReadError> {
    let bytes = sterna_store::get(snapshot, &meta::recalled(region)).await?;
    bytes.map(|bytes| decode_recall(&bytes)).transpose().map_err(|e| ReadError::Unavailable(e.to_string()))
}
