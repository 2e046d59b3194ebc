//! Components that every model has.

use crate::Code;
use serde_json::{Map, Value, json};

pub(super) fn schemas() -> Map<String, Value> {
    let codes: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let text = json!({ "type": "string" });
    let all = [
        ("id", json!({ "type": "string", "pattern": "^[A-Za-z0-9._~@:+-]{1,128}$", "not": { "enum": [".", ".."] } })),
        (
            "problem",
            json!({
                "type": "object",
                "required": ["type", "title", "status", "detail", "code", "request_id", "retry"],
                "properties": {
                    "type": { "type": "string", "format": "uri-reference" },
                    "title": text,
                    "status": { "type": "integer" },
                    "detail": text,
                    "code": { "type": "string", "enum": codes },
                    "request_id": text,
                    "retry": { "type": "string", "enum": ["never", "same-key"] },
                    "errors": { "type": "array", "items": { "type": "object", "properties": { "pointer": text, "detail": text } } },
                    "guard": text,
                    "missing": { "type": "array", "items": text },
                    "available": { "type": "object", "additionalProperties": { "type": "integer" } },
                    "field": text,
                    "indexes": { "type": "array", "items": { "type": "array", "items": text } },
                    "wanted": { "type": "array", "items": text },
                    "reasons": { "type": "array", "items": text },
                    "bytes": { "type": "integer" },
                    "bytes_max": { "type": "integer" },
                },
            }),
        ),
        (
            "candidate",
            json!({ "type": "object", "required": ["value", "region", "at", "event"], "properties": { "value": true, "region": text, "at": { "type": "string", "format": "date-time" }, "event": text } }),
        ),
        (
            "event",
            json!({
                "type": "object",
                "required": ["event", "command", "args", "at", "region", "actor", "void", "settled"],
                "properties": {
                    "event": text, "command": text, "args": { "type": "object" }, "at": { "type": "string", "format": "date-time" },
                    "region": text, "actor": text, "void": { "type": "boolean" }, "settled": { "type": "boolean" },
                },
            }),
        ),
        (
            "conflict",
            json!({
                "type": "object",
                "required": ["type", "id", "field", "element", "rule", "version", "loser", "winner", "values", "final"],
                "properties": {
                    "type": text, "id": text, "field": { "type": ["string", "null"] }, "element": true, "rule": text, "version": { "type": "integer", "minimum": 0 },
                    "loser": { "$ref": "#/components/schemas/event.ref" },
                    "winner": { "oneOf": [{ "type": "null" }, { "$ref": "#/components/schemas/event.ref" }] },
                    "values": { "type": "object", "required": ["lost", "won"] },
                    "final": { "type": "boolean" },
                },
            }),
        ),
        ("event.ref", json!({ "type": "object", "required": ["event", "region"], "properties": { "event": text, "region": text } })),
        (
            "line",
            json!({
                "type": "object",
                "required": ["type", "id", "command", "key"],
                "additionalProperties": false,
                "properties": { "type": text, "id": { "$ref": "#/components/schemas/id" }, "command": text, "args": { "type": "object" }, "key": text, "if_match": text },
            }),
        ),
        (
            "line.answer",
            json!({
                "oneOf": [
                    { "type": "object", "required": ["line", "status", "body"], "properties": { "line": { "type": "integer" }, "status": { "type": "integer" }, "replayed": { "type": "boolean" }, "body": { "type": "object" } } },
                    { "type": "object", "required": ["done", "accepted", "refused", "token"], "properties": { "done": { "const": true }, "accepted": { "type": "integer" }, "refused": { "type": "integer" }, "token": text } },
                ],
            }),
        ),
        ("status", super::status::schema()),
    ];
    all.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

pub(super) fn parameters() -> Value {
    let header = |name: &str, about: &str| json!({ "name": name, "in": "header", "description": about, "schema": { "type": "string" } });
    json!({
        "id": { "name": "id", "in": "path", "required": true, "schema": { "$ref": "#/components/schemas/id" } },
        "limit": { "name": "limit", "in": "query", "schema": { "type": "integer", "minimum": 1, "maximum": 1000 } },
        "after": { "name": "after", "in": "query", "description": "`next` of the page before", "schema": { "type": "string" } },
        "token": header("Sterna-Token", "What the client has seen; the answer waits for it"),
        "key": header("Idempotency-Key", "One effect for one key; made and echoed if absent"),
        "if-match": header("If-Match", "Refuse if the aggregate has changed since"),
        "if-none-match": header("If-None-Match", "304 if this is what there is"),
        "prefer": header("Prefer", "`return=representation`, `wait=SECONDS`"),
        "actor": header("Sterna-Actor", "Who acts, as a gateway says"),
    })
}

pub(super) fn headers() -> Value {
    let header = |about: &str| json!({ "description": about, "schema": { "type": "string" } });
    json!({
        "token": header("What the answer was made from"),
        "etag": header("The document's version, equal in all regions"),
        "key": header("The key that was used"),
        "replayed": header("`true` if the key was known"),
        "retry-after": header("Seconds"),
        "link": header("The next page, `rel=\"next\"`"),
    })
}

pub(super) fn responses() -> Value {
    let problem = |about: &str| {
        json!({
            "description": about,
            "headers": { "Retry-After": { "$ref": "#/components/headers/retry-after" } },
            "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/problem" } } },
        })
    };
    json!({ "problem": problem("What went wrong, by its `code`"), "not-modified": { "description": "The client has it" } })
}
