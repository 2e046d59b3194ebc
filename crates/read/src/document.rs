//! A document: what an aggregate's state becomes in the read store, and its JSON.

use crate::keys::Unreadable;
use crate::keys::document::{Record, piece};
use crate::layouts::Layouts;
use bytes::Bytes;
use sterna_crdt::{Clock, Value};
use sterna_log::Membership;
use sterna_model::{AggregateType, json};
use sterna_store::{ReadError, Snapshot};
use sterna_write::Aggregate;

/// A document as it is kept.
#[derive(Debug)]
pub(crate) struct Held {
    pub record: Record,
    pub pieces: usize,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum DocumentError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

impl Held {
    /// With the rest of its pieces, in the model's layout. `key` and `first` are the first piece's.
    pub async fn load(
        of: &AggregateType,
        layouts: &Layouts,
        key: &Bytes,
        first: Bytes,
        snapshot: &dyn Snapshot,
    ) -> Result<Self, DocumentError> {
        let rest: Vec<Bytes> = (1..Record::count(&first)).map(|chunk| piece(key, chunk)).collect();
        let mut pieces = vec![first];
        if !rest.is_empty() {
            pieces.extend(snapshot.get_many(&rest).await?.into_iter().flatten());
        }
        Ok(Self { record: layouts.place(of, Record::decode(&pieces)?)?, pieces: pieces.len() })
    }
}

/// The document of a state.
pub(crate) fn record(of: &AggregateType, layouts: &Layouts, aggregate: &Aggregate, membership: &Membership) -> Record {
    let fields = &aggregate.fields;
    Record {
        layout: layouts.current(of.stored()),
        present: fields.present(),
        created: fields.created().unwrap_or_default(),
        updated: fields.updated().unwrap_or_default(),
        seen: aggregate.seen.clone(),
        voided: aggregate.voided,
        values: sterna_model::document(of, fields),
        conflicts: conflicts(of, aggregate, membership).into(),
    }
}

/// `{"type","id","state","conflicts","created_at","updated_at"}`: the same bytes as [`sterna_write::document_json`].
pub(crate) fn render(of: &AggregateType, id: &str, record: &Record) -> String {
    let mut out = String::with_capacity(512);
    out.push_str("{\"type\":");
    json::write_string(&of.name, &mut out);
    out.push_str(",\"id\":");
    json::write_string(id, &mut out);
    out.push_str(",\"state\":");
    json::write_state(of, &record.values, &mut out);
    out.push_str(",\"conflicts\":{");
    out.push_str(&shown(of, &record.conflicts));
    out.push_str("},\"created_at\":");
    write_time(record.created, &mut out);
    out.push_str(",\"updated_at\":");
    write_time(record.updated, &mut out);
    out.push('}');
    out
}

pub(crate) fn write_time(clock: Clock, out: &mut String) {
    json::write_value(&Value::Timestamp(clock.ms() as i64 * 1000), out);
}

/// By the present names, and as members of one object.
fn shown(of: &AggregateType, conflicts: &str) -> String {
    let mut out = String::with_capacity(conflicts.len());
    for (name, values) in conflicts.split(BETWEEN).filter_map(|member| member.strip_prefix('"')?.split_once('"')) {
        out.push_str(if out.is_empty() { "" } else { "," });
        json::write_string(of.field_index(name).map_or(name, |at| &of.fields()[at].name), &mut out);
        out.push_str(values);
    }
    out
}

/// JSON escapes it.
const BETWEEN: char = '\n';

/// What somebody has to decide, as members of a JSON object, by stored names.
fn conflicts(of: &AggregateType, aggregate: &Aggregate, membership: &Membership) -> String {
    let mut out = String::new();
    for (def, values) in sterna_write::undecided(of, aggregate, membership) {
        if !out.is_empty() {
            out.push(BETWEEN);
        }
        json::write_string(def.stored(), &mut out);
        out.push(':');
        out.push_str(&values);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conflicts_are_shown_by_the_present_names() {
        let text = "version = 1\n[aggregate.cart.fields]\nnote = { register = \"string\", on_conflict = \"keep\" }\n\
                    place = { register = \"string\", on_conflict = \"keep\", was = \"address\" }\n";
        let (model, diagnostics) = sterna_model::parse(text);
        let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
        let cart = model.aggregate("cart").expect("it is declared");
        assert_eq!(shown(cart, "\"note\":[{\"value\":\"a\\nb\"}]\n\"address\":[1,2]"), "\"note\":[{\"value\":\"a\\nb\"}],\"place\":[1,2]");
        assert_eq!(shown(cart, ""), "");
    }
}
