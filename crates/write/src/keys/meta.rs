//! What the region is: its record, the membership, the model.

use super::{Unreadable, decode, encode};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sterna_crdt::{Incarnation, RegionId};

pub const REGION: Bytes = Bytes::from_static(b"m/region");
pub const MEMBERSHIP: Bytes = Bytes::from_static(b"m/membership");
/// The text of the highest model version that took commands here.
pub const MODEL: Bytes = Bytes::from_static(b"m/model");

/// A region that was declared lost.
pub fn fence(region: RegionId) -> Bytes {
    of_region(b"m/fence/", region)
}

/// The life that a restored region says to be in.
pub fn recalled(region: RegionId) -> Bytes {
    of_region(b"m/recalled/", region)
}

fn of_region(name: &[u8], region: RegionId) -> Bytes {
    [name, &region.0.to_be_bytes()].concat().into()
}

const FORMAT: u8 = 2;

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RegionRecord {
    pub name: String,
    pub shards: u16,
    pub incarnation: Incarnation,
    pub epoch: u64,
    /// Every member's heartbeat has named a membership that has this region.
    pub admitted: bool,
    /// The store is an old copy of itself, and has not got back yet what the region knew.
    pub restored: bool,
}

impl RegionRecord {
    pub fn encode(&self) -> Bytes {
        encode(FORMAT, self)
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        decode("region record", FORMAT, bytes)
    }
}
