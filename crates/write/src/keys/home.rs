//! `h`, type, 0, shard (2): the region that accepts commands of the type's aggregates in the shard.

use super::{Unreadable, put_text};
use bytes::{BufMut, Bytes};
use serde::{Deserialize, Serialize};
use sterna_crdt::RegionId;
use sterna_log::ShardId;

const FORMAT: u8 = 1;

/// Where a home is, and how often it has moved: the greatest term is right.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct HomeRecord {
    pub term: u64,
    pub region: RegionId,
}

pub fn key(kind: &str, shard: ShardId) -> Bytes {
    let mut key = vec![b'h'];
    put_text(&mut key, kind);
    key.put_u16(shard.0);
    key.into()
}

impl HomeRecord {
    /// Format (1), region (2), term (8).
    pub fn encode(&self) -> Bytes {
        let mut out = vec![FORMAT];
        out.put_u16(self.region.0);
        out.put_u64(self.term);
        out.into()
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        match bytes {
            [FORMAT, r0, r1, term @ ..] if term.len() == 8 => {
                let term = u64::from_be_bytes(term.try_into().expect("it has 8 bytes"));
                Ok(Self { term, region: RegionId(u16::from_be_bytes([*r0, *r1])) })
            }
            _ => Err(Unreadable::new("home record", "unknown format")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_as_it_was_written_and_nothing_else_does() {
        let home = HomeRecord { term: 7, region: RegionId(2) };
        assert_eq!(HomeRecord::decode(&home.encode()), Ok(home));
        assert!(HomeRecord::decode(&home.encode()[..10]).is_err() && HomeRecord::decode(b"").is_err());
        assert_ne!(key("a", ShardId(1)), key("a", ShardId(2)));
    }
}
