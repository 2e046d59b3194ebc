//! One building of a view: what it is defined by, and where it is kept.

use super::Path;
use crate::keys::document::Record;
use crate::limits::{EXTREME_BYTES_MAX, ROW_BYTES_MAX, ROWS_BYTES_MAX};
use std::sync::Arc;
use sterna_crdt::Value;
use sterna_model::{AggOp, DocView, Document, EventView, Model, Rows, StateView, View};

/// The rows of one aggregate or event, and how many it lacks.
#[derive(Debug)]
pub(crate) struct Derived {
    pub rows: Rows,
    pub failed: usize,
}

/// A view under one definition. Several generations of a view may be kept up to date at once; one answers.
pub(crate) struct Generation {
    pub number: u32,
    pub model_version: u32,
    pub paths: Vec<Path>,
    model: Arc<Model>,
    at: usize,
    /// For each field of the model that defines it, its place in documents, where these differ.
    places: Option<Vec<Option<usize>>>,
}

impl Generation {
    /// `None` if `model` has no such view. `current` is the model that documents are written under.
    pub fn new(number: u32, model: &Arc<Model>, view: &str, current: &Model) -> Option<Self> {
        let at = model.views().iter().position(|held| *held.name == *view)?;
        let view = &model.views()[at];
        let places = match &view.source {
            sterna_model::Source::Of(kind) => places(model, current, kind),
            sterna_model::Source::Events(_) => None,
        };
        Some(Self { number, model_version: model.version, paths: Path::of(view), model: model.clone(), at, places })
    }

    pub fn view(&self) -> &View {
        &self.model.views()[self.at]
    }

    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// A deleted aggregate has no rows.
    pub fn rows(&self, id: &str, record: &Record) -> Derived {
        if !record.present {
            return Derived { rows: Rows::Table(Vec::new()), failed: 0 };
        }
        let document = Document(&record.values);
        let placed = self.places.as_ref().map(|places| Placed { places, values: &record.values });
        let state: &dyn StateView = placed.as_ref().map_or(&document, |placed| placed);
        self.bounded(self.view().rows(&DocView { id, state, created: record.created, updated: record.updated }))
    }

    /// Of an event as JSON; nothing if the view doesn't follow it.
    pub fn event_rows(&self, event: &EventView<'_>) -> Derived {
        self.bounded(self.view().event_rows(event))
    }

    fn bounded(&self, evaluated: sterna_model::Evaluated) -> Derived {
        let (mut rows, mut failed) = (evaluated.rows, evaluated.failed.len());
        let mut total = 0;
        let mut fits = |bytes: usize, ok: bool| {
            total += bytes;
            failed += usize::from(!ok);
            ok
        };
        match &mut rows {
            Rows::Table(rows) => rows.retain(|row| {
                let bytes = raw_bytes(row);
                fits(bytes, bytes <= ROW_BYTES_MAX)
            }),
            Rows::Rollup(rows) => rows.retain(|row| {
                let bytes = raw_bytes(&row.group);
                let extreme = |(agg, value): (&sterna_model::Agg, &Value)| {
                    matches!(agg.op, AggOp::Min | AggOp::Max) && raw_bytes(std::slice::from_ref(value)) > EXTREME_BYTES_MAX
                };
                fits(bytes, bytes <= ROW_BYTES_MAX && !self.view().aggs().iter().zip(&row.values).any(extreme))
            }),
        }
        if total > ROWS_BYTES_MAX {
            failed += count(&rows);
            rows = Rows::Table(Vec::new());
        }
        Derived { rows, failed }
    }
}

fn count(rows: &Rows) -> usize {
    match rows {
        Rows::Table(rows) => rows.len(),
        Rows::Rollup(rows) => rows.len(),
    }
}

/// About what the values take, before they are escaped.
fn raw_bytes(values: &[Value]) -> usize {
    values
        .iter()
        .map(|value| match value {
            Value::Str(text) => text.len(),
            Value::List(items) => 2 + raw_bytes(items),
            Value::Object(members) => members.iter().map(|(name, value)| name.len() + raw_bytes(std::slice::from_ref(value))).sum(),
            _ => 8,
        })
        .sum()
}

/// Where the fields of `kind` as `model` declares it are in documents of `current`; `None` where they are in the same places.
fn places(model: &Model, current: &Model, kind: &str) -> Option<Vec<Option<usize>>> {
    let of = model.aggregate(kind)?;
    let current = current.aggregate(kind)?;
    let places: Vec<_> = of.fields().iter().map(|def| current.field_index(def.stored())).collect();
    let same = places.len() == current.fields().len() && places.iter().enumerate().all(|(at, place)| *place == Some(at));
    (!same).then_some(places)
}

/// A document whose fields are in other places.
struct Placed<'d> {
    places: &'d [Option<usize>],
    values: &'d [Value],
}

impl StateView for Placed<'_> {
    fn field(&self, index: usize) -> sterna_model::FieldRef<'_> {
        let value = self.places.get(index).copied().flatten().and_then(|place| self.values.get(place));
        value.map_or(sterna_model::FieldRef::Unset, sterna_model::FieldRef::Value)
    }
}
