//! What is written of void events, and of aggregates that are parked no more. They are rare; marks are kept for ever, since what an event
//! caused may arrive whenever it likes.
//!
//! - `v`, shard (2), type, 0, id, 0, incarnation (8), n (8): this event is void. No value.
//! - `w`, shard (2), commit (10), index (4): an event that became void, or the last one of an aggregate that was parked, in the order in which this
//!   region noticed; followed by projections.
//! - `x`, shard (2): the stamp of the last transaction with such news, for the other processes of the region.
//! - `n`, shard (2), type, 0, id, 0, cause's type, 0, id, 0, incarnation (8), n (8): what this cause, which is void, caused in
//!   this aggregate is to be made void. No value; cleared when that is done.

use super::{Unreadable, decode, encode, put_text};
use bytes::{BufMut, Bytes};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use sterna_crdt::{Dot, Incarnation, Name, Order};
use sterna_log::{AggregateId, ShardId};
use sterna_store::{STAMP_BYTES, StampAt, Write, prefix_range};

pub const MARK: u8 = b'v';
pub const NEWS: u8 = b'w';
pub const NOTICE: u8 = b'n';
const FORMAT: u8 = 2;

/// What projections hear of beside the logs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum What {
    /// The event became void.
    Void,
    /// Its aggregate was parked, and is not any more: the state has it now.
    Unparked,
}

/// An event, and what became of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Voided {
    pub kind: Name,
    pub id: Name,
    pub dot: Dot,
    pub order: Order,
    pub what: What,
}

pub fn mark(shard: ShardId, kind: &str, id: &str, dot: Dot) -> Bytes {
    let mut key = vec![MARK];
    key.put_u16(shard.0);
    put_text(&mut key, kind);
    put_text(&mut key, id);
    put_dot(&mut key, dot);
    key.into()
}

/// `index` tells apart what one transaction writes.
pub fn news(shard: ShardId, index: u32, voided: &Voided) -> Write {
    let mut key = vec![NEWS];
    key.put_u16(shard.0);
    key.put_slice(&[0; 10]);
    key.put_u32(index);
    Write::PutStamped { key: key.into(), value: encode(FORMAT, voided), at: StampAt::Key(3) }
}

/// Changes with every transaction that has news.
pub fn bell(shard: ShardId) -> Bytes {
    let mut key = vec![b'x'];
    key.put_u16(shard.0);
    key.into()
}

pub fn ring(shard: ShardId) -> Write {
    Write::PutStamped { key: bell(shard), value: Bytes::from_static(&[0; STAMP_BYTES]), at: StampAt::Value(0) }
}

/// The news of a shard.
pub fn all_news(shard: ShardId) -> Range<Bytes> {
    let [s0, s1] = shard.0.to_be_bytes();
    prefix_range(&[NEWS, s0, s1])
}

pub fn read_news(value: &[u8]) -> Result<Voided, Unreadable> {
    decode("void event", FORMAT, value)
}

pub fn notice(shard: ShardId, target: &AggregateId, cause: &(Name, Name, Dot)) -> Bytes {
    let mut key = vec![NOTICE];
    key.put_u16(shard.0);
    for text in [&target.kind, &target.id, &cause.0, &cause.1] {
        put_text(&mut key, text);
    }
    put_dot(&mut key, cause.2);
    key.into()
}

/// The notices of a shard.
pub fn all_notices(shard: ShardId) -> Range<Bytes> {
    let [s0, s1] = shard.0.to_be_bytes();
    prefix_range(&[NOTICE, s0, s1])
}

/// The aggregate, and the void cause.
pub fn parse_notice(key: &[u8]) -> Option<(AggregateId, (Name, Name, Dot))> {
    let (texts, dot) = key.get(3..)?.split_last_chunk::<16>()?;
    let mut texts = texts.split(|b| *b == 0).map(|text| std::str::from_utf8(text).ok().map(Name::from));
    let mut text = || texts.next().flatten();
    let target = AggregateId { kind: text()?, id: text()? };
    let (incarnation, n) = dot.split_first_chunk::<8>()?;
    let n = u64::from_be_bytes(n.try_into().ok()?);
    let dot = Dot { incarnation: Incarnation(u64::from_be_bytes(*incarnation)), n };
    Some((target, (text()?, text()?, dot)))
}

fn put_dot(key: &mut Vec<u8>, dot: Dot) {
    key.put_u64(dot.incarnation.0);
    key.put_u64(dot.n);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_notice_tells_target_and_cause(kind in "[a-z]{1,9}", id in "[a-z.]{1,9}", of in "[a-z]{1,9}", incarnation: u64, n: u64) {
            let target = AggregateId { kind: kind.as_str().into(), id: id.as_str().into() };
            let cause = (Name::from(of.as_str()), Name::from(id.as_str()), Dot { incarnation: Incarnation(incarnation), n });
            let key = notice(ShardId(7), &target, &cause);
            prop_assert!(all_notices(ShardId(7)).contains(&key) && !all_notices(ShardId(8)).contains(&key));
            prop_assert_eq!(parse_notice(&key), Some((target, cause)));
        }
    }
}
