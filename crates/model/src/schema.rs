//! The JSON Schema of a model, for editors: what may stand where. What expressions mean, and what names refer to, is for
//! [`crate::parse`] to say: every model that it takes fits the schema, and every mistake of form does not.

use crate::limits::NAME_BYTES_MAX;
use crate::load::{RESERVED, RESERVED_COLUMNS, RESERVED_TYPES};
use serde_json::{Map, Value, json};

/// Draft 7, which every editor's TOML support reads.
pub fn json_schema() -> Value {
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Sterna model",
        "description": "Aggregates with fields and commands, views, and reactions.",
        "type": "object",
        "required": ["version", "aggregate"],
        "additionalProperties": false,
        "properties": {
            "version": {
                "description": "Counted up with every change of what the model says.",
                "type": "integer", "minimum": 1, "maximum": u32::MAX,
            },
            "idempotency_window": {
                "description": "How long an idempotency key is kept: \"24h\" unless this says otherwise.",
                "type": "string", "pattern": "^([0-9]+(ms|s|m|h|d))+$",
            },
            "aggregate": named("aggregate", RESERVED_TYPES, "The units of consistency."),
            "view": named("view", &[], "What is derived from aggregates or events, and read by query."),
            "reaction": named("reaction", &[], "Commands that an event sends to other aggregates."),
        },
        "definitions": definitions(),
    })
}

fn definitions() -> Value {
    json!({
        "expression": { "description": "CEL, with this language's types and functions.", "type": "string", "minLength": 1 },
        "was": { "description": "What the data calls it: the name that it had first.", "type": "string", "pattern": name_pattern() },
        "deprecated": { "description": "It works, and is shown as on its way out.", "type": "boolean" },
        "event": {
            "description": "A command's events, as `type.command`.",
            "type": "string", "pattern": format!("^{0}\\.{0}$", NAME),
        },
        "type": { "anyOf": [{ "$ref": "#/definitions/type_name" }, type_table(&["default"], true)] },
        "stored_type": { "anyOf": [{ "$ref": "#/definitions/type_name" }, type_table(&[], false)] },
        "type_name": { "enum": ["string", "string?", "int", "int?", "bool", "bool?", "timestamp", "timestamp?", "date", "date?"] },
        "argument": { "anyOf": [{ "$ref": "#/definitions/type_name" }, type_table(&["default", "was", "deprecated"], true)] },
        "string_options": options(&["min", "max", "pattern", "default"]),
        "int_options": options(&["min", "max", "default"]),
        "options": options(&["default"]),
        "string_rules": options(&["min", "max", "pattern"]),
        "int_rules": options(&["min", "max"]),
        "rules": options(&[]),
        "policy": policy(),
        "field": field(&["was", "deprecated"], true),
        "entry": field(&[], false),
        "aggregate": aggregate(),
        "command": command(),
        "guard": table(&["that", "code", "else"], json!({
            "that": expression(),
            "code": { "description": "What a client tells the refusal by.", "type": "string", "pattern": "^[a-z0-9-]{1,64}$" },
            "else": { "description": "What a person is told.", "type": "string" },
        })),
        "effect": effect(),
        "view": view(),
        "reaction": reaction(),
    })
}

const NAME: &str = "[A-Za-z_][A-Za-z0-9_]*";

fn name_pattern() -> String {
    format!("^[A-Za-z_][A-Za-z0-9_]{{0,{}}}$", NAME_BYTES_MAX - 1)
}

/// A table by names.
fn named(of: &str, reserved: &[&str], description: &str) -> Value {
    let reserved: Vec<&str> = reserved.iter().chain(RESERVED).copied().collect();
    json!({
        "description": description,
        "type": "object",
        "propertyNames": { "pattern": name_pattern(), "not": { "enum": reserved } },
        "additionalProperties": { "$ref": format!("#/definitions/{of}") },
    })
}

