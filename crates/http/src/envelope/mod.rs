//! What surrounds every request: its id, its place among the bounded many, its metrics; and every answer: the problem document
//! written, CORS, the region's name.

mod cors;
mod unread;

use crate::headers::{REGION, REQUEST_ID, TRACEPARENT};
use crate::metrics::Gauged;
use crate::request::{RequestId, RequestIds};
use crate::{Code, Problem, Services};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use http::{HeaderValue, Method, StatusCode, header};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tracing::{Instrument, Span};
use unread::Unread;

/// Operators and load balancers are answered also when clients are not.
const ALWAYS: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

#[derive(Clone)]
pub(crate) struct Envelope(Arc<Inner>);

struct Inner {
    services: Arc<Services>,
    ids: RequestIds,
    slots: Semaphore,
    region: HeaderValue,
}

impl Envelope {
    pub fn new(services: Arc<Services>) -> Self {
        let ids = RequestIds::new(services.scope.env());
        let slots = Semaphore::new(services.limits.requests_max);
        let region = HeaderValue::from_str(&services.writer.region().name).unwrap_or(HeaderValue::from_static("?"));
        Self(Arc::new(Inner { services, ids, slots, region }))
    }
}

/// The layer.
pub(crate) async fn envelope(State(envelope): State<Envelope>, mut request: Request, next: Next) -> Response {
    let inner = &*envelope.0;
    let metrics = &inner.services.metrics;
    let began = inner.services.scope.env().now();
    let _counted = Gauged::new(&metrics.in_flight);
    let id = inner.ids.of(request.headers());
    let asked = Asked::of(&request);
    request.extensions_mut().insert(id.clone());
    let span = span(&request, &asked, &id);
    let unread = Unread::of(&mut request);
    let response = answer(inner, request, next, &asked).instrument(span).await;
    if let (Some(unread), false) = (unread, response.status().is_success()) {
        unread.discard(inner.services.scope.env(), &inner.services.limits).await;
    }
    let response = finish(inner, response, &asked, &id);
    let (status, method) = (response.status(), asked.method.as_str());
    metrics.requests.with_label_values(&[asked.route(), method_label(method), status.as_str()]).inc();
    metrics.request_seconds.with_label_values(&[asked.route()]).observe(began.elapsed().as_secs_f64());
    response
}

/// What of a request is needed for its answer.
struct Asked {
    method: Method,
    route: Option<MatchedPath>,
    cors: Option<cors::Asked>,
}

impl Asked {
    fn of(request: &Request) -> Self {
        Self { method: request.method().clone(), route: request.extensions().get().cloned(), cors: cors::Asked::of(request) }
    }

    fn route(&self) -> &str {
        self.route.as_ref().map_or("unmatched", MatchedPath::as_str)
    }
}

/// A method that nobody has heard of must not make a new metric.
fn method_label(method: &str) -> &str {
    if ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].contains(&method) { method } else { "other" }
}

async fn answer(inner: &Inner, request: Request, next: Next, asked: &Asked) -> Response {
    let slot = inner.slots.try_acquire();
    if slot.is_err() && !ALWAYS.contains(&asked.route()) {
        return Problem::new(Code::Overloaded, "too many requests are under way").into_response();
    }
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => {
            inner.services.metrics.panics.inc();
            tracing::error!(route = asked.route(), "a handler panicked");
            Problem::new(Code::Internal, "the request found a defect of the service").into_response()
        }
    }
}

fn finish(inner: &Inner, mut response: Response, asked: &Asked, id: &RequestId) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let allow = response.headers_mut().remove(header::ALLOW);
        response = problem.render(id.as_str());
        response.headers_mut().extend(allow.map(|allow| (header::ALLOW, allow)));
        if problem.code == Code::Internal {
            tracing::error!(request_id = id.as_str(), detail = problem.detail, "internal error");
        }
    }
    if asked.method == Method::OPTIONS && response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response = options(response);
    }
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id.header());
    headers.insert(REGION, inner.region.clone());
    if let Some(cors) = &asked.cors {
        cors.answer(headers);
    }
    response
}

/// Any path answers `OPTIONS` with what it takes.
fn options(refused: Response) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().extend(refused.headers().get(header::ALLOW).map(|allow| (header::ALLOW, allow.clone())));
    response
}

fn span(request: &Request, asked: &Asked, id: &RequestId) -> Span {
    let span = tracing::debug_span!("request", method = %asked.method, route = asked.route(), request_id = id.as_str());
    if !span.is_disabled() {
        let parent = request.headers().get(TRACEPARENT).and_then(|value| sterna_telemetry::TraceContext::parse(value.to_str().ok()?));
        if let Some(parent) = parent {
            sterna_telemetry::adopt(&span, parent);
        }
    }
    span
}
