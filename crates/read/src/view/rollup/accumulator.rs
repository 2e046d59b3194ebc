//! Adding to what is kept of an aggregation.

use super::deltas::Change;
use crate::keys::group::{Accumulator, Record};
use crate::limits::{EXTREMES_INLINE_BYTES_MAX, EXTREMES_INLINE_MAX};
use sterna_crdt::Value;
use sterna_env::HashMap;
use sterna_model::{Agg, AggOp};

impl Record {
    pub fn empty(group: &[Value], aggs: &[Agg]) -> Self {
        let accumulator = |agg: &Agg| match agg.op {
            AggOp::Sum => Accumulator::Sum(0),
            AggOp::Avg => Accumulator::Avg { sum: 0, count: 0 },
            AggOp::Count => Accumulator::Count(0),
            AggOp::Min | AggOp::Max => Accumulator::Inline(Vec::new()),
        };
        Self { group: group.to_vec(), rows: 0, accumulators: aggs.iter().map(accumulator).collect() }
    }
}

/// What an accumulator can't do by itself.
#[must_use]
pub(super) enum Left {
    Nothing,
    /// The values have keys of their own; these counts change.
    Spilled(HashMap<Value, i64>),
    /// There are too many values to keep in the record: these need keys now.
    Spill(Vec<(Value, u64)>),
}

impl Accumulator {
    pub(super) fn apply(&mut self, change: Change) -> Left {
        match (self, change) {
            (Self::Sum(sum), Change::Sum(by)) => *sum += by,
            (Self::Count(count), Change::Count(by)) => *count += by,
            (Self::Avg { sum, count }, Change::Avg { sum: by, count: more }) => {
                *sum += by;
                *count = count.saturating_add_signed(more);
            }
            (Self::Inline(values), Change::Extreme(changes)) => {
                for (value, by) in changes {
                    change_inline(values, value, by);
                }
                if values.len() > EXTREMES_INLINE_MAX {
                    return Left::Spill(std::mem::take(values));
                }
            }
            (Self::Spilled(_), Change::Extreme(changes)) => return Left::Spilled(changes),
            _ => debug_assert!(false, "a generation's groups are of one definition"),
        }
        Left::Nothing
    }

    /// Bytes that a `min` or `max` keeps in the record, roughly.
    pub fn inline_bytes(&self) -> usize {
        match self {
            Self::Inline(values) => values.iter().map(|(value, _)| if let Value::Str(text) = value { 4 + text.len() } else { 12 }).sum(),
            _ => 0,
        }
    }
}

/// Whether the `min` and `max` of a group outgrow its record.
pub(super) fn outgrown(record: &Record) -> bool {
    record.accumulators.iter().map(Accumulator::inline_bytes).sum::<usize>() > EXTREMES_INLINE_BYTES_MAX
}

fn change_inline(values: &mut Vec<(Value, u64)>, value: Value, by: i64) {
    match values.binary_search_by(|(held, _)| held.cmp(&value)) {
        Ok(at) => {
            values[at].1 = values[at].1.saturating_add_signed(by);
            if values[at].1 == 0 {
                values.remove(at);
            }
        }
        Err(at) if by > 0 => values.insert(at, (value, by.unsigned_abs())),
        Err(_) => debug_assert!(by == 0, "only what was added is taken back"),
    }
}
