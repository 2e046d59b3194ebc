//! Views: rows of tables and contributions to rollups, from one aggregate or one event. Pure functions, so that a view can be
//! dropped and built again.

use crate::args::Args;
use crate::expr::{EvalError, Expr, Locals, Scope, for_each_it};
use crate::state::StateView;
use crate::value_type::Slot;
use sterna_crdt::{Clock, Name, Value};

pub struct View {
    pub name: Name,
    pub source: Source,
    pub kind: ViewKind,
    /// Equal as long as the view means the same; a changed view is built anew.
    pub hash: u64,
    /// One for the aggregate, or one an event in the order of [`Source::Events`].
    pub(crate) bodies: Vec<Body>,
    pub was: Option<Name>,
    pub deprecated: bool,
}

/// A view's expressions, compiled against one source.
pub(crate) struct Body {
    /// The present name of the event's command.
    pub event: Option<Name>,
    pub condition: Option<Expr>,
    pub each: Option<Expr>,
    /// Of the columns, or of the group key.
    pub columns: Vec<Expr>,
    /// Of the aggregations.
    pub values: Vec<Expr>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// The aggregates of a type, by its stored name.
    Of(Name),
    /// Events, by stored type and command.
    Events(Vec<(Name, Name)>),
}

pub enum ViewKind {
    Table {
        columns: Vec<Column>,
        /// Columns of each index.
        indexes: Vec<Vec<usize>>,
        /// Column, and whether the greatest comes first. Ties by id.
        sort: Vec<(usize, bool)>,
    },
    Rollup {
        group: Vec<Column>,
        aggs: Vec<Agg>,
    },
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Column {
    pub name: Name,
    pub slot: Slot,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Agg {
    pub name: Name,
    pub op: AggOp,
    /// Of what is aggregated, which also is the result's but for `count` and `avg` (ints).
    pub slot: Slot,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AggOp {
    Sum,
    Min,
    Max,
    /// Kept as sum and count.
    Avg,
    Count,
}

/// An aggregate as its views see it.
#[derive(Clone, Copy)]
pub struct DocView<'a> {
    pub id: &'a str,
    pub state: &'a dyn StateView,
    pub created: Clock,
    pub updated: Clock,
}

/// An event as its views see it.
#[derive(Clone, Copy)]
pub struct EventView<'a> {
    /// The event's own identity.
    pub id: &'a str,
    /// The aggregate's type, by its stored name.
    pub aggregate: &'a str,
    /// By its stored name.
    pub command: &'a str,
    pub aggregate_id: &'a str,
    /// As [`crate::Command::stored_args`] read them.
    pub args: &'a Args,
    pub at: Clock,
    pub region: &'a str,
    pub actor: &'a str,
}

/// A table's row: one value a column.
pub type Row = Vec<Value>;

/// Columns (or group key) and aggregated values.
type Parts = (Vec<Value>, Vec<Value>);

/// What one aggregate or event adds to a rollup's group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contribution {
    pub group: Vec<Value>,
    /// One an aggregation. Null adds nothing; a `count` is 1 or null.
    pub values: Vec<Value>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rows {
    Table(Vec<Row>),
    Rollup(Vec<Contribution>),
}

/// The rows of one aggregate or event, and the errors of those that have none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Evaluated {
    pub rows: Rows,
    pub failed: Vec<EvalError>,
}

impl View {
    pub fn is_rollup(&self) -> bool {
        matches!(self.kind, ViewKind::Rollup { .. })
    }

    /// A table's columns, or a rollup's group key.
    pub fn columns(&self) -> &[Column] {
        match &self.kind {
            ViewKind::Table { columns, .. } | ViewKind::Rollup { group: columns, .. } => columns,
        }
    }

    /// The aggregations of a rollup.
    pub fn aggs(&self) -> &[Agg] {
        match &self.kind {
            ViewKind::Table { .. } => &[],
            ViewKind::Rollup { aggs, .. } => aggs,
        }
    }

    /// Of a view of aggregates.
    pub fn rows(&self, doc: &DocView<'_>) -> Evaluated {
        let DocView { id, state, created, updated } = *doc;
        let scope = Scope { id, exists: true, state, created, updated, ..Scope::default() };
        self.evaluate(self.bodies.first(), &scope)
    }

    /// Of a view of events; nothing for an event that the view doesn't follow.
    pub fn event_rows(&self, event: &EventView<'_>) -> Evaluated {
        let EventView { id, aggregate, command, aggregate_id, args, at, region, actor } = *event;
        let place = match &self.source {
            Source::Of(_) => None,
            Source::Events(events) => events.iter().position(|(of, name)| of.as_ref() == aggregate && name.as_ref() == command),
        };
        let body = place.and_then(|place| self.bodies.get(place));
        let event_name = body.and_then(|body| body.event.as_deref()).unwrap_or(command);
        let scope = Scope { id: aggregate_id, args: args.values(), now: at, region, actor, event_id: id, event_name, ..Scope::default() };
        self.evaluate(body, &scope)
    }

    fn evaluate<'a>(&'a self, body: Option<&'a Body>, scope: &'a Scope<'a>) -> Evaluated {
        let mut out = Evaluated { rows: self.no_rows(), failed: Vec::new() };
        let Some(body) = body else { return out };
        let each = body.each.as_ref().map(|each| &each.node);
        let ran = for_each_it(each, scope, &mut |locals| {
            match self.row(body, scope, locals) {
                Ok(Some(row)) => out.rows.push(row),
                Ok(None) => {}
                Err(error) => out.failed.push(error),
            }
            Ok(())
        });
        out.failed.extend(ran.err());
        out
    }

    fn row<'a>(&'a self, body: &'a Body, scope: &'a Scope<'a>, locals: Locals<'_, 'a>) -> Result<Option<Parts>, EvalError> {
        if let Some(condition) = &body.condition
            && !condition.node.eval(scope, locals)?.bool()?
        {
            return Ok(None);
        }
        let mut columns = Vec::with_capacity(body.columns.len());
        for expr in &body.columns {
            columns.push(expr.node.eval(scope, locals)?.into_value());
        }
        let mut values = Vec::with_capacity(body.values.len());
        for (expr, agg) in body.values.iter().zip(self.aggs()) {
            let value = expr.node.eval(scope, locals)?.into_value();
            values.push(if agg.op == AggOp::Count { counted(&value) } else { value });
        }
        Ok(Some((columns, values)))
    }

    fn no_rows(&self) -> Rows {
        if self.is_rollup() { Rows::Rollup(Vec::new()) } else { Rows::Table(Vec::new()) }
    }
}

fn counted(value: &Value) -> Value {
    if *value == Value::Bool(true) { Value::Int(1) } else { Value::Null }
}

impl Rows {
    fn push(&mut self, (columns, values): Parts) {
        match self {
            Self::Table(rows) => rows.push(columns),
            Self::Rollup(contributions) => contributions.push(Contribution { group: columns, values }),
        }
    }

    pub fn is_empty(&self) -> bool {
        match self {
            Self::Table(rows) => rows.is_empty(),
            Self::Rollup(contributions) => contributions.is_empty(),
        }
    }
}
