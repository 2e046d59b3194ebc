//! `b{shard}`: the position of the last entry of this region's log, for the other processes of the region.
//!
//! Written by every transaction with an entry, and never read with conflict, so that no writer waits for another: the last to commit wins,
//! and its stamp is the greatest.

use super::Unreadable;
use bytes::{BufMut, Bytes};
use sterna_log::{Position, ShardId};
use sterna_store::{STAMP_BYTES, StampAt, Write};

const FORMAT: u8 = 1;
const STAMP_AT: usize = 1 + 8;
const BYTES: usize = STAMP_AT + STAMP_BYTES + 2;

pub fn key(shard: ShardId) -> Bytes {
    let mut key = vec![b'b'];
    key.put_u16(shard.0);
    key.into()
}

pub fn write(shard: ShardId, epoch: u64, events: u16) -> Write {
    let mut value = Vec::with_capacity(BYTES);
    value.put_u8(FORMAT);
    value.put_u64(epoch);
    value.put_slice(&[0; STAMP_BYTES]);
    value.put_u16(events);
    Write::PutStamped { key: key(shard), value: value.into(), at: StampAt::Value(STAMP_AT) }
}

pub fn decode(bytes: &[u8]) -> Result<Position, Unreadable> {
    let bytes: &[u8; BYTES] = bytes.try_into().map_err(|_| Unreadable::new("bell", "its length"))?;
    if bytes[0] != FORMAT {
        return Err(Unreadable::new("bell", "unknown format"));
    }
    let epoch = u64::from_be_bytes(*bytes[1..].first_chunk().expect("it has 8 bytes"));
    let commit = *bytes[STAMP_AT..].first_chunk().expect("it has 10 bytes");
    let events = u16::from_be_bytes(*bytes[STAMP_AT + STAMP_BYTES..].first_chunk().expect("it has 2 bytes"));
    Ok(Position::new(epoch, commit, events.saturating_sub(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sterna_store::{Stamp, Version};

    #[test]
    fn a_bell_names_the_position_of_the_last_event() {
        let Write::PutStamped { key, value, at } = write(ShardId(3), 7, 5) else { panic!("it is stamped") };
        let stamp = Stamp::new(Version(9), 2);
        let (_, value) = at.fill(&key, &value, stamp);
        assert_eq!(decode(&value), Ok(Position::new(7, stamp.0, 4)));
        assert!(decode(&value[1..]).is_err());
    }
}
