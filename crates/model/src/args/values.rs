//! Single values from JSON and from text.

use crate::diagnostic::nearest;
use crate::time;
use crate::value_type::{Slot, ValueType, check_string};
use sterna_crdt::{Name, Value};

/// A stored value under today's type, rules aside; `None` if it is of another type.
pub(crate) fn stored(slot: &Slot, json: &serde_json::Value) -> Option<Value> {
    if json.is_null() {
        return slot.nullable().then_some(Value::Null);
    }
    Some(match (&slot.value_type, json) {
        (ValueType::Int { .. }, json) => Value::Int(json.as_i64()?),
        (ValueType::Bool, json) => Value::Bool(json.as_bool()?),
        (ValueType::String { .. }, json) => Value::str(json.as_str()?),
        (ValueType::List { of, .. }, json) => Value::List(json.as_array()?.iter().map(|item| stored(of, item)).collect::<Option<_>>()?),
        (ValueType::Object(members), json) => {
            let json = json.as_object()?;
            let member = |(name, slot): &(Name, Slot)| {
                let value = json.get(name.as_ref()).and_then(|json| stored(slot, json));
                let value = value.or_else(|| slot.default.clone()).or_else(|| slot.optional.then_some(Value::Null));
                Some((name.clone(), value?))
            };
            Value::Object(members.iter().map(member).collect::<Option<_>>()?)
        }
        (ValueType::Map(_), _) => return None,
        (value_type, json) => text_value(value_type, json.as_str()?).ok()?,
    })
}

/// Whether the value is of the type, rules aside.
fn fits(value_type: &ValueType, value: &Value) -> bool {
    match (value_type, value) {
        (ValueType::String { .. }, Value::Str(_))
        | (ValueType::Int { .. }, Value::Int(_))
        | (ValueType::Bool, Value::Bool(_))
        | (ValueType::Timestamp, Value::Timestamp(_))
        | (ValueType::Date, Value::Date(_)) => true,
        (ValueType::Enum(variants), Value::Enum { rank, name }) => variants.get(usize::from(*rank)) == Some(name),
        (ValueType::List { of, .. }, Value::List(items)) => items.iter().all(|item| fits_slot(of, item)),
        (ValueType::Object(members), Value::Object(values)) => {
            members.len() == values.len()
                && members.iter().zip(values).all(|((name, slot), (found, value))| name == found && fits_slot(slot, value))
        }
        _ => false,
    }
}

/// A value that JSON writes as a string; an error says what was expected.
pub(crate) fn text_value(value_type: &ValueType, text: &str) -> Result<Value, String> {
    match value_type {
        ValueType::String { min, max, pattern } => {
            check_string(text, *min, *max, pattern.as_ref())?;
            Ok(Value::str(text))
        }
        ValueType::Timestamp => {
            time::parse_timestamp(text).map(Value::Timestamp).ok_or_else(|| "must be a timestamp such as 2013-01-31T05:17:00Z".to_owned())
        }
        ValueType::Date => time::parse_date(text).map(Value::Date).ok_or_else(|| "must be a date such as 2013-01-31".to_owned()),
        ValueType::Enum(variants) => variant(variants, text),
        other => Err(format!("must be {}", kind_of(other))),
    }
}

fn variant(variants: &[Name], text: &str) -> Result<Value, String> {
    if let Some(rank) = variants.iter().position(|variant| variant.as_ref() == text) {
        return Ok(Value::Enum { rank: rank as u16, name: variants[rank].clone() });
    }
    let names: Vec<_> = variants.iter().map(AsRef::as_ref).collect();
    let near = nearest(text, names.iter().copied()).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    Err(format!("must be one of {}{near}", names.join(", ")))
}

pub(super) fn kind_of(value_type: &ValueType) -> &'static str {
    match value_type {
        ValueType::String { .. } => "a string",
        ValueType::Int { .. } => "an integer",
        ValueType::Bool => "true or false",
        ValueType::Timestamp => "a timestamp such as \"2013-01-31T05:17:00Z\"",
        ValueType::Date => "a date such as \"2013-01-31\"",
        ValueType::Enum(_) => "a string",
        ValueType::List { .. } => "a list",
        ValueType::Object(_) | ValueType::Map(_) => "an object",
    }
}

/// Whether the value may be in the slot, rules aside.
pub(super) fn fits_slot(slot: &Slot, value: &Value) -> bool {
    fits(&slot.value_type, value) || value.is_null() && slot.nullable()
}
