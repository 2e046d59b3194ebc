//! `q`, shard (2), type, 0, id: why an aggregate is parked.

use super::put_text;
use bytes::{BufMut, Bytes};
use std::ops::Range;
use sterna_log::{AggregateId, ShardId};
use sterna_store::prefix_range;

pub const LETTER: u8 = b'q';

/// The value is the reason.
pub fn key(shard: ShardId, aggregate: &AggregateId) -> Bytes {
    let mut key = vec![LETTER];
    key.put_u16(shard.0);
    put_text(&mut key, &aggregate.kind);
    key.put_slice(aggregate.id.as_bytes());
    key.into()
}

/// Of all shards.
pub fn all() -> Range<Bytes> {
    prefix_range(&[LETTER])
}

pub fn parse(key: &[u8]) -> Option<AggregateId> {
    let text = std::str::from_utf8(key.get(3..)?).ok()?;
    let (kind, id) = text.split_once('\0')?;
    Some(AggregateId { kind: kind.into(), id: id.into() })
}
