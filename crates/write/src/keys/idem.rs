//! `i`, shard (2), bucket (4), type, 0, id, 0, key: what an idempotency key did to its aggregate. The newest ones are in the aggregate's record
//! ([`RecentKeys`](crate::aggregate::RecentKeys)).
//!
//! A bucket is as long as the window, by the clock of the event, so that records expire by prefix; two buckets are alive at a time.

use super::{Unreadable, decode, encode, put_text};
use bytes::{BufMut, Bytes};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use sterna_crdt::{Clock, Dot};
use sterna_log::{AggregateId, ShardId};

pub const LETTER: u8 = b'i';
const FORMAT: u8 = 1;

/// Written in the command's transaction, and by the resolver when it merges.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct IdemRecord {
    pub body_hash: [u8; 16],
    /// The events of this key, one for each region that accepted it.
    pub dots: SmallVec<[Dot; 1]>,
    /// The body that was answered, where it differs from the usual one.
    pub answer: Option<String>,
}

pub fn bucket(clock: Clock, window_ms: u64) -> u32 {
    (clock.ms() / window_ms.max(1)) as u32
}

pub fn key(shard: ShardId, bucket: u32, aggregate: &AggregateId, idempotency_key: &str) -> Bytes {
    let mut key = Vec::with_capacity(10 + aggregate.kind.len() + aggregate.id.len() + idempotency_key.len());
    key.extend_from_slice(&bucket_prefix(shard, bucket));
    put_text(&mut key, &aggregate.kind);
    put_text(&mut key, &aggregate.id);
    key.put_slice(idempotency_key.as_bytes());
    key.into()
}

pub fn bucket_prefix(shard: ShardId, bucket: u32) -> [u8; 7] {
    let ([s0, s1], [b0, b1, b2, b3]) = (shard.0.to_be_bytes(), bucket.to_be_bytes());
    [LETTER, s0, s1, b0, b1, b2, b3]
}

impl IdemRecord {
    pub fn encode(&self) -> Bytes {
        encode(FORMAT, self)
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        decode("idempotency record", FORMAT, bytes)
    }
}
