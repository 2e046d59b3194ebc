//! `e{shard}` and `e`: who does the work that one process is enough for.

use super::Unreadable;
use bytes::{BufMut, Bytes};
use sterna_log::ShardId;

const FORMAT: u8 = 1;
const BYTES: usize = 1 + 8 + 8 + 1;

/// Of a shard, or of the region.
pub fn key(shard: Option<ShardId>) -> Bytes {
    let mut key = vec![b'e'];
    if let Some(shard) = shard {
        key.put_u16(shard.0);
    }
    key.into()
}

/// Says nothing of time: a holder lives as long as the count grows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeaseRecord {
    pub holder: u64,
    pub count: u64,
    /// Of the region's: its holder knows that the store is no old copy, or has dealt with it.
    pub sound: bool,
}

impl LeaseRecord {
    pub fn encode(self) -> Bytes {
        let mut out = Vec::with_capacity(BYTES);
        out.put_u8(FORMAT);
        out.put_u64(self.holder);
        out.put_u64(self.count);
        out.put_u8(self.sound.into());
        out.into()
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let bytes: &[u8; BYTES] = bytes.try_into().map_err(|_| Unreadable::new("lease", "its length"))?;
        if bytes[0] != FORMAT {
            return Err(Unreadable::new("lease", "unknown format"));
        }
        let number = |at: usize| u64::from_be_bytes(*bytes[at..].first_chunk().expect("it has 8 bytes"));
        Ok(Self { holder: number(1), count: number(9), sound: bytes[17] == 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_comes_back_and_each_has_its_key() {
        let record = LeaseRecord { holder: u64::MAX - 1, count: 7, sound: true };
        assert_eq!(LeaseRecord::decode(&record.encode()), Ok(record));
        assert_ne!(key(None), key(Some(ShardId(0))));
    }
}
