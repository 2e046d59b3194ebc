//! What a batch adds to groups and takes back from them, before any group is read.

use crate::keys::{group, order};
use crate::view::Generation;
use bytes::Bytes;
use std::sync::Arc;
use sterna_crdt::Value;
use sterna_env::HashMap;
use sterna_model::{Agg, AggOp, Contribution};

/// By the group's key.
#[derive(Default)]
pub(crate) struct Deltas(pub(super) HashMap<Bytes, GroupDelta>);

pub(super) struct GroupDelta {
    pub generation: Arc<Generation>,
    pub group: Vec<Value>,
    pub rows: i64,
    /// One an aggregation.
    pub changes: Vec<Change>,
}

pub(super) enum Change {
    Sum(i128),
    Avg {
        sum: i128,
        count: i64,
    },
    Count(i64),
    /// How often each value comes or goes.
    Extreme(HashMap<Value, i64>),
}

impl Deltas {
    /// Replaces one source's contributions. True if anything changed.
    pub fn change(&mut self, generation: &Arc<Generation>, old: &[Contribution], new: &[Contribution]) -> bool {
        if old == new {
            return false;
        }
        old.iter().for_each(|contribution| self.add(generation, contribution, -1));
        new.iter().for_each(|contribution| self.add(generation, contribution, 1));
        true
    }

    fn add(&mut self, generation: &Arc<Generation>, contribution: &Contribution, sign: i64) {
        let mut key = Vec::with_capacity(32);
        key.extend_from_slice(&group::head(generation.number));
        order::put_all(&contribution.group, &mut key);
        let aggs = generation.view().aggs();
        let delta = self.0.entry(key.into()).or_insert_with(|| GroupDelta {
            generation: generation.clone(),
            group: contribution.group.clone(),
            rows: 0,
            changes: aggs.iter().map(Change::none).collect(),
        });
        delta.rows += sign;
        for (change, value) in delta.changes.iter_mut().zip(&contribution.values) {
            change.add(value, sign);
        }
    }
}

impl Change {
    fn none(agg: &Agg) -> Self {
        match agg.op {
            AggOp::Sum => Self::Sum(0),
            AggOp::Avg => Self::Avg { sum: 0, count: 0 },
            AggOp::Count => Self::Count(0),
            AggOp::Min | AggOp::Max => Self::Extreme(HashMap::default()),
        }
    }

    /// Null adds nothing.
    fn add(&mut self, value: &Value, sign: i64) {
        match (self, value) {
            (_, Value::Null) => {}
            (Self::Sum(sum), Value::Int(int)) => *sum += i128::from(*int) * i128::from(sign),
            (Self::Avg { sum, count }, Value::Int(int)) => {
                *sum += i128::from(*int) * i128::from(sign);
                *count += sign;
            }
            (Self::Count(count), _) => *count += sign,
            (Self::Extreme(values), value) => *values.entry(value.clone()).or_default() += sign,
            (Self::Sum(_) | Self::Avg { .. }, other) => debug_assert!(false, "the model checks that {other:?} is summed nowhere"),
        }
    }
}
