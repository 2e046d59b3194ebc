//! JSON Schemas of what a model declares.

use serde_json::{Map, Value, json};
use sterna_crdt::{FieldKind, Policy};
use sterna_model::json::write_value;
use sterna_model::{AggOp, AggregateType, Command, FieldDef, Slot, ValueType, View};

pub(super) fn args(command: &Command) -> Value {
    let members = command.args.iter().map(|arg| {
        let mut schema = of(&arg.slot);
        if arg.deprecated {
            schema["deprecated"] = true.into();
        }
        (arg.name.to_string(), schema)
    });
    let required = command.args.iter().filter(|arg| !arg.slot.optional && arg.slot.default.is_none()).map(|arg| arg.name.to_string());
    object(members.collect(), required.collect())
}

/// Every declared field is there.
pub(super) fn document(aggregate: &AggregateType) -> Value {
    let state = aggregate.fields().iter().map(|field| {
        let mut schema = of(&field.shown());
        if field.deprecated {
            schema["deprecated"] = true.into();
        }
        (field.name.to_string(), schema)
    });
    let state: Map<_, _> = state.collect();
    let required = state.keys().cloned().collect();
    let time = json!({ "type": ["string", "null"], "format": "date-time" });
    let members = [
        ("type".to_owned(), json!({ "const": &*aggregate.name })),
        ("id".to_owned(), json!({ "$ref": "#/components/schemas/id" })),
        ("state".to_owned(), object(state, required)),
        ("conflicts".to_owned(), object(aggregate.fields().iter().filter_map(undecided).collect(), Vec::new())),
        ("created_at".to_owned(), time.clone()),
        ("updated_at".to_owned(), time),
    ];
    let required = members.iter().map(|(name, _)| name.clone()).collect();
    object(members.into_iter().collect(), required)
}

/// The field's member of `conflicts`, if its policy is `keep`.
fn undecided(field: &FieldDef) -> Option<(String, Value)> {
    let values = json!({ "type": "array", "items": { "$ref": "#/components/schemas/candidate" } });
    let schema = match &field.kind {
        FieldKind::Register(Policy::Keep) => values,
        FieldKind::Map(inner) if **inner == FieldKind::Register(Policy::Keep) => {
            json!({ "type": "object", "additionalProperties": values })
        }
        _ => return None,
    };
    Some((field.name.to_string(), schema))
}

pub(super) fn row(view: &View) -> Value {
    let columns = view.columns().iter().map(|column| (column.name.to_string(), nullable(of(&column.slot))));
    let aggs = view.aggs().iter().map(|agg| {
        let schema = match agg.op {
            AggOp::Count | AggOp::Sum => json!({ "type": "integer" }),
            AggOp::Avg => json!({ "type": ["number", "null"] }),
            AggOp::Min | AggOp::Max => nullable(of(&agg.slot)),
        };
        (agg.name.to_string(), schema)
    });
    let members: Map<_, _> = columns.chain(aggs).collect();
    let required = members.keys().cloned().collect();
    object(members, required)
}

pub(super) fn of(slot: &Slot) -> Value {
    let mut schema = of_type(&slot.value_type);
    if slot.optional {
        schema = nullable(schema);
    }
    if let Some(default) = &slot.default {
        let mut text = String::new();
        write_value(default, &mut text);
        schema["default"] = serde_json::from_str(&text).unwrap_or_default();
    }
    schema
}

pub(super) fn of_type(value_type: &ValueType) -> Value {
    match value_type {
        ValueType::String { min, max, pattern } => {
            let mut schema = json!({ "type": "string", "maxLength": max });
            if *min > 0 {
                schema["minLength"] = (*min).into();
            }
            if let Some(pattern) = pattern {
                schema["pattern"] = format!("^(?:{})$", pattern.source()).into();
            }
            schema
        }
        ValueType::Int { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        ValueType::Bool => json!({ "type": "boolean" }),
        ValueType::Timestamp => json!({ "type": "string", "format": "date-time" }),
        ValueType::Date => json!({ "type": "string", "format": "date" }),
        ValueType::Enum(variants) => json!({ "type": "string", "enum": variants.iter().map(|v| Value::from(&**v)).collect::<Vec<_>>() }),
        ValueType::List { of: items, min, max } => {
            let mut schema = json!({ "type": "array", "items": of(items), "minItems": min });
            if *max < u32::MAX {
                schema["maxItems"] = (*max).into();
            }
            schema
        }
        ValueType::Object(members) => {
            let required = members.iter().filter(|(_, slot)| !slot.optional && slot.default.is_none()).map(|(name, _)| name.to_string());
            let required = required.collect();
            object(members.iter().map(|(name, slot)| (name.to_string(), of(slot))).collect(), required)
        }
        ValueType::Map(inner) => json!({ "type": "object", "additionalProperties": of(inner) }),
    }
}

fn object(members: Map<String, Value>, required: Vec<String>) -> Value {
    json!({ "type": "object", "properties": members, "required": required, "additionalProperties": false })
}

/// Also null.
pub(super) fn nullable(mut schema: Value) -> Value {
    if let Some(kind) = schema.get("type").and_then(Value::as_str).map(str::to_owned) {
        schema["type"] = json!([kind, "null"]);
    }
    if let Some(variants) = schema.get_mut("enum").and_then(Value::as_array_mut)
        && !variants.contains(&Value::Null)
    {
        variants.push(Value::Null);
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_become_schemas_with_their_rules() {
        let list = ValueType::List { of: Box::new(Slot::required(ValueType::Date)), min: 1, max: 3 };
        assert_eq!(
            of_type(&list),
            json!({ "type": "array", "items": { "type": "string", "format": "date" }, "minItems": 1, "maxItems": 3 })
        );
        let variants = ValueType::Enum(["a".into(), "b".into()].into());
        let slot = Slot { value_type: variants, optional: true, default: None };
        assert_eq!(of(&slot), json!({ "type": ["string", "null"], "enum": ["a", "b", null] }));
        let defaulted = Slot { value_type: ValueType::Int { min: 1, max: 9 }, optional: false, default: Some(sterna_crdt::Value::Int(3)) };
        assert_eq!(of(&defaulted), json!({ "type": "integer", "minimum": 1, "maximum": 9, "default": 3 }));
    }
}
