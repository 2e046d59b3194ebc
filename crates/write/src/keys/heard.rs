//! `k{shard}`: what the other regions said of their progress, as the process that follows them wrote it down for the others.
//!
//! It only ever understates: whoever reads it joins it with what it knows.

use super::{Unreadable, decode, encode};
use bytes::{BufMut, Bytes};
use serde::{Deserialize, Serialize};
use sterna_crdt::RegionId;
use sterna_log::{Applied, Position, ShardId};

const FORMAT: u8 = 1;

pub fn key(shard: ShardId) -> Bytes {
    let mut key = vec![b'k'];
    key.put_u16(shard.0);
    key.into()
}

/// By origin's number, positions as bytes.
type Positions = Vec<(u16, Vec<u8>)>;

#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct HeardRecord {
    /// By region: what it had applied of each origin's log.
    pub known: Vec<(u16, Positions)>,
    /// By origin: up to where its log is known to be complete and applied here, and its wall clock when it said so.
    pub sealed: Vec<(u16, Vec<u8>, u64)>,
}

impl HeardRecord {
    pub fn encode(&self) -> Bytes {
        encode(FORMAT, self)
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        decode("heard record", FORMAT, bytes)
    }

    /// What each region had applied.
    pub fn known(&self) -> impl Iterator<Item = (RegionId, Applied)> {
        self.known.iter().map(|(region, positions)| {
            let mut applied = Applied::default();
            for (origin, bytes) in positions {
                applied.raise(RegionId(*origin), Position::from_bytes(bytes).unwrap_or_default());
            }
            (RegionId(*region), applied)
        })
    }
}
