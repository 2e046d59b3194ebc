//! Answers that are no problems.

use crate::headers::{KEY, PREFERENCE_APPLIED, REPLAYED, TOKEN};
use crate::request::Context;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use std::fmt::Write;
use sterna_crdt::Dot;
use sterna_log::{AggregateId, Token, TokenKey};
use sterna_model::json::write_string;
use sterna_write::{Accepted, ETag};

pub(crate) fn json(body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(body.into().into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// With what the answer was made from. Caches ask before they use it again.
pub(crate) fn seen(mut response: Response, token: &Token, key: &TokenKey) -> Response {
    set(response.headers_mut(), TOKEN, token.encode(key));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

pub(crate) fn accepted(accepted: Accepted, context: &Context, key: &TokenKey) -> Response {
    let mut body = String::with_capacity(128 + accepted.document.as_ref().map_or(0, String::len));
    write_accepted(&mut body, &accepted.aggregate, accepted.event, accepted.document.as_deref());
    let mut response = json(body);
    let headers = response.headers_mut();
    set(headers, header::ETAG, accepted.etag.to_string());
    set(headers, TOKEN, accepted.token.encode(key));
    set(headers, KEY, &*accepted.key);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if accepted.replayed {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    if context.represent {
        headers.insert(PREFERENCE_APPLIED, HeaderValue::from_static("return=representation"));
    }
    response
}

/// `{"type","id","event"}`, and `document` if there is one.
pub(crate) fn write_accepted(out: &mut String, aggregate: &AggregateId, event: Dot, document: Option<&str>) {
    out.push_str("{\"type\":");
    write_string(&aggregate.kind, out);
    out.push_str(",\"id\":");
    write_string(&aggregate.id, out);
    _ = write!(out, ",\"event\":\"{event}\"");
    if let Some(document) = document {
        out.push_str(",\"document\":");
        out.push_str(document);
    }
    out.push('}');
}

pub(crate) fn with_etag(mut response: Response, etag: ETag) -> Response {
    set(response.headers_mut(), header::ETAG, etag.to_string());
    response
}

/// Without a body, for a client that has it.
pub(crate) fn not_modified(etag: ETag) -> Response {
    let mut response = with_etag(Response::new(axum::body::Body::empty()), etag);
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response
}

/// A value that no header can hold is left out.
pub(crate) fn set(headers: &mut HeaderMap, name: HeaderName, value: impl TryInto<HeaderValue>) {
    if let Ok(value) = value.try_into() {
        headers.insert(name, value);
    }
}
