//! `x`, generation (4), aggregation (1), length of the group (2), group columns, value: how often the group has this value.

use super::generation_prefix;
use bytes::{BufMut, Bytes};
use serde::{Deserialize, Serialize};
use sterna_crdt::Value;

pub(crate) const LETTER: u8 = b'x';

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// As it is; the key may have cut it.
    pub value: Value,
    pub count: u64,
}

/// Begins the keys of all values that a group has for one aggregation.
pub(crate) fn prefix(generation: u32, aggregation: u8, group: &[u8]) -> Vec<u8> {
    let mut key = generation_prefix(LETTER, generation).to_vec();
    key.put_u8(aggregation);
    key.put_u16(group.len() as u16);
    key.put_slice(group);
    key
}

pub(crate) fn key(prefix: &[u8], value: &Value) -> Bytes {
    let mut key = prefix.to_vec();
    super::order::put(value, false, &mut key);
    key.into()
}
