//! What load balancers and Prometheus ask.

use crate::limits::READY_STORE_WAIT;
use crate::{Code, Problem, Services, reply, status};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use std::sync::Arc;
use sterna_write::Gate;

/// The process runs.
pub(crate) async fn healthz() -> Response {
    reply::json("{\"healthy\":true}")
}

/// Clients should be sent here.
pub(crate) async fn readyz(State(services): State<Arc<Services>>) -> Result<Response, Problem> {
    let reasons = reasons(&services).await;
    match reasons.is_empty() {
        true => Ok(reply::json("{\"ready\":true}")),
        false => Err(Problem::new(Code::NotReady, reasons.join("; ")).with("reasons", reasons)),
    }
}

pub(crate) async fn metrics(State(services): State<Arc<Services>>) -> Response {
    ([(header::CONTENT_TYPE, sterna_telemetry::CONTENT_TYPE)], sterna_telemetry::encode(&services.registry)).into_response()
}

async fn reasons(services: &Services) -> Vec<String> {
    let mut reasons = Vec::new();
    let readiness = &services.readiness;
    if !readiness.is_started() {
        reasons.push("it is starting".to_owned());
    }
    if readiness.is_draining() || services.scope.is_stopping() {
        reasons.push("it is draining".to_owned());
    }
    if let Gate::Closed(reason) = services.writer.region().gate() {
        reasons.push(format!("it takes no commands: {reason}"));
    }
    match services.scope.env().timeout(READY_STORE_WAIT, services.writer.region().store.snapshot()).await {
        Some(Ok(_)) => {}
        Some(Err(error)) => reasons.push(format!("its store does not answer: {error}")),
        None => reasons.push(format!("its store does not answer in {READY_STORE_WAIT:?}")),
    }
    reasons.extend(status::behind(services));
    reasons
}
