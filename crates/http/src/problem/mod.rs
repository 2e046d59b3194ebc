//! Problem documents (RFC 9457).

mod code;
mod from;
mod page;

pub use code::{Code, Retry};
pub(crate) use page::{page, pages};

use crate::limits::RETRY_AFTER_S;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

/// A refusal. As a response it is written by the envelope, which knows the request's id.
#[derive(Clone, Debug)]
pub struct Problem {
    pub code: Code,
    pub detail: String,
    /// Members of its own code.
    pub more: Vec<(&'static str, Value)>,
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

struct Document<'a> {
    problem: &'a Problem,
    request_id: &'a str,
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Problem { code, detail, more, .. } = self.problem;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &format_args!("/problems/{}", code.as_str()))?;
        map.serialize_entry("title", code.title())?;
        map.serialize_entry("status", &code.status().as_u16())?;
        map.serialize_entry("detail", detail)?;
        map.serialize_entry("code", code.as_str())?;
        map.serialize_entry("request_id", self.request_id)?;
        map.serialize_entry("retry", code.retry().as_str())?;
        more.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
        map.end()
    }
}

impl Problem {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), more: Vec::new(), headers: Vec::new() }
    }

    /// With a member of its own.
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.more.push((name, value.into()));
        self
    }

    /// A value that no header can hold is left out.
    pub fn header(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        if let Ok(value) = value.try_into() {
            self.headers.push((name, value));
        }
        self
    }

    pub fn to_json(&self, request_id: &str) -> Vec<u8> {
        serde_json::to_vec(&Document { problem: self, request_id }).expect("strings and values always serialize")
    }

    /// The response as it is sent.
    pub(crate) fn render(&self, request_id: &str) -> Response {
        let mut response = Response::new(Bytes::from(self.to_json(request_id)).into());
        *response.status_mut() = self.code.status();
        let headers = response.headers_mut();
        headers.extend(self.headers.clone());
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.code.retry() == Retry::SameKey {
            headers.entry(header::RETRY_AFTER).or_insert(RETRY_AFTER_S.into());
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_and_each_page_says_something() {
        let codes: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes.len(), Code::ALL.len());
        for code in Code::ALL {
            assert_eq!(code.as_str().parse(), Ok(*code));
            assert!(code.page().len() > 20 && code.page().ends_with('.') && code.title().len() > 8, "{code:?}");
            assert!(code.status().is_client_error() || code.status().is_server_error());
        }
    }

    #[test]
    fn what_passes_has_a_retry_after_and_what_does_not_has_none() {
        for code in Code::ALL {
            let response = Problem::new(*code, "x").render("r");
            assert_eq!(response.headers().contains_key(header::RETRY_AFTER), code.retry() == Retry::SameKey, "{code:?}");
            let passing = [429, 500, 503].contains(&code.status().as_u16()) || *code == Code::BodyCut;
            assert_eq!(passing, code.retry() == Retry::SameKey, "{code:?}");
        }
    }

    #[test]
    fn a_document_has_the_members_of_rfc_9457_and_ours() {
        let problem = Problem::new(Code::BehindToken, "late").with("missing", vec!["eu"]);
        let value: Value = serde_json::from_slice(&problem.to_json("r-1")).expect("it is JSON");
        let expected = serde_json::json!({
            "type": "/problems/behind-token", "title": Code::BehindToken.title(), "status": 503, "detail": "late",
            "code": "behind-token", "request_id": "r-1", "retry": "same-key", "missing": ["eu"],
        });
        assert_eq!(value, expected);
    }
}
