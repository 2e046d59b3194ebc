//! What a view is asked for, as one stretch of one of its orders.

use crate::ReadRefused;
use crate::keys::order;
use crate::query::suggest;
use crate::view::Generation;
use bytes::Bytes;
use std::ops::Range;
use sterna_crdt::{Name, Value};
use sterna_model::{View, ViewKind, parse_query_value};
use sterna_store::prefix_range;

/// A filter that fits an order.
pub(super) struct Stretch {
    /// Which of the generation's orders.
    pub path: usize,
    /// Of keys in that order, without their head.
    range: Range<Vec<u8>>,
}

impl Stretch {
    /// The keys, with their head.
    pub fn keys(&self, head: &[u8]) -> Range<Bytes> {
        let key = |rest: &[u8]| Bytes::from([head, rest].concat());
        key(&self.range.start)..key(&self.range.end)
    }

    /// Whether a row can be in this stretch.
    pub fn holds(&self, place: &[u8]) -> bool {
        *self.range.start <= *place && *place < *self.range.end
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Op {
    Equal,
    AtLeast,
    Over,
    AtMost,
    Under,
}

struct Filter {
    column: usize,
    op: Op,
    value: Value,
}

/// `filters` are `column=value` and `column[gte|gt|lte|lt]=value`.
pub(super) fn stretch(generation: &Generation, filters: &[(String, String)]) -> Result<Stretch, ReadRefused> {
    let view = generation.view();
    let filters = filters.iter().map(|(name, value)| parse(view, name, value)).collect::<Result<Vec<_>, _>>()?;
    let equal: Vec<&Filter> = filters.iter().filter(|filter| filter.op == Op::Equal).collect();
    let ranges: Vec<&Filter> = filters.iter().filter(|filter| filter.op != Op::Equal).collect();
    let mut columns: Vec<usize> = equal.iter().map(|filter| filter.column).collect();
    columns.sort_unstable();
    columns.dedup();
    let ranged = ranges.first().map(|filter| filter.column);
    if ranges.iter().any(|filter| Some(filter.column) != ranged) || ranged.is_some_and(|ranged| columns.contains(&ranged)) {
        return Err(not_indexed(generation, &filters));
    }
    let path = generation.paths.iter().position(|path| path.fits(&columns, ranged)).ok_or_else(|| not_indexed(generation, &filters))?;
    Ok(Stretch { path, range: range(&generation.paths[path].0[..columns.len() + usize::from(ranged.is_some())], &equal, &ranges) })
}

fn parse(view: &View, name: &str, text: &str) -> Result<Filter, ReadRefused> {
    let refused = |detail: String| ReadRefused::InvalidFilter { filter: name.into(), detail };
    let (column, op) = match name.split_once('[') {
        None => (name, Op::Equal),
        Some((column, op)) => (column, parse_op(op).ok_or_else(|| refused("a range is [gte], [gt], [lte] or [lt]".to_owned()))?),
    };
    let at = view.columns().iter().position(|held| *held.name == *column).ok_or_else(|| ReadRefused::UnknownColumn {
        view: view.name.clone(),
        column: column.into(),
        suggestion: suggest(column, view.columns().iter().map(|column| &column.name)),
    })?;
    let value = parse_query_value(&view.columns()[at].slot.value_type, text).map_err(refused)?;
    if op != Op::Equal && value.is_null() {
        return Err(refused("a range needs a value".to_owned()));
    }
    Ok(Filter { column: at, op, value })
}

fn parse_op(text: &str) -> Option<Op> {
    match text {
        "gte]" => Some(Op::AtLeast),
        "gt]" => Some(Op::Over),
        "lte]" => Some(Op::AtMost),
        "lt]" => Some(Op::Under),
        _ => None,
    }
}

/// `columns` are those that are filtered by, the one with a range last. Null is in no range, though it sorts first.
fn range(columns: &[(usize, bool)], equal: &[&Filter], ranges: &[&Filter]) -> Range<Vec<u8>> {
    let mut prefix = Vec::new();
    for &(column, descending) in columns {
        if let Some(filter) = equal.iter().find(|filter| filter.column == column) {
            order::put(&filter.value, descending, &mut prefix);
        }
    }
    let mut range = prefix.clone()..behind(&prefix);
    let contradicted = equal.iter().any(|a| equal.iter().any(|b| a.column == b.column && a.value != b.value));
    if contradicted {
        range.end = range.start.clone();
    }
    let Some(&(_, descending)) = columns.last().filter(|_| !ranges.is_empty()) else { return range };
    let nulls = Filter { column: 0, op: Op::Over, value: Value::Null };
    for Filter { op, value, .. } in ranges.iter().copied().chain([&nulls]) {
        let mut at = prefix.clone();
        order::put(value, descending, &mut at);
        let includes = matches!(op, Op::AtLeast | Op::AtMost);
        let from_here = matches!(op, Op::AtLeast | Op::Over) != descending;
        if from_here {
            range.start = range.start.max(if includes { at } else { behind(&at) });
        } else {
            range.end = range.end.min(if includes { behind(&at) } else { at });
        }
    }
    range
}

/// The end of everything that begins with `prefix`: no column and no source begins with 0xff.
fn behind(prefix: &[u8]) -> Vec<u8> {
    prefix_range(prefix).end.to_vec()
}

fn not_indexed(generation: &Generation, filters: &[Filter]) -> ReadRefused {
    let view = generation.view();
    let name = |column: usize| view.columns()[column].name.clone();
    let mut columns: Vec<Name> = Vec::new();
    for filter in filters.iter().filter(|filter| filter.op == Op::Equal).chain(filters.iter().filter(|filter| filter.op != Op::Equal)) {
        if !columns.contains(&name(filter.column)) {
            columns.push(name(filter.column));
        }
    }
    let one_range =
        filters.iter().filter(|filter| filter.op != Op::Equal).map(|filter| filter.column).collect::<std::collections::BTreeSet<_>>().len()
            <= 1;
    let wanted = (matches!(view.kind, ViewKind::Table { .. }) && one_range).then(|| columns.clone());
    let paths = generation.paths.iter().map(|path| path.0.iter().map(|(column, _)| name(*column)).collect()).collect();
    ReadRefused::NotIndexed { view: view.name.clone(), columns, paths, wanted }
}
