//! A document as clients see it. Equal states give equal bytes in every region.

use crate::Aggregate;
use sterna_crdt::{Candidate, Clock, Field, FieldKind, key_text};
use sterna_log::Membership;
use sterna_model::json::{write_state, write_string, write_value};
use sterna_model::{AggregateType, FieldDef};

/// `{"type","id","state","conflicts","created_at","updated_at"}`; `conflicts` is what [`undecided`] finds.
pub fn document_json(of: &AggregateType, id: &str, aggregate: &Aggregate, membership: &Membership) -> String {
    let mut out = String::with_capacity(256);
    out.push_str("{\"type\":");
    write_string(&of.name, &mut out);
    out.push_str(",\"id\":");
    write_string(id, &mut out);
    out.push_str(",\"state\":");
    write_state(of, &sterna_model::document(of, &aggregate.fields), &mut out);
    out.push_str(",\"conflicts\":{");
    for (at, (def, values)) in undecided(of, aggregate, membership).into_iter().enumerate() {
        out.push_str(if at == 0 { "" } else { "," });
        write_string(&def.name, &mut out);
        out.push(':');
        out.push_str(&values);
    }
    out.push_str("},\"created_at\":");
    write_time(aggregate.fields.created(), &mut out);
    out.push_str(",\"updated_at\":");
    write_time(aggregate.fields.updated(), &mut out);
    out.push('}');
    out
}

/// The fields with values to decide between, each with its member of `conflicts` as JSON: the values of a register that keeps several;
/// of a map of such registers, these by key.
pub fn undecided<'m>(of: &'m AggregateType, aggregate: &Aggregate, membership: &Membership) -> Vec<(&'m FieldDef, String)> {
    let found = |def: &'m FieldDef| {
        let field = aggregate.fields.field(def.stored())?;
        let mut out = String::new();
        match &def.kind {
            FieldKind::Map(inner) => {
                for (key, entry) in field.entries().filter(|(_, entry)| has_several(entry, inner)) {
                    out.push(if out.is_empty() { '{' } else { ',' });
                    write_string(&key_text(key), &mut out);
                    out.push(':');
                    write_candidates(entry.undecided(inner), membership, &mut out);
                }
                out.push_str(if out.is_empty() { "" } else { "}" });
            }
            kind if has_several(field, kind) => write_candidates(field.undecided(kind), membership, &mut out),
            _ => {}
        }
        (!out.is_empty()).then_some((def, out))
    };
    of.fields().iter().filter_map(found).collect()
}

/// Somebody has to decide.
pub(crate) fn has_several(register: &Field, kind: &FieldKind) -> bool {
    register.undecided(kind).len() > 1
}

fn write_candidates<'a>(values: impl Iterator<Item = Candidate<'a>>, membership: &Membership, out: &mut String) {
    for (at, candidate) in values.enumerate() {
        out.push(if at == 0 { '[' } else { ',' });
        write_candidate(&candidate, membership, out);
    }
    out.push(']');
}

fn write_candidate(candidate: &Candidate<'_>, membership: &Membership, out: &mut String) {
    out.push_str("{\"value\":");
    write_value(candidate.value, out);
    out.push_str(",\"region\":");
    write_string(&membership.name(candidate.dot.incarnation.region()), out);
    out.push_str(",\"at\":");
    write_time(Some(candidate.order.clock), out);
    out.push_str(",\"event\":");
    write_string(&candidate.dot.to_string(), out);
    out.push('}');
}

fn write_time(clock: Option<Clock>, out: &mut String) {
    let value = clock.map_or(sterna_crdt::Value::Null, |clock| sterna_crdt::Value::Timestamp(clock.ms() as i64 * 1000));
    write_value(&value, out);
}
