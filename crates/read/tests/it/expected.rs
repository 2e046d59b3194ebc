//! What views should say, by a plain evaluation of every aggregate and every event: no keys, no differences, no batches.

use crate::world::{Node, aggregate};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use sterna_crdt::Value;
use sterna_log::{AggregateId, LogId, Position};
use sterna_model::{Agg, AggOp, Contribution, DocView, EventView, FieldsView, Rows, Source, View, ViewKind, json};

/// The rows of a view, each with its source, in no order.
#[derive(Default)]
pub struct Evaluated {
    pub tables: Vec<Vec<Value>>,
    pub contributions: Vec<Contribution>,
    pub failed: u64,
}

/// All events of all logs here, in no order.
pub async fn events(node: &Node) -> Vec<sterna_log::Event> {
    let region = node.writer.region();
    let mut events = Vec::new();
    for shard in region.board.shards() {
        for (origin, until) in region.board.applied(shard).0 {
            let mut after = Position::ZERO;
            while after < until {
                for entry in node.writer.logs().read(LogId { origin, shard }, after, until, 1 << 20).await.expect("the store can be read") {
                    after = entry.position;
                    events.extend(entry.entry().expect("it decodes").events.iter().cloned());
                }
            }
        }
    }
    events
}

pub async fn evaluate(node: &Node, view: &str) -> Evaluated {
    let model = node.writer.region().model();
    let view = model.view(view).expect("it is declared");
    let mut all = Evaluated::default();
    let events = events(node).await;
    let mut add = |evaluated: sterna_model::Evaluated| {
        all.failed += evaluated.failed.len() as u64;
        match evaluated.rows {
            Rows::Table(rows) => all.tables.extend(rows),
            Rows::Rollup(rows) => all.contributions.extend(rows),
        }
    };
    match &view.source {
        Source::Of(kind) => {
            let mut ids: Vec<AggregateId> =
                events.iter().filter(|event| event.kind == *kind).map(|event| aggregate(kind, &event.id)).collect();
            ids.sort();
            ids.dedup();
            let of = model.aggregate(kind).expect("it is declared");
            for (id, state) in ids.iter().zip(node.writer.states().get_many(&ids).await.expect("the store can be read")) {
                let state = state.expect("it has events");
                if state.fields.present() {
                    let fields = FieldsView::new(of, &state.fields);
                    let (created, updated) = (state.fields.created().unwrap_or_default(), state.fields.updated().unwrap_or_default());
                    add(view.rows(&DocView { id: &id.id, state: &fields, created, updated }));
                }
            }
        }
        Source::Events(_) => {
            for event in &events {
                let args = model
                    .aggregate(&event.kind)
                    .and_then(|of| of.command(&event.command))
                    .expect("it is declared")
                    .stored_args(event.args.as_bytes());
                let order = event.update.order;
                add(view.event_rows(&EventView {
                    id: &event.dot().to_string(),
                    aggregate: &event.kind,
                    command: &event.command,
                    aggregate_id: &event.id,
                    args: &args,
                    at: order.clock,
                    region: &node.writer.region().membership.name(order.incarnation.region()),
                    actor: &event.actor,
                }));
            }
        }
    }
    all
}

/// The rows as JSON: those of a rollup in order of their groups, those of a table sorted by their text.
pub async fn rows(node: &Node, name: &str) -> Vec<Json> {
    let model = node.writer.region().model();
    let view = model.view(name).expect("it is declared");
    let all = evaluate(node, name).await;
    match &view.kind {
        ViewKind::Table { .. } => sorted(all.tables.iter().map(|row| object(view, row, "")).collect()),
        ViewKind::Rollup { aggs, .. } => {
            let mut groups: BTreeMap<Vec<Value>, Vec<Vec<Value>>> = BTreeMap::new();
            for Contribution { group, values } in all.contributions {
                groups.entry(group).or_default().push(values);
            }
            groups.iter().map(|(group, rows)| object(view, group, &aggregate_all(aggs, rows))).collect()
        }
    }
}

pub fn sorted(mut rows: Vec<Json>) -> Vec<Json> {
    rows.sort_by_key(Json::to_string);
    rows
}

fn object(view: &View, row: &[Value], more: &str) -> Json {
    let mut out = String::new();
    json::write_object(view.columns().iter().map(|column| &*column.name).zip(row), &mut out);
    out.pop();
    if !more.is_empty() && !out.ends_with('{') {
        out.push(',');
    }
    serde_json::from_str(&format!("{out}{more}}}")).expect("it is JSON")
}

fn aggregate_all(aggs: &[Agg], rows: &[Vec<Value>]) -> String {
    let one = |at: usize, agg: &Agg| {
        let values: Vec<&Value> = rows.iter().map(|row| &row[at]).filter(|value| !value.is_null()).collect();
        let sum: i128 = values.iter().map(|value| if let Value::Int(int) = value { i128::from(*int) } else { 0 }).sum();
        let mut out = String::new();
        match agg.op {
            AggOp::Sum => out = sum.to_string(),
            AggOp::Count => out = values.len().to_string(),
            AggOp::Avg if values.is_empty() => out.push_str("null"),
            // There is no negative zero among what JSON says of a view.
            AggOp::Avg => out = ((sum as f64 / values.len() as f64).round() + 0.0).to_string(),
            AggOp::Min => json::write_value(values.iter().min().copied().unwrap_or(&Value::Null), &mut out),
            AggOp::Max => json::write_value(values.iter().max().copied().unwrap_or(&Value::Null), &mut out),
        }
        format!("\"{}\":{out}", agg.name)
    };
    aggs.iter().enumerate().map(|(at, agg)| one(at, agg)).collect::<Vec<_>>().join(",")
}

/// Every view of the model, and every document, says what it should.
pub async fn check(node: &Node) {
    let model = node.writer.region().model();
    node.projected().await;
    let status = node.reads.status();
    for view in model.views() {
        let (expected, mut found) = (rows(node, &view.name).await, node.rows(&view.name, &[]).await);
        if !view.is_rollup() {
            found = sorted(found);
        }
        assert_eq!(found, expected, "view {}", view.name);
        let failed = status.views.iter().find(|status| status.name == view.name).expect("it has a status").rows_failed;
        assert_eq!(failed, evaluate(node, &view.name).await.failed, "failed rows of {}", view.name);
    }
    let mut ids: Vec<AggregateId> = events(node).await.iter().map(|event| aggregate(&event.kind, &event.id)).collect();
    ids.sort();
    ids.dedup();
    for (id, state) in ids.iter().zip(node.writer.states().get_many(&ids).await.expect("the store can be read")) {
        let (of, state) = (model.aggregate(&id.kind).expect("it is declared"), state.expect("it has events"));
        let expected = sterna_write::document_json(of, &id.id, &state, &node.writer.region().membership);
        match node.document(&id.kind, &id.id).await {
            Ok(found) => assert_eq!(found, expected),
            Err(refused) => assert!(refused == sterna_read::ReadRefused::Deleted && !state.fields.present(), "{id}: {refused}"),
        }
    }
}
