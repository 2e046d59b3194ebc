//! Paths.

use super::schema::of_type;
use serde_json::{Map, Value, json};
use sterna_model::{AggregateType, Command, On, View, ViewKind};

pub(super) fn command(aggregate: &AggregateType, command: &Command) -> Value {
    let (kind, name) = (&aggregate.name, &command.name);
    let args = reference(&format!("{kind}.{name}"));
    let about = match command.on {
        On::Any => "For any id.",
        On::Absent => "For an id that is not in use.",
        On::Present => "For an aggregate that exists.",
    };
    let guards: Vec<_> = command.guards().map(|(code, message)| format!("`{code}`: {message}")).collect();
    let about = if guards.is_empty() { about.to_owned() } else { format!("{about} May be refused with {}.", guards.join("; ")) };
    let accepted = json!({
        "type": "object",
        "required": ["type", "id", "event"],
        "properties": {
            "type": { "const": &**kind },
            "id": { "$ref": "#/components/schemas/id" },
            "event": { "type": "string" },
            "document": reference(&format!("{kind}.document")),
        },
    });
    let headers = headers(&[("ETag", "etag"), ("Sterna-Token", "token"), ("Idempotency-Key", "key"), ("Idempotent-Replayed", "replayed")]);
    json!({
        "parameters": parameters(&["id"]),
        "post": {
            "operationId": format!("{kind}.{name}"),
            "tags": [&**kind],
            "summary": format!("{name} a {kind}"),
            "description": about,
            "deprecated": command.deprecated || aggregate.deprecated,
            "parameters": parameters(&["key", "if-match", "token", "prefer", "actor"]),
            "requestBody": { "required": !command.args.is_empty(), "content": { "application/json": { "schema": args } } },
            "responses": { "200": { "description": "Accepted, and durable", "headers": headers, "content": { "application/json": { "schema": accepted } } }, "default": problem() },
        },
    })
}

pub(super) fn document(aggregate: &AggregateType) -> Value {
    let name = &aggregate.name;
    json!({
        "parameters": parameters(&["id"]),
        "get": {
            "operationId": format!("{name}.get"),
            "tags": [&**name],
            "summary": format!("A {name} as this region sees it"),
            "deprecated": aggregate.deprecated,
            "parameters": parameters(&["token", "prefer", "if-none-match"]),
            "responses": {
                "200": {
                    "description": "The document",
                    "headers": headers(&[("ETag", "etag"), ("Sterna-Token", "token")]),
                    "content": { "application/json": { "schema": reference(&format!("{name}.document")) } },
                },
                "304": { "$ref": "#/components/responses/not-modified" },
                "default": problem(),
            },
        },
    })
}

pub(super) fn history(aggregate: &AggregateType) -> Value {
    let name = &aggregate.name;
    let mut get = list(
        &format!("{name}.events"),
        &format!("What happened to a {name}, in all regions"),
        reference("event"),
        parameters(&["limit", "after", "token", "prefer"]),
    );
    get["tags"] = json!([&**name]);
    json!({ "parameters": parameters(&["id"]), "get": get })
}

/// Only what an index can answer is a parameter.
pub(super) fn view(view: &View) -> Value {
    let name = &view.name;
    let mut wanted = parameters(&["limit", "after", "token", "prefer"]);
    for (at, column) in view.columns().iter().enumerate() {
        let filtered = match &view.kind {
            ViewKind::Table { indexes, sort, .. } => {
                indexes.iter().any(|index| index.contains(&at)) || sort.iter().any(|(by, _)| *by == at)
            }
            ViewKind::Rollup { .. } => true,
        };
        if filtered {
            let schema = of_type(&column.slot.value_type);
            wanted.push(json!({ "name": &*column.name, "in": "query", "description": "Equal to this", "schema": schema }));
            for range in ["gte", "gt", "lte", "lt"] {
                wanted.push(json!({ "name": format!("{}[{range}]", column.name), "in": "query", "schema": schema }));
            }
        }
    }
    let mut get = list(&format!("view.{name}"), &format!("Rows of {name}"), reference(&format!("view.{name}")), wanted);
    get["tags"] = json!(["views"]);
    get["deprecated"] = view.deprecated.into();
    json!({ "get": get })
}

