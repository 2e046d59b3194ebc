//! Cross-origin requests (<https://fetch.spec.whatwg.org/#http-cors-protocol>): every origin may ask, without credentials.

use crate::limits::PREFLIGHT_AGE_S;
use axum::extract::Request;
use http::{HeaderMap, HeaderValue, Method, header};

const EXPOSED: &str = "etag, sterna-token, sterna-region, idempotency-key, idempotent-replayed, retry-after, link, x-request-id";
const METHODS: &str = "GET, HEAD, POST, OPTIONS";

/// A request from a page of another origin.
pub(super) enum Asked {
    Plain,
    /// With the headers that the request to come wants to send.
    Preflight(Option<HeaderValue>),
}

impl Asked {
    /// `None` if no page asks.
    pub fn of(request: &Request) -> Option<Self> {
        let headers = request.headers();
        headers.get(header::ORIGIN)?;
        let preflight = request.method() == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        Some(if preflight { Self::Preflight(headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned()) } else { Self::Plain })
    }

    pub fn answer(&self, headers: &mut HeaderMap) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        match self {
            Self::Plain => {
                headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
            }
            Self::Preflight(wanted) => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
                headers.insert(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_AGE_S.into());
                headers.extend(wanted.clone().map(|wanted| (header::ACCESS_CONTROL_ALLOW_HEADERS, wanted)));
            }
        }
    }
}
