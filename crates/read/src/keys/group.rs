//! `g`, generation (4), group columns: a group of a rollup.

use super::generation_prefix;
use serde::{Deserialize, Serialize};
use sterna_crdt::Value;

pub(crate) const LETTER: u8 = b'g';

/// Bytes before the group columns.
pub(crate) const HEAD_BYTES: usize = 5;

pub(crate) fn head(generation: u32) -> [u8; HEAD_BYTES] {
    generation_prefix(LETTER, generation)
}

/// A group, for as long as something contributes to it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub group: Vec<Value>,
    /// How many rows contribute.
    pub rows: u64,
    /// One an aggregation.
    pub accumulators: Vec<Accumulator>,
}

/// What is kept of an aggregation, so that everything that was added can be taken back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Accumulator {
    Sum(i128),
    Avg {
        sum: i128,
        count: u64,
    },
    Count(i64),
    /// Of `min` and `max`: each value and how often it is there, in order.
    Inline(Vec<(Value, u64)>),
    /// The same in keys of its own, and which value is shown.
    Spilled(Value),
}
