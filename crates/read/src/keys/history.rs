//! `h`, type, 0, id, 0, clock (8), incarnation (8): an event of an aggregate's history, in the order that all regions agree on.

use super::put_text;
use bytes::{Buf, BufMut, Bytes};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use sterna_crdt::{Clock, Incarnation, Order};
use sterna_log::Position;
use sterna_store::prefix_range;

pub(crate) const LETTER: u8 = b'h';
pub(crate) const ORDER_BYTES: usize = 16;

/// An event, less what its key says: order, and so time, incarnation and region.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Record<'a> {
    /// The dot's number.
    pub n: u64,
    pub command: &'a str,
    /// Canonical JSON.
    pub args: &'a str,
    pub actor: &'a str,
    /// Has no effect: its twin from another region won.
    pub void: bool,
    /// In the origin's log of the aggregate's shard.
    pub position: (u64, [u8; 10], u16),
    /// Type, id, incarnation and number of the event that caused it.
    #[serde(borrow)]
    pub cause: Option<(&'a str, &'a str, Incarnation, u64)>,
}

impl Record<'_> {
    pub fn position(&self) -> Position {
        let (epoch, commit, index) = self.position;
        Position::new(epoch, commit, index)
    }
}

pub(crate) fn key(kind: &str, id: &str, order: Order) -> Bytes {
    let mut key = prefix(kind, id);
    put_order(order, &mut key);
    key.into()
}

pub(crate) fn put_order(order: Order, key: &mut Vec<u8>) {
    key.put_u64(order.clock.0);
    key.put_u64(order.incarnation.0);
}

fn prefix(kind: &str, id: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(3 + kind.len() + id.len() + ORDER_BYTES);
    key.put_u8(LETTER);
    put_text(&mut key, kind);
    put_text(&mut key, id);
    key
}

/// The history of one aggregate.
pub(crate) fn of(kind: &str, id: &str) -> Range<Bytes> {
    prefix_range(&prefix(kind, id))
}

/// The histories of all aggregates of a type.
pub(crate) fn all(kind: &str) -> Range<Bytes> {
    let mut prefix = vec![LETTER];
    put_text(&mut prefix, kind);
    prefix_range(&prefix)
}

/// Type, id and order.
pub(crate) fn parse(key: &[u8]) -> Option<(&str, &str, Order)> {
    let (head, order) = key.split_at_checked(key.len().checked_sub(ORDER_BYTES)?)?;
    let mut parts = head.get(1..)?.split(|byte| *byte == 0).map(|part| std::str::from_utf8(part).ok());
    Some((parts.next()??, parts.next()??, parse_order(order)?))
}

pub(crate) fn parse_order(mut bytes: &[u8]) -> Option<Order> {
    (bytes.len() == ORDER_BYTES).then(|| Order { clock: Clock(bytes.get_u64()), incarnation: Incarnation(bytes.get_u64()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{decode, encode};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_tell_id_and_order(id in "[a-z.]{1,9}", clock: u64, incarnation: u64, other: u64) {
            let order = |clock| Order { clock: Clock(clock), incarnation: Incarnation(incarnation) };
            let at = key("cart", &id, order(clock));
            prop_assert_eq!(parse(&at), Some(("cart", id.as_str(), order(clock))));
            prop_assert!(of("cart", &id).contains(&at) && all("cart").contains(&at));
            prop_assert_eq!(at.cmp(&key("cart", &id, order(other))), clock.cmp(&other));
        }
    }

    #[test]
    fn records_survive_their_bytes() {
        let record = Record {
            n: 7,
            command: "add",
            args: "{}",
            actor: "",
            void: false,
            position: (1, [2; 10], 3),
            cause: Some(("cart", "c", Incarnation(5), 1)),
        };
        let bytes = encode(&record);
        assert_eq!(decode("event", &bytes), Ok(record.clone()));
        assert_eq!(record.position(), Position::new(1, [2; 10], 3));
    }
}
