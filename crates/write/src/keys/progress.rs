//! `p`, shard (2): for each origin, up to where its log of this shard is copied and applied here.

use super::Unreadable;
use bytes::{BufMut, Bytes};
use sterna_crdt::RegionId;
use sterna_log::{Applied, Position, ShardId};

const FORMAT: u8 = 1;
const ROW_BYTES: usize = 2 + 2 * Position::BYTES;

pub fn key(shard: ShardId) -> Bytes {
    let mut key = vec![b'p'];
    key.put_u16(shard.0);
    key.into()
}

/// The copied and the applied positions. This region's own log is not listed: it is what it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ShardProgress {
    pub copied: Applied,
    pub applied: Applied,
}

impl ShardProgress {
    pub fn encode(&self) -> Bytes {
        let mut out = vec![FORMAT];
        for &(origin, copied) in &self.copied.0 {
            out.put_u16(origin.0);
            out.put_slice(&copied.to_bytes());
            out.put_slice(&self.applied.get(origin).to_bytes());
        }
        out.into()
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let bad = |why: &str| Unreadable::new("progress record", why);
        let Some((&FORMAT, rows)) = bytes.split_first() else { return Err(bad("unknown format")) };
        let mut progress = Self::default();
        for row in rows.chunks(ROW_BYTES) {
            let origin = RegionId(u16::from_be_bytes([row[0], *row.get(1).ok_or_else(|| bad("too short"))?]));
            let position = |at: usize| row.get(at..at + Position::BYTES).and_then(Position::from_bytes).ok_or_else(|| bad("too short"));
            progress.copied.raise(origin, position(2)?);
            progress.applied.raise(origin, position(2 + Position::BYTES)?);
        }
        Ok(progress)
    }
}
