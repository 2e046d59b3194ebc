//! `s`, shard (2), type, 0, id, 0, chunk (1): a piece of an aggregate's record.

use super::put_text;
use bytes::{BufMut, Bytes};
use sterna_log::{AggregateId, ShardId};

pub const LETTER: u8 = b's';

pub fn key(shard: ShardId, aggregate: &AggregateId, chunk: u8) -> Bytes {
    let mut key = Vec::with_capacity(6 + aggregate.kind.len() + aggregate.id.len());
    key.put_u8(LETTER);
    key.put_u16(shard.0);
    put_text(&mut key, &aggregate.kind);
    put_text(&mut key, &aggregate.id);
    key.put_u8(chunk);
    key.into()
}

/// Every aggregate of a shard.
pub fn shard_prefix(shard: ShardId) -> Vec<u8> {
    let mut key = vec![LETTER];
    key.put_u16(shard.0);
    key
}

/// Every aggregate of a type in a shard.
pub fn kind_prefix(shard: ShardId, kind: &str) -> Vec<u8> {
    let mut prefix = shard_prefix(shard);
    put_text(&mut prefix, kind);
    prefix
}

/// The aggregate and the chunk of a key.
pub fn parse(key: &[u8]) -> Option<(AggregateId, u8)> {
    let mut parts = key.get(3..)?.splitn(3, |b| *b == 0);
    let kind = std::str::from_utf8(parts.next()?).ok()?;
    let id = std::str::from_utf8(parts.next()?).ok()?;
    let [chunk] = parts.next()? else { return None };
    Some((AggregateId { kind: kind.into(), id: id.into() }, *chunk))
}
