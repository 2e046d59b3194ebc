//! Reads views.

use super::{Loader, canonical};
use crate::aggregate::AggregateType;
use crate::diagnostic::did_you_mean;
use crate::expr::{Expr, Names, Want, check, same};
use crate::reader::{Item, Section};
use crate::value_type::Slot;
use crate::view::{Agg, AggOp, Body, Column, Source, View, ViewKind};
use sterna_crdt::Name;

const KEYS: &[&str] =
    &["of", "events", "where", "each", "columns", "index", "sort", "group", "sum", "min", "max", "avg", "count", "was", "deprecated"];
const AGGS: [(&str, AggOp); 5] =
    [("sum", AggOp::Sum), ("min", AggOp::Min), ("max", AggOp::Max), ("avg", AggOp::Avg), ("count", AggOp::Count)];
/// Parameters of a view's query.
pub(crate) const RESERVED_COLUMNS: &[&str] = &["limit", "after"];

/// What says nothing of a view's rows.
const RENAMES: &[&str] = &["was", "deprecated"];

/// A view's expressions as written.
struct Parts<'t> {
    condition: Option<Item<'t>>,
    each: Option<Item<'t>>,
    columns: Vec<(Name, Item<'t>)>,
    aggs: Vec<(Name, AggOp, Item<'t>)>,
}

/// A column as its index and its sort see it.
type Declared = (Name, Option<Slot>);

impl<'t> Loader<'t, '_> {
    pub fn views(&mut self, item: Option<&Item<'t>>, aggregates: &[AggregateType]) -> Vec<View> {
        let mut views: Vec<View> = Vec::new();
        let mut spans = Vec::new();
        for (name, item) in self.named(item) {
            if let Some(view) = self.view(name, &item, aggregates) {
                views.push(view);
                spans.push(item.key_span);
            }
        }
        self.check_was(views.iter().zip(spans).map(|(view, span)| (&view.name, view.was.as_ref(), span)));
        views
    }

    fn view(&mut self, name: Name, item: &Item<'t>, aggregates: &[AggregateType]) -> Option<View> {
        let mut section = item.table(&mut self.report)?;
        let (was, deprecated) = self.evolution(&mut section);
        let source = self.source(&mut section, item, aggregates);
        let (columns, group) = (section.take("columns"), section.take("group"));
        let rollup = group.is_some() || AGGS.iter().any(|(key, _)| section.has(key));
        if columns.is_some() == rollup {
            let message = if rollup { "a view has `columns`, or it has `group` and aggregations" } else { "this view shows nothing" };
            let hint = "a table has `columns`; a rollup has `group` and `sum`, `min`, `max`, `avg` or `count`";
            self.report.error_with("bad-view", item.key_span.clone(), message, hint);
        }
        let parts = Parts {
            condition: section.take("where"),
            each: section.take("each"),
            columns: self.columns(columns.as_ref().or(group.as_ref())),
            aggs: self.aggs(&mut section),
        };
        if let Some(when) = section.take("when") {
            self.report.error_with("unknown-key", when.key_span, "a view has no `when`", "its condition is `where`");
        }
        let (index, sort) = (section.take("index"), section.take("sort"));
        section.finish("a view", KEYS, &mut self.report);
        self.distinct(&parts);
        let names = source.as_ref().map_or(&[][..], |(_, names)| names.as_slice());
        // All of them, whatever is wrong with the first.
        let bodies: Vec<Option<Body>> = names.iter().map(|names| self.body(&parts, names)).collect();
        let bodies: Option<Vec<Body>> = bodies.into_iter().collect();
        self.agree(&parts, bodies.as_deref().unwrap_or_default());
        let slot = |expr: &Expr| expr.typ.slot();
        let first = bodies.as_ref().and_then(|bodies| bodies.first());
        // Of a column with a mistake only the name is known.
        let declared = |(at, (name, _)): (usize, &(Name, Item<'t>))| (name.clone(), first.and_then(|first| slot(first.columns.get(at)?)));
        let declared: Vec<Declared> = parts.columns.iter().enumerate().map(declared).collect();
        let (indexes, order) = self.orders(rollup, index.as_ref(), sort.as_ref(), &declared);
        let ((source, _), bodies) = (source?, bodies?);
        let first = bodies.first()?;
        let columns: Vec<Column> = declared.into_iter().map(|(name, slot)| Some(Column { name, slot: slot? })).collect::<Option<_>>()?;
        let aggs: Vec<Agg> = parts
            .aggs
            .iter()
            .zip(&first.values)
            .filter_map(|((name, op, _), expr)| Some(Agg { name: name.clone(), op: *op, slot: slot(expr)? }))
            .collect();
        let kind = if rollup { ViewKind::Rollup { group: columns, aggs } } else { ViewKind::Table { columns, indexes, sort: order } };
        let hash = canonical::hash_of(item.value, RENAMES, &context(&source, &bodies, aggregates));
        Some(View { name, source, kind, hash, bodies, was, deprecated })
    }

    /// The indexes and the sort of a table.
    fn orders(
        &mut self,
        rollup: bool,
        index: Option<&Item<'t>>,
        sort: Option<&Item<'t>>,
        columns: &[Declared],
    ) -> (Vec<Vec<usize>>, Vec<(usize, bool)>) {
        if rollup {
            for extra in [index, sort].into_iter().flatten() {
                let message = format!("a rollup has no `{}`: its rows come in order of their group", extra.key);
                self.report.error("unknown-key", extra.key_span.clone(), message);
            }
            return Default::default();
        }
        let indexes = index.map_or(Vec::new(), |item| self.indexes(item, columns));
        (indexes, sort.map_or(Vec::new(), |item| self.sort(item, columns)))
    }

    /// Where rows come from, and what expressions see: once, or for each event.
    fn source<'m>(
        &mut self,
        section: &mut Section<'t>,
        item: &Item<'t>,
        aggregates: &'m [AggregateType],
    ) -> Option<(Source, Vec<Names<'m>>)> {
        match (section.take("of"), section.take("events")) {
            (Some(of), None) => {
                let name = of.str(&mut self.report)?;
                let at = self.aggregate_ref(name, of.span.clone(), aggregates)?;
                Some((Source::Of(aggregates[at].stored().clone()), vec![Names::view(&aggregates[at].fields)]))
            }
            (None, Some(events)) => {
                let listed = if events.value.is_array() {
                    events.strings(&mut self.report)?
                } else {
                    vec![(events.str(&mut self.report)?, events.span.clone())]
                };
                let found: Vec<_> = listed.into_iter().filter_map(|(text, span)| self.command_ref(text, span, aggregates)).collect();
                let names = found.iter().map(|(at, command)| Names::events(&aggregates[*at].commands[*command])).collect::<Vec<_>>();
                let events = found
                    .iter()
                    .map(|(at, command)| (aggregates[*at].stored().clone(), aggregates[*at].commands[*command].stored().clone()));
                let events: Vec<_> = events.collect();
                (!names.is_empty()).then_some((Source::Events(events), names))
            }
            (Some(_), Some(events)) => {
                self.report.error("bad-view", events.key_span, "a view is `of` aggregates or of `events`, not both");
                None
            }
            (None, None) => {
                let hint = "add `of = \"…\"` (an aggregate) or `events = \"type.command\"`";
                self.report.error_with("missing-key", item.key_span.clone(), "this view is of nothing", hint);
                None
            }
        }
    }

    fn columns(&mut self, item: Option<&Item<'t>>) -> Vec<(Name, Item<'t>)> {
        let columns = self.named(item);
        for (name, item) in &columns {
            if RESERVED_COLUMNS.contains(&name.as_ref()) {
                self.report.error(
                    "bad-name",
                    item.key_span.clone(),
                    format!("`{name}` can't be a column: it is a parameter of every query"),
                );
            }
        }
        columns
    }

    fn aggs(&mut self, section: &mut Section<'t>) -> Vec<(Name, AggOp, Item<'t>)> {
        let mut aggs = Vec::new();
        for (key, op) in AGGS {
            let item = section.take(key);
            aggs.extend(self.named(item.as_ref()).into_iter().map(|(name, item)| (name, op, item)));
        }
        aggs.sort_by_key(|(.., item)| item.key_span.start);
        aggs
    }

    fn distinct(&mut self, parts: &Parts<'t>) {
        let mut seen: Vec<&Name> = parts.columns.iter().map(|(name, _)| name).collect();
        for (name, _, item) in &parts.aggs {
            if seen.contains(&name) {
                self.report.error("duplicate", item.key_span.clone(), format!("this view has two columns `{name}`"));
            }
            seen.push(name);
        }
    }

    fn body(&mut self, parts: &Parts<'t>, names: &Names<'_>) -> Option<Body> {
        let report = &mut self.report;
        let errors = report.error_count();
        let mut facts = Vec::new();
        let each = parts.each.as_ref().map(|each| check(each, names, &mut facts.clone(), &Want::Range, report));
        let names = names.with_each(each.as_ref());
        let condition = parts.condition.as_ref().map(|condition| check(condition, &names, &mut facts, &Want::Bool, report));
        let grouped = if parts.aggs.is_empty() { Want::Column } else { Want::Sortable };
        let columns: Vec<_> = parts.columns.iter().map(|(_, item)| check(item, &names, &mut facts.clone(), &grouped, report)).collect();
        let want = |op: &AggOp| match op {
            AggOp::Sum | AggOp::Avg => Want::MaybeInt,
            AggOp::Min | AggOp::Max => Want::Sortable,
            AggOp::Count => Want::MaybeBool,
        };
        let values: Vec<_> = parts.aggs.iter().map(|(_, op, item)| check(item, &names, &mut facts.clone(), &want(op), report)).collect();
        if report.error_count() > errors {
            return None;
        }
        Some(Body {
            event: names.event_name.cloned(),
            condition: condition.flatten(),
            each: each.flatten(),
            columns: columns.into_iter().collect::<Option<_>>()?,
            values: values.into_iter().collect::<Option<_>>()?,
        })
    }

    /// A view of several events has one type a column.
    fn agree(&mut self, parts: &Parts<'t>, bodies: &[Body]) {
        let Some((first, others)) = bodies.split_first() else { return };
        let items = || parts.columns.iter().map(|(_, item)| item).chain(parts.aggs.iter().map(|(.., item)| item));
        for other in others {
            let pairs = first.columns.iter().chain(&first.values).zip(other.columns.iter().chain(&other.values));
            for (item, (one, two)) in items().zip(pairs) {
                if !same(&one.typ.ty, &two.typ.ty) {
                    let message = format!("`{}` is {} for one event and {} for another", item.key, one.typ, two.typ);
                    self.report.error("type-mismatch", item.span.clone(), message);
                }
            }
        }
    }

    fn indexes(&mut self, item: &Item<'t>, columns: &[Declared]) -> Vec<Vec<usize>> {
        let lists = item.array(&mut self.report).unwrap_or_default();
        lists
            .iter()
            .filter_map(|item| {
                if item.value.is_str() {
                    let hint = format!("write it as `[[{:?}]]`", item.value.as_str().unwrap_or_default());
                    self.report.error_with("wrong-kind", item.span.clone(), "an index is a list of columns", hint);
                    return None;
                }
                let names = item.strings(&mut self.report)?;
                if names.is_empty() {
                    self.report.error("wrong-kind", item.span.clone(), "an index needs a column");
                }
                Some(names.into_iter().filter_map(|(name, span)| self.column(name, span, columns)).collect())
            })
            .collect()
    }

    fn sort(&mut self, item: &Item<'t>, columns: &[Declared]) -> Vec<(usize, bool)> {
        let names = item.strings(&mut self.report).unwrap_or_default();
        let column = |(text, span): (&'t str, crate::reader::Span)| {
            let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
            Some((self.column(name, span, columns)?, descending))
        };
        names.into_iter().filter_map(column).collect()
    }

    /// A column with an order.
    fn column(&mut self, name: &str, span: crate::reader::Span, columns: &[Declared]) -> Option<usize> {
        let Some(at) = columns.iter().position(|(known, _)| known.as_ref() == name) else {
            let known: Vec<_> = columns.iter().map(|(known, _)| known.as_ref()).collect();
            let hint = did_you_mean(name, known.iter().copied()).unwrap_or_else(|| crate::reader::there(&known));
            self.report.error_with("unknown-column", span, format!("there is no column `{name}`"), hint);
            return None;
        };
        let value_type = columns[at].1.as_ref().map(|slot| &slot.value_type);
        if let Some(value_type) = value_type
            && !crate::expr::Ty::of(value_type).is_scalar()
        {
            let message = format!("`{name}` can't be sorted: a {} has no order", value_type.name());
            self.report.error("type-mismatch", span, message);
            return None;
        }
        Some(at)
    }
}

/// What a view's rows depend on besides its own text: the types of its columns, and how older events are read.
fn context(source: &Source, bodies: &[Body], aggregates: &[AggregateType]) -> String {
    let exprs = bodies.iter().flat_map(|body| body.columns.iter().chain(&body.values).chain(&body.condition).chain(&body.each));
    let mut text: String = exprs.map(|expr| format!("{expr:?};")).collect();
    if let Source::Events(events) = source {
        let commands = aggregates.iter().flat_map(|of| of.commands.iter().map(move |command| (of.stored(), command)));
        for (of, command) in commands.filter(|(of, command)| events.iter().any(|(name, event)| name == *of && event == command.stored())) {
            text += &format!("{of}.{}:{:?}{:?};", command.stored(), command.args, command.upcast);
        }
    }
    text
}
