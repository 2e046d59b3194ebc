//! Values as JSON, byte for byte the same everywhere: timestamps in RFC 3339 and UTC, dates in ISO 8601, enums by name, sets as
//! sorted lists, maps as objects with text keys, no spaces.

use crate::{AggregateType, time};
use std::fmt::Write as _;
use sterna_crdt::{Name, Value};

/// Appends one value.
pub fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Int(int) => {
            let _ = write!(out, "{int}");
        }
        Value::Timestamp(at) => {
            out.push('"');
            time::write_timestamp(*at, out);
            out.push('"');
        }
        Value::Date(day) => {
            out.push('"');
            time::write_date(*day, out);
            out.push('"');
        }
        Value::Enum { name: text, .. } | Value::Str(text) => write_string(text, out),
        Value::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_value(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => write_object(members.iter().map(|(name, value)| (name.as_ref(), value)), out),
    }
}

/// A JSON object of these members, in this order.
pub fn write_object<'v>(members: impl IntoIterator<Item = (&'v str, &'v Value)>, out: &mut String) {
    out.push('{');
    for (at, (name, value)) in members.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_string(name, out);
        out.push(':');
        write_value(value, out);
    }
    out.push('}');
}

/// A document's `state`: every declared field, in order of declaration.
pub fn write_state(aggregate: &AggregateType, document: &[Value], out: &mut String) {
    let fields = aggregate.fields().iter().map(|def| def.name.as_ref());
    write_object(fields.zip(document), out);
}

/// A JSON string with its quotes.
pub fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[from..at]);
        from = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            _ => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
    }
    out.push_str(&text[from..]);
    out.push('"');
}

/// A JSON value as its nearest [`Value`]; for arguments of an older model, whose types are not known any more.
pub(crate) fn untyped(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(bool) => Value::Bool(*bool),
        serde_json::Value::Number(number) => number.as_i64().map_or(Value::Null, Value::Int),
        serde_json::Value::String(text) => Value::str(text),
        serde_json::Value::Array(items) => Value::List(items.iter().map(untyped).collect()),
        serde_json::Value::Object(members) => {
            let mut members: Vec<_> = members.iter().map(|(name, value)| (Name::from(name.as_str()), untyped(value))).collect();
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(members)
        }
    }
}
