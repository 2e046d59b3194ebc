//! `/openapi.json`: OpenAPI 3.1, made from the model.

mod operations;
mod schema;
mod shared;
mod status;

use crate::{Services, reply};
use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use sterna_model::Model;

pub(crate) async fn get(State(services): State<Arc<Services>>) -> Response {
    reply::json(document(&services.writer.region().model()).to_string())
}

/// A typed path for each command, document, history and view, and those that every model has.
pub fn document(model: &Model) -> Value {
    let mut paths = Map::new();
    let mut schemas = shared::schemas();
    for aggregate in model.aggregates() {
        let name = &aggregate.name;
        paths.insert(format!("/v1/{name}/{{id}}"), operations::document(aggregate));
        paths.insert(format!("/v1/{name}/{{id}}/events"), operations::history(aggregate));
        schemas.insert(format!("{name}.document"), schema::document(aggregate));
        for command in aggregate.commands() {
            paths.insert(format!("/v1/{name}/{{id}}/{}", command.name), operations::command(aggregate, command));
            schemas.insert(format!("{name}.{}", command.name), schema::args(command));
        }
    }
    for view in model.views() {
        paths.insert(format!("/v1/views/{}", view.name), operations::view(view));
        schemas.insert(format!("view.{}", view.name), schema::row(view));
    }
    paths.extend(operations::fixed());
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Sterna", "version": model.version.to_string(), "description": "Generated from the model." },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "parameters": shared::parameters(),
            "headers": shared::headers(),
            "responses": shared::responses(),
        },
    })
}
