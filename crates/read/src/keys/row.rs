//! `t`, generation (4), path (1), columns of the path, source, number (2): a row of a table.
//!
//! The source is the aggregate's id and a zero byte or, in a view of events, the event's order, type, id and zero bytes. The number
//! tells apart the rows of one source. The value is the row as JSON.

use super::{generation_prefix, history, put_text};
use bytes::BufMut;
use sterna_crdt::Order;

pub(crate) const LETTER: u8 = b't';

/// Bytes before the columns.
pub(crate) const HEAD_BYTES: usize = 6;

pub(crate) fn head(generation: u32, path: u8) -> [u8; HEAD_BYTES] {
    let [a, b, c, d, e] = generation_prefix(LETTER, generation);
    [a, b, c, d, e, path]
}

pub(crate) fn put_aggregate(id: &str, key: &mut Vec<u8>) {
    put_text(key, id);
}

pub(crate) fn put_event(kind: &str, id: &str, order: Order, key: &mut Vec<u8>) {
    history::put_order(order, key);
    put_text(key, kind);
    put_text(key, id);
}

pub(crate) fn put_number(number: usize, key: &mut Vec<u8>) {
    key.put_u16(number as u16);
}
