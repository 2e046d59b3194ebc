//! A document as clients see it. Equal states give equal bytes in every region.

use crate::Aggregate;
use sterna_crdt::{Candidate, Clock, FieldKind, Policy};
use sterna_log::Membership;
use sterna_model::AggregateType;
use sterna_model::json::{write_state, write_string, write_value};

/// `{"type","id","state","conflicts","created_at","updated_at"}`; `conflicts` lists the values of `keep` registers that have several.
pub fn document_json(of: &AggregateType, id: &str, aggregate: &Aggregate, membership: &Membership) -> String {
    let mut out = String::with_capacity(256);
    out.push_str("{\"type\":");
    write_string(&of.name, &mut out);
    out.push_str(",\"id\":");
    write_string(id, &mut out);
    out.push_str(",\"state\":");
    write_state(of, &sterna_model::document(of, &aggregate.fields), &mut out);
    out.push_str(",\"conflicts\":{");
    write_conflicts(of, aggregate, membership, &mut out);
    out.push_str("},\"created_at\":");
    write_time(aggregate.fields.created(), &mut out);
    out.push_str(",\"updated_at\":");
    write_time(aggregate.fields.updated(), &mut out);
    out.push('}');
    out
}

fn write_conflicts(of: &AggregateType, aggregate: &Aggregate, membership: &Membership, out: &mut String) {
    let mut first = true;
    for def in of.fields().iter().filter(|def| def.kind == FieldKind::Register(Policy::Keep)) {
        let Some(field) = aggregate.fields.field(def.stored()).filter(|field| field.candidates().len() > 1) else { continue };
        if !std::mem::take(&mut first) {
            out.push(',');
        }
        write_string(&def.name, out);
        out.push_str(":[");
        for (at, candidate) in field.candidates().enumerate() {
            if at > 0 {
                out.push(',');
            }
            write_candidate(&candidate, membership, out);
        }
        out.push(']');
    }
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