fn expression() -> Value {
    json!({ "$ref": "#/definitions/expression" })
}

fn table(required: &[&str], properties: Value) -> Value {
    json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": false })
}

/// Keys that may come with others.
fn extra(keys: &[&str]) -> Map<String, Value> {
    let schema = |key: &str| match key {
        "default" => json!({ "description": "Stands for what is missing or null." }),
        "min" | "max" => json!({ "type": "integer" }),
        "pattern" => json!({ "description": "What a whole string must match.", "type": "string", "format": "regex" }),
        key => json!({ "$ref": format!("#/definitions/{key}") }),
    };
    keys.iter().map(|key| ((*key).to_owned(), schema(key))).collect()
}

fn options(keys: &[&str]) -> Value {
    table(&[], extra(keys).into())
}

/// `{ int = { min = 1 } }`, `{ enum = […] }`, `{ list = T, max = 100 }`, `{ object = { k = T } }`: exactly one type,
/// `T?` being optional.
fn type_table(extras: &[&str], defaults: bool) -> Value {
    let options = if defaults { "options" } else { "rules" };
    let of = |plain: &str| match plain {
        "enum" => json!({ "type": "array", "items": { "type": "string" }, "minItems": 1, "uniqueItems": true }),
        "list" => json!({ "$ref": "#/definitions/type" }),
        "object" => named("type", &[], "Members."),
        "string" | "int" => json!({ "$ref": format!("#/definitions/{plain}_{options}") }),
        _ => json!({ "$ref": format!("#/definitions/{options}") }),
    };
    let forms = ["string", "int", "bool", "timestamp", "date", "enum", "list", "object"].into_iter().flat_map(|plain| {
        [plain.to_owned(), format!("{plain}?")].map(|key| {
            let mut properties = extra(extras);
            if plain == "list" {
                properties.extend(extra(&["min", "max"]));
            }
            properties.insert(key.clone(), of(plain));
            table(&[&key], properties.into())
        })
    });
    json!({ "oneOf": forms.collect::<Vec<_>>() })
}

fn policy() -> Value {
    let by = |key: &str| table(&[key], json!({ key: expression() }));
    json!({
        "description": "What becomes of values that were set at the same time.",
        "anyOf": [
            { "enum": ["latest", "keep", "max", "min"] },
            table(&["prefer"], json!({ "prefer": { "type": "array", "items": { "type": "string" } } })),
            by("max_by"),
            by("min_by"),
        ],
    })
}

/// A field, or what each entry of a map is.
fn field(extras: &[&str], outer: bool) -> Value {
    let form = |required: &str, properties: Value| {
        let Value::Object(mut properties) = properties else { unreachable!("a literal object") };
        properties.extend(extra(extras));
        table(&[required], properties.into())
    };
    let mut forms = vec![
        json!({ "enum": ["counter", "flag"] }),
        json!({ "$ref": "#/definitions/type_name" }),
        form("register", json!({ "register": { "$ref": "#/definitions/stored_type" }, "on_conflict": { "$ref": "#/definitions/policy" } })),
        form("set", json!({ "set": { "$ref": "#/definitions/stored_type" } })),
        type_table(extras, false),
    ];
    if outer {
        forms.push(form("counter", json!({ "counter": options(&["min", "max"]) })));
        forms.push(form("map", json!({ "map": { "$ref": "#/definitions/entry" } })));
    } else {
        forms.push(form("counter", json!({ "counter": options(&[]) })));
    }
    json!({ "anyOf": forms })
}

fn aggregate() -> Value {
    table(
        &[],
        json!({
            "fields": named("field", &[], "How each part of the state is merged."),
            "commands": named("command", &["events"], "What may be asked of an aggregate."),
            "home": { "description": "Where its commands are accepted: a region, or \"by-id\".", "type": "string" },
            "delete_wins": { "description": "A delete takes away what is concurrent with it, too.", "type": "boolean" },
            "was": { "$ref": "#/definitions/was" },
            "deprecated": { "$ref": "#/definitions/deprecated" },
        }),
    )
}

