//! The schema of `/v1/status`.

use serde_json::{Map, Value, json};

/// An object that has all of these.
fn all_of(members: &[(&str, Value)]) -> Value {
    let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    let properties: Map<String, Value> = members.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({ "type": "object", "required": names, "properties": properties })
}

fn list(of: Value) -> Value {
    json!({ "type": "array", "items": of })
}

pub(super) fn schema() -> Value {
    let (text, number, count, truth) =
        (json!({ "type": "string" }), json!({ "type": "number" }), json!({ "type": "integer" }), json!({ "type": "boolean" }));
    let (maybe_text, maybe_count) = (json!({ "type": ["string", "null"] }), json!({ "type": ["integer", "null"] }));
    let model = all_of(&[("version", count.clone()), ("hash", text.clone())]);
    let log = all_of(&[
        ("shard", count.clone()),
        ("copied", text.clone()),
        ("applied", text.clone()),
        ("projected", text.clone()),
        ("lag_seconds", number.clone()),
        ("followed", truth.clone()),
    ]);
    let origin = all_of(&[
        ("region", text.clone()),
        ("this", truth.clone()),
        ("connected", truth.clone()),
        ("behind", truth.clone()),
        ("lag_seconds", number.clone()),
        ("refused", maybe_text.clone()),
        ("last_error", maybe_text.clone()),
        ("clock_skew_ms", maybe_count.clone()),
        ("models", list(model.clone())),
        ("logs", list(log)),
    ]);
    let view = all_of(&[
        ("name", text.clone()),
        ("generation", maybe_count.clone()),
        ("building", json!({ "type": ["object", "null"] })),
        ("staleness_seconds", number),
        ("rows_failed", count.clone()),
        ("model_version", maybe_count),
    ]);
    let rights = all_of(&[
        ("type", text.clone()),
        ("field", text.clone()),
        ("bound", text.clone()),
        ("region", text.clone()),
        ("rights", count.clone()),
    ]);
    all_of(&[
        ("region", text.clone()),
        ("version", text.clone()),
        ("incarnation", text),
        ("epoch", count.clone()),
        ("model", model),
        ("membership", count.clone()),
        ("shards", count.clone()),
        ("closed", maybe_text),
        ("draining", truth),
        ("reactions_pending", count),
        ("rights", list(rights)),
        ("regions", list(origin)),
        ("views", list(view)),
    ])
}
