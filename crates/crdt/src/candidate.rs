//! What competes in a register, and which candidate each policy prefers. The same comparison decides states and ledger rows.

use crate::{Dot, Order, Policy, Value};
use std::cmp::Ordering;

/// A value that was set, by whom and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidate<'a> {
    pub value: &'a Value,
    /// What `max_by` and `min_by` compare, as evaluated at the origin.
    pub by: Option<&'a Value>,
    pub dot: Dot,
    pub order: Order,
}

impl Policy {
    /// The greater candidate is the visible one. Total for candidates of different updates, and a candidate never loses to
    /// one of the same rank that is older. Null loses to every value under `max`, `min`, `max_by` and `min_by`.
    pub fn compare(&self, a: &Candidate<'_>, b: &Candidate<'_>) -> Ordering {
        let rank = match self {
            Self::Latest | Self::Keep => Ordering::Equal,
            Self::Max => a.value.cmp(b.value),
            Self::Min => smaller(a.value, b.value),
            Self::Prefer(regions) => {
                let place = |c: &Candidate<'_>| {
                    let region = c.dot.incarnation.region();
                    regions.iter().position(|r| *r == region).unwrap_or(regions.len())
                };
                place(b).cmp(&place(a))
            }
            Self::MaxBy => a.by.unwrap_or(&Value::Null).cmp(b.by.unwrap_or(&Value::Null)),
            Self::MinBy => smaller(a.by.unwrap_or(&Value::Null), b.by.unwrap_or(&Value::Null)),
        };
        rank.then(a.order.cmp(&b.order))
    }

    /// Under `max` and `min` a set replaces nothing: the greatest value ever set wins, also over later ones.
    pub fn is_lattice(&self) -> bool {
        matches!(self, Self::Max | Self::Min)
    }
}

fn smaller(a: &Value, b: &Value) -> Ordering {
    match (a.is_null(), b.is_null()) {
        (false, false) => b.cmp(a),
        (a_null, b_null) => b_null.cmp(&a_null),
    }
}
