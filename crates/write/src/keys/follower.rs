//! `f`, name, 0, shard (2): the position that a follower of a log has reached, or its place in the stream.

use super::put_text;
use bytes::{BufMut, Bytes};
use sterna_log::ShardId;

/// The value is [`sterna_log::Position::to_bytes`]; of a place, what the stream's engine made of it.
pub fn key(follower: &str, shard: ShardId) -> Bytes {
    let mut key = vec![b'f'];
    put_text(&mut key, follower);
    key.put_u16(shard.0);
    key.into()
}
