//! `q`, shard (2), type, 0, id: an aggregate that is parked: why, and since when.

use super::{Unreadable, decode, encode, put_text};
use bytes::{BufMut, Bytes};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use sterna_crdt::RegionId;
use sterna_log::{AggregateId, Applied, Position, ShardId};
use sterna_store::prefix_range;

pub const LETTER: u8 = b'q';
const FORMAT: u8 = 1;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParkedRecord {
    pub reason: String,
    /// The aggregate has everything of the logs up to here; what it lacks lies behind.
    pub has: Applied,
}

/// Origins, and positions as their bytes.
#[derive(Serialize, Deserialize)]
struct Stored {
    reason: String,
    has: Vec<(u16, Vec<u8>)>,
}

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

impl ParkedRecord {
    pub fn encode(&self) -> Bytes {
        let has = self.has.0.iter().map(|(origin, position)| (origin.0, position.to_bytes().to_vec())).collect();
        encode(FORMAT, &Stored { reason: self.reason.clone(), has })
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let stored: Stored = decode("parked record", FORMAT, bytes)?;
        let mut has = Applied::default();
        for (origin, position) in stored.has {
            let position = Position::from_bytes(&position).ok_or_else(|| Unreadable::new("parked record", "a position is cut"))?;
            has.raise(RegionId(origin), position);
        }
        Ok(Self { reason: stored.reason, has })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_and_record_are_read_as_written() {
        let id = AggregateId { kind: "cart".into(), id: "c-1".into() };
        let key = key(ShardId(7), &id);
        assert!(all().contains(&key));
        assert_eq!(parse(&key), Some(id));
        let mut has = Applied::default();
        has.raise(RegionId(2), Position::seal(9, 5));
        let record = ParkedRecord { reason: "an event of a newer release".to_owned(), has };
        assert_eq!(ParkedRecord::decode(&record.encode()), Ok(record));
        assert!(ParkedRecord::decode(b"raw text").is_err());
    }
}
