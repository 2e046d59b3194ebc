//! The write store's keys, one file a kind. A key begins with its kind's letter; numbers are big-endian, texts end with a zero byte
//! (no type, id or idempotency key holds one).
//!
//! | letter | key | value |
//! | --- | --- | --- |
//! | `m` | name | region record, membership, model |
//! | `s` | shard, type, id, chunk | aggregate record |
//! | `i` | shard, bucket, type, id, key | idempotency record |
//! | `l` | origin, shard, epoch, commit, chunk | log entry |
//! | `p` | shard | copied and applied positions of every log of the shard |
//! | `c` | type, id, field, element, loser, winner | ledger row |
//! | `t` | shard, type, id, number, piece | older events of an aggregate's tail |
//! | `v`, `w`, `n`, `x` | shard, … | void events, and notices of them |
//! | `q` | shard, type, id | why an aggregate is parked |
//! | `f` | follower, shard | a follower's position, or its place in the stream |
//! | `h` | type, shard | where commands are accepted |
//! | `b`, `k`, `e` | shard | for the other processes of the region: its last entry, what others said, leases |

pub mod bell;
pub mod follower;
pub mod heard;
pub mod home;
pub mod idem;
pub mod lease;
pub mod ledger;
pub mod log;
pub mod meta;
pub mod parked;
pub mod progress;
pub mod state;
pub mod tail;
pub mod void;

use bytes::{BufMut, Bytes};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) fn put_text(key: &mut Vec<u8>, text: &str) {
    key.put_slice(text.as_bytes());
    key.put_u8(0);
}

/// A record: a format byte, then postcard.
pub(crate) fn encode(format: u8, record: &impl Serialize) -> Bytes {
    postcard::to_extend(record, vec![format]).expect("a plain struct encodes").into()
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode<T: DeserializeOwned>(what: &'static str, format: u8, bytes: &[u8]) -> Result<T, Unreadable> {
    match bytes.split_first() {
        Some((held, body)) if *held == format => postcard::from_bytes(body).map_err(|e| Unreadable::new(what, e)),
        _ => Err(Unreadable::new(what, "unknown format")),
    }
}

/// A value was written by a newer release, or is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a {what} in the store can't be read: {why}; was it written by a newer release, or is the folder damaged?")]
pub struct Unreadable {
    pub what: &'static str,
    pub why: String,
}

impl Unreadable {
    pub(crate) fn new(what: &'static str, why: impl ToString) -> Self {
        Self { what, why: why.to_string() }
    }
}