fn command() -> Value {
    table(
        &[],
        json!({
            "args": named("argument", &[], "What it takes."),
            "on": { "description": "Which aggregates it is for.", "enum": ["any", "absent", "present"] },
            "require": { "description": "The first that is false refuses.", "type": "array", "items": { "$ref": "#/definitions/guard" } },
            "effects": { "description": "All see the state before the command.", "type": "array", "items": { "$ref": "#/definitions/effect" } },
            "upcast": named("expression", &[], "How arguments of older events are read."),
            "was": { "$ref": "#/definitions/was" },
            "deprecated": { "$ref": "#/definitions/deprecated" },
        }),
    )
}

fn effect() -> Value {
    let field = json!({ "description": "A field.", "type": "string" });
    let form = |verb: &str, place: &str, keyed: bool| {
        let mut properties = Map::from_iter([(verb.to_owned(), expression()), (place.to_owned(), field.clone())]);
        properties.extend(["when", "each"].map(|key| (key.to_owned(), expression())));
        if keyed {
            properties.insert("key".to_owned(), expression());
        }
        table(&[verb, place], properties.into())
    };
    json!({ "oneOf": [
        form("set", "to", true),
        form("add", "to", true),
        form("insert", "to", true),
        form("remove", "from", true),
        form("remove_key", "from", false),
        table(&["delete"], json!({ "delete": { "const": true }, "when": expression(), "each": expression() })),
    ] })
}

fn view() -> Value {
    let aggregations = ["sum", "min", "max", "avg", "count"];
    let any = |keys: &[&str]| json!({ "anyOf": keys.iter().map(|key| json!({ "required": [key] })).collect::<Vec<_>>() });
    let columns = |description: &str| named("expression", RESERVED_COLUMNS, description);
    let mut properties = Map::from_iter(aggregations.map(|key| (key.to_owned(), columns("Of a rollup's group."))));
    let Value::Object(others) = json!({
        "of": { "description": "An aggregate's type.", "type": "string", "pattern": name_pattern() },
        "events": { "anyOf": [
            { "$ref": "#/definitions/event" },
            { "type": "array", "items": { "$ref": "#/definitions/event" }, "minItems": 1 },
        ] },
        "where": expression(),
        "each": expression(),
        "columns": columns("Of a table."),
        "index": { "type": "array", "items": { "type": "array", "items": { "type": "string" }, "minItems": 1 } },
        "sort": { "description": "Columns; `-` before a name puts the greatest first.", "type": "array", "items": { "type": "string" } },
        "group": columns("What a rollup is by."),
        "was": { "$ref": "#/definitions/was" },
        "deprecated": { "$ref": "#/definitions/deprecated" },
    }) else {
        unreachable!("a literal object")
    };
    properties.extend(others);
    let rollup = any(&["group", "sum", "min", "max", "avg", "count"]);
    let mut view = table(&[], properties.into());
    view["allOf"] = json!([
        { "oneOf": [{ "required": ["of"] }, { "required": ["events"] }] },
        { "oneOf": [{ "required": ["columns"] }, { "allOf": [rollup, { "not": any(&["index", "sort"]) }] }] },
    ]);
    view
}

fn reaction() -> Value {
    let Value::Object(send) = json!({
        "send": { "$ref": "#/definitions/event" },
        "to": expression(),
        "args": named("expression", &[], "What is sent."),
    }) else {
        unreachable!("a literal object")
    };
    let mut properties = send.clone();
    properties.insert("refused".to_owned(), table(&["send", "to"], send.into()));
    properties.insert("on".to_owned(), json!({ "$ref": "#/definitions/event" }));
    properties.extend(["when", "each"].map(|key| (key.to_owned(), expression())));
    properties.extend(extra(&["deprecated"]));
    table(&["on", "send", "to"], properties.into())
}
