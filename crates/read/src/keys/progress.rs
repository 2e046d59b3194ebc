//! `p`, shard (2): for each origin, up to where its log of this shard is projected.

use super::{FORMAT, Unreadable};
use bytes::{BufMut, Bytes};
use sterna_crdt::RegionId;
use sterna_log::{Applied, Position, ShardId};

pub(crate) const LETTER: u8 = b'p';
const ROW_BYTES: usize = 2 + Position::BYTES;

pub(crate) fn key(shard: ShardId) -> Bytes {
    let mut key = vec![LETTER];
    key.put_u16(shard.0);
    key.into()
}

pub(crate) fn encode(applied: &Applied) -> Bytes {
    let mut out = vec![FORMAT];
    for (origin, position) in &applied.0 {
        out.put_u16(origin.0);
        out.put_slice(&position.to_bytes());
    }
    out.into()
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Applied, Unreadable> {
    let bad = |why: &str| Unreadable { what: "progress record", why: why.to_owned() };
    let Some((&FORMAT, rows)) = bytes.split_first() else { return Err(bad("unknown format")) };
    let mut applied = Applied::default();
    for row in rows.chunks(ROW_BYTES) {
        let (origin, position) = row.split_first_chunk().ok_or_else(|| bad("too short"))?;
        applied.raise(RegionId(u16::from_be_bytes(*origin)), Position::from_bytes(position).ok_or_else(|| bad("too short"))?);
    }
    Ok(applied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_survives_its_bytes() {
        let applied = Applied(vec![(RegionId(0), Position::new(7, [1; 10], 2)), (RegionId(9), Position::seal(8, 3))]);
        assert_eq!(decode(&encode(&applied)), Ok(applied.clone()));
        assert!(decode(&encode(&applied)[..30]).is_err());
    }
}
