//! `t`, shard (2), type, 0, id, 0, number (4), piece (1): older events of an aggregate's tail.

use super::put_text;
use bytes::{BufMut, Bytes};
use std::ops::Range;
use sterna_log::{AggregateId, ShardId};
use sterna_store::prefix_range;

pub const LETTER: u8 = b't';

pub fn key(shard: ShardId, aggregate: &AggregateId, number: u32, piece: u8) -> Bytes {
    let mut key = prefix(shard, aggregate, number);
    key.put_u8(piece);
    key.into()
}

/// All pieces of a chunk.
pub fn chunk(shard: ShardId, aggregate: &AggregateId, number: u32) -> Range<Bytes> {
    prefix_range(&prefix(shard, aggregate, number))
}

fn prefix(shard: ShardId, aggregate: &AggregateId, number: u32) -> Vec<u8> {
    let mut key = Vec::with_capacity(10 + aggregate.kind.len() + aggregate.id.len());
    key.put_u8(LETTER);
    key.put_u16(shard.0);
    put_text(&mut key, &aggregate.kind);
    put_text(&mut key, &aggregate.id);
    key.put_u32(number);
    key
}
