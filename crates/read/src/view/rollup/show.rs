//! A group as clients see it.

use crate::keys::group::{Accumulator, Record};
use std::fmt::Write as _;
use sterna_model::{AggOp, View, json};

/// Appends the group's columns and its aggregations as a JSON object. `sum` of nothing is 0; `min`, `max` and `avg` of nothing
/// are null. An `avg` is rounded to the nearest integer, halves away from zero.
pub(crate) fn show(view: &View, record: &Record, out: &mut String) {
    let names = view.columns().iter().map(|column| column.name.as_ref());
    json::write_object(names.zip(&record.group), out);
    out.pop();
    for (agg, accumulator) in view.aggs().iter().zip(&record.accumulators) {
        if !out.ends_with('{') {
            out.push(',');
        }
        json::write_string(&agg.name, out);
        out.push(':');
        show_one(agg.op, accumulator, out);
    }
    out.push('}');
}

fn show_one(op: AggOp, accumulator: &Accumulator, out: &mut String) {
    let _ = match accumulator {
        Accumulator::Sum(sum) => write!(out, "{sum}"),
        Accumulator::Count(count) => write!(out, "{count}"),
        Accumulator::Avg { count: 0, .. } => write!(out, "null"),
        Accumulator::Avg { sum, count } => write!(out, "{}", rounded(*sum, i128::from(*count))),
        Accumulator::Inline(values) => {
            let best = if op == AggOp::Max { values.last() } else { values.first() };
            json::write_value(best.map_or(&sterna_crdt::Value::Null, |(value, _)| value), out);
            Ok(())
        }
        Accumulator::Spilled(shown) => {
            json::write_value(shown, out);
            Ok(())
        }
    };
}

fn rounded(sum: i128, count: i128) -> i128 {
    (2 * sum + sum.signum() * count) / (2 * count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_are_rounded_to_the_nearest_integer() {
        let cases =
            [(7, 2, 4), (-7, 2, -4), (10, 3, 3), (11, 3, 4), (-11, 3, -4), (0, 5, 0), (i128::from(i64::MAX), 1, i128::from(i64::MAX))];
        for (sum, count, expected) in cases {
            assert_eq!(rounded(sum, count), expected, "{sum} / {count}");
        }
    }
}