/// What every model has.
pub(super) fn fixed() -> Map<String, Value> {
    let query = |name: &str, about: &str| json!({ "name": name, "in": "query", "description": about, "schema": { "type": "string" } });
    let conflicts = [
        parameters(&["limit", "after"]),
        vec![
            query("type", "Of this aggregate type"),
            query("id", "Of this aggregate"),
            query("field", "Of this field"),
            query("rule", "Decided by this rule"),
            query("final", "true: rows that will never change again; false: those that may"),
        ],
    ]
    .concat();
    let feed = [
        query("after", "The last `id`"),
        query("aggregate", "Of this type"),
        query("id", "Of this aggregate"),
        query("view", "That touched this view"),
    ];
    let text = |kind: &str, about: &str| json!({ "200": { "description": about, "content": { kind: { "schema": { "type": "string" } } } }, "default": problem() });
    let object = |about: &str, schema: Value| json!({ "200": { "description": about, "content": { "application/json": { "schema": schema } } }, "default": problem() });
    let get = |id: &str, summary: &str, responses: Value| json!({ "get": { "operationId": id, "summary": summary, "tags": ["region"], "responses": responses } });
    let lines = json!({ "application/x-ndjson": { "schema": reference("line") } });
    let answers = json!({ "application/x-ndjson": { "schema": reference("line.answer") } });
    let mut changes =
        get("changes", "What changes, as server-sent events", text("text/event-stream", "`id` is an exact cursor, `event` the type"));
    changes["get"]["parameters"] = json!(feed);
    let begun = json!({
        "type": "object",
        "required": ["view", "generation"],
        "properties": { "view": { "type": "string" }, "generation": { "type": "integer" } },
    });
    let view = json!({ "name": "view", "in": "path", "required": true, "schema": { "type": "string" } });
    let all = [
        (
            "/v1/commands",
            json!({ "post": {
                "operationId": "commands", "summary": "Many commands, in order", "tags": ["region"], "parameters": parameters(&["token", "prefer", "actor"]),
                "requestBody": { "required": true, "description": "One object a line", "content": lines },
                "responses": { "200": { "description": "One answer a line, in order; the last has `done`", "content": answers }, "default": problem() },
            } }),
        ),
        (
            "/v1/conflicts",
            json!({ "get": list("conflicts", "What met what, which rule decided, and what was dropped", reference("conflict"), conflicts) }),
        ),
        ("/v1/changes", changes),
        ("/v1/status", get("status", "Regions, shards, progress, lag", object("How the region is", reference("status")))),
        (
            "/admin/views/{view}/rebuild",
            json!({ "parameters": [view], "post": { "operationId": "rebuild", "summary": "Build a view anew, beside the one that answers", "tags": ["admin"], "responses": { "202": { "description": "Begun", "content": { "application/json": { "schema": begun } } }, "default": problem() } } }),
        ),
        ("/healthz", get("healthz", "The process runs", object("It does", json!({ "type": "object" })))),
        ("/readyz", get("readyz", "Clients should be sent here", object("They should", json!({ "type": "object" })))),
        ("/metrics", get("metrics", "Prometheus", text("text/plain", "Metrics"))),
        ("/problems", get("problems", "Every code", text("text/html", "A page"))),
        (
            "/problems/{code}",
            json!({
                "parameters": [{ "name": "code", "in": "path", "required": true, "schema": { "type": "string" } }],
                "get": { "operationId": "problem", "summary": "What a code means", "tags": ["region"], "responses": text("text/html", "A page") },
            }),
        ),
    ];
    all.into_iter().map(|(path, item)| (path.to_owned(), item)).collect()
}

fn list(id: &str, summary: &str, row: Value, parameters: Vec<Value>) -> Value {
    let page = json!({
        "type": "object",
        "required": ["data", "next"],
        "properties": { "data": { "type": "array", "items": row }, "next": { "type": ["string", "null"] } },
    });
    let headers = headers(&[("Sterna-Token", "token"), ("Link", "link")]);
    json!({
        "operationId": id,
        "summary": summary,
        "tags": ["region"],
        "parameters": parameters,
        "responses": { "200": { "description": "A page", "headers": headers, "content": { "application/json": { "schema": page } } }, "default": problem() },
    })
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn problem() -> Value {
    json!({ "$ref": "#/components/responses/problem" })
}

fn parameters(names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| json!({ "$ref": format!("#/components/parameters/{name}") })).collect()
}

fn headers(names: &[(&str, &str)]) -> Map<String, Value> {
    names.iter().map(|(header, name)| ((*header).to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }))).collect()
}
