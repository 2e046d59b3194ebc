//! What one region asks of another, as a path.

use sterna_crdt::RegionId;
use sterna_log::{LogId, Position, ShardId};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ask {
    /// The never-ending log of the region that is asked.
    Follow { shard: ShardId, after: Position },
    /// One frame of its copy of any log.
    Fetch { log: LogId, after: Position },
}

pub(crate) const CALL_ROUTE: &str = "/internal/v1/call/{body}";

/// The path of a call: it names the body's hash, so that what proves the path proves the body too.
pub(crate) fn call_path(body: &[u8]) -> String {
    format!("/internal/v1/call/{}", blake3::hash(body).to_hex())
}

pub(crate) const FOLLOW_ROUTE: &str = "/internal/v1/follow/{shard}";
pub(crate) const FETCH_ROUTE: &str = "/internal/v1/logs/{origin}/{shard}";

impl Ask {
    pub(crate) fn shard(&self) -> ShardId {
        match self {
            Self::Follow { shard, .. } => *shard,
            Self::Fetch { log, .. } => log.shard,
        }
    }

    /// Path and query: a position is the hexadecimal form of its 20 bytes.
    pub(crate) fn path(&self) -> String {
        match self {
            Self::Follow { shard, after } => format!("/internal/v1/follow/{}?after={}", shard.0, hex(*after)),
            Self::Fetch { log, after } => format!("/internal/v1/logs/{}/{}?after={}", log.origin.0, log.shard.0, hex(*after)),
        }
    }

    pub(crate) fn follow(shard: u16, query: Option<&str>) -> Option<Self> {
        Some(Self::Follow { shard: ShardId(shard), after: after(query)? })
    }

    pub(crate) fn fetch(origin: u16, shard: u16, query: Option<&str>) -> Option<Self> {
        let log = LogId { origin: RegionId(origin), shard: ShardId(shard) };
        Some(Self::Fetch { log, after: after(query)? })
    }
}

/// Without `after`, the beginning.
fn after(query: Option<&str>) -> Option<Position> {
    let pair = query.unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("after="));
    pair.map_or(Some(Position::ZERO), unhex)
}

fn hex(position: Position) -> String {
    position.to_bytes().iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Option<Position> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    let (pairs, []) = digits.as_ref()?.as_chunks::<2>() else { return None };
    Position::from_bytes(&pairs.iter().map(|[high, low]| high << 4 | low).collect::<Vec<u8>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_what_was_asked() {
        let after = Position::new(7, *b"0123456789", 3);
        let ask = Ask::Fetch { log: LogId { origin: RegionId(2), shard: ShardId(9) }, after };
        let path = ask.path();
        let (route, query) = path.split_once('?').unwrap();
        assert_eq!(route, "/internal/v1/logs/2/9");
        assert_eq!(Ask::fetch(2, 9, Some(query)), Some(ask));
        assert_eq!(Ask::follow(9, None), Some(Ask::Follow { shard: ShardId(9), after: Position::ZERO }));
    }

    #[test]
    fn a_damaged_position_is_none() {
        for bad in
            ["after=", "after=00", "after=zz00000000000000000000000000000000000000", "after=+000000000000000000000000000000000000000"]
        {
            assert_eq!(Ask::follow(0, Some(bad)), None, "{bad}");
        }
    }
}
