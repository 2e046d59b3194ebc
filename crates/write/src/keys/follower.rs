//! `f`, name, 0, shard (2): the position that a follower of this region's own log has reached.

use super::put_text;
use bytes::{BufMut, Bytes};
use sterna_log::ShardId;

/// The value is [`sterna_log::Position::to_bytes`].
pub fn key(follower: &str, shard: ShardId) -> Bytes {
    let mut key = vec![b'f'];
    put_text(&mut key, follower);
    key.put_u16(shard.0);
    key.into()
}
