//! What a region that may be restored asks its peers.

use crate::desk::{RECALL, answered, decode, encode, request};
use crate::recovery::Ends;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Weak};
use sterna_crdt::{Incarnation, RegionId};
use sterna_log::{Applied, Position, ShardId};
use sterna_stream::{FollowError, Repair};
use sterna_write::{Held, Region, Writer};

#[derive(Serialize, Deserialize)]
struct Ask {
    /// The asking region was restored and has begun this life.
    life: Option<Incarnation>,
}

#[derive(Serialize, Deserialize)]
struct Answer {
    /// The life of the region that answers.
    life: Incarnation,
    /// The latest life of the asking region that it was told of.
    latest: Incarnation,
    shards: Vec<HeldParts>,
}

/// Positions as bytes.
#[derive(Serialize, Deserialize)]
struct HeldParts {
    shard: u16,
    applied: Vec<(RegionId, Vec<u8>)>,
    copied: Vec<u8>,
    heard: Vec<(RegionId, Vec<u8>)>,
}

/// What a peer said.
pub(crate) struct Recalled {
    pub life: Incarnation,
    pub latest: Incarnation,
    pub shards: Vec<Held>,
}

impl Recalled {
    /// The latest epoch of this region that the peer knows.
    pub fn epoch(&self) -> u64 {
        self.shards.iter().map(|held| held.copied.epoch).max().max(Some(self.latest.opened_ms())).unwrap_or_default()
    }

    /// The peer has entries behind the ends of this region's log.
    pub fn holds_more(&self, ends: &Ends) -> bool {
        self.lost(ends).next().is_some()
    }

    /// It knows of the life that this region is in, or of a later one, what this region does not know itself.
    pub fn is_ahead(&self, region: &Region, ends: &Ends) -> bool {
        let life = region.life();
        self.latest > life.incarnation || self.lost(ends).any(|held| held.copied.epoch >= life.epoch)
    }

    fn lost(&self, ends: &Ends) -> impl Iterator<Item = &Held> {
        self.shards.iter().filter(|held| held.copied > ends.get(&held.shard).copied().unwrap_or_default())
    }
}

/// Asks a peer what it holds. With `life`, it is told that this region has begun that one.
pub(crate) async fn ask(
    region: &Region,
    repair: &Arc<dyn Repair>,
    peer: RegionId,
    life: Option<Incarnation>,
) -> Result<Recalled, FollowError> {
    let bytes = answered(&region.env, repair.call(peer, request(RECALL, &Ask { life }))).await?;
    let Answer { life, latest, shards } = decode(&bytes)?;
    let shards = shards.into_iter().map(HeldParts::join).collect::<Option<_>>();
    Ok(Recalled { life, latest, shards: shards.ok_or_else(|| FollowError::Malformed("a position".to_owned()))? })
}

/// Answers other regions.
pub(crate) struct Witness {
    pub writer: Weak<Writer>,
}

impl Witness {
    pub async fn answer(&self, from: RegionId, request: &[u8]) -> Result<Bytes, FollowError> {
        let writer = self.writer.upgrade().ok_or_else(|| FollowError::Unreachable("it is stopping".to_owned()))?;
        let Ask { life } = decode(request)?;
        if life.is_some_and(|life| life.region() != from) {
            return Err(FollowError::Malformed("a life of another region".to_owned()));
        }
        let held = writer.recall(from, life).await.map_err(|e| FollowError::Unreachable(e.to_string()))?;
        let region = writer.region();
        let shards = held.into_iter().map(HeldParts::of).collect();
        Ok(encode(&Answer { life: region.life().incarnation, latest: region.recalled(from), shards }))
    }
}

impl HeldParts {
    fn of(held: Held) -> Self {
        let parts = |applied: Applied| applied.0.into_iter().map(|(origin, position)| (origin, position.to_bytes().to_vec())).collect();
        Self { shard: held.shard.0, applied: parts(held.applied), copied: held.copied.to_bytes().to_vec(), heard: parts(held.heard) }
    }

    fn join(self) -> Option<Held> {
        let applied = |parts: Vec<(RegionId, Vec<u8>)>| {
            let mut applied = Applied::default();
            for (origin, bytes) in parts {
                applied.raise(origin, Position::from_bytes(&bytes)?);
            }
            Some(applied)
        };
        Some(Held {
            shard: ShardId(self.shard),
            applied: applied(self.applied)?,
            copied: Position::from_bytes(&self.copied)?,
            heard: applied(self.heard)?,
        })
    }
}
