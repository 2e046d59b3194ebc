//! Values in a query string.

use crate::args::text_value;
use crate::limits::INT_MAX;
use crate::value_type::ValueType;
use sterna_crdt::Value;

/// Reads `?airport=JFK&day[gte]=2013-01-01`: text as it is, without quotes. The empty text is null, but for strings. An error says
/// what was expected. A type's rules don't apply: a filter may ask for what can't be.
pub fn parse_query_value(value_type: &ValueType, text: &str) -> Result<Value, String> {
    match value_type {
        ValueType::String { .. } => Ok(Value::str(text)),
        _ if text.is_empty() => Ok(Value::Null),
        ValueType::Int { .. } => {
            let int = text.parse().ok().filter(|int| (-INT_MAX..=INT_MAX).contains(int));
            int.map(Value::Int).ok_or_else(|| "must be an integer".to_owned())
        }
        ValueType::Bool => text.parse().map(Value::Bool).map_err(|_| "must be true or false".to_owned()),
        ValueType::List { .. } | ValueType::Object(_) | ValueType::Map(_) => Err("can't be compared".to_owned()),
        value_type => text_value(value_type, text),
    }
}
