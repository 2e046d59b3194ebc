//! What operators and developers do.

use crate::request::Segments;
use crate::{Links, Problem, Services, reply};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;
use std::sync::Arc;

/// `POST /admin/views/{view}/rebuild`: begins, and answers at once; `/v1/status` shows how far it is.
pub(crate) async fn rebuild(State(services): State<Arc<Services>>, Segments(view): Segments<String>) -> Result<Response, Problem> {
    let generation = services.reads.rebuild(&view).await?;
    let answer = json!({ "view": view, "generation": generation });
    Ok((StatusCode::ACCEPTED, reply::json(answer.to_string())).into_response())
}

pub(crate) async fn links(State(services): State<Arc<Services>>) -> Response {
    listed(&services)
}

pub(crate) async fn cut(State(services): State<Arc<Services>>, Segments(peer): Segments<String>) -> Result<Response, Problem> {
    services.links.as_ref().map(|links| links.cut(&peer)).transpose()?;
    Ok(listed(&services))
}

pub(crate) async fn heal(State(services): State<Arc<Services>>, Segments(peer): Segments<String>) -> Result<Response, Problem> {
    services.links.as_ref().map(|links| links.heal(&peer)).transpose()?;
    Ok(listed(&services))
}

fn listed(services: &Services) -> Response {
    let links = services.links.as_deref().map(Links::links).unwrap_or_default();
    let links: Vec<_> = links.iter().map(|link| json!({ "peer": link.peer, "cut": link.cut })).collect();
    reply::json(json!({ "links": links }).to_string())
}
