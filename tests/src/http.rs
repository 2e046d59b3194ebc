//! What a client of a region does.

use crate::SOON;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::net::IpAddr;
use sterna_env::Env;

/// Calls to one address.
#[derive(Clone)]
pub struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    pub url: String,
}

pub struct Request {
    client: Http,
    request: http::Request<Full<Bytes>>,
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// An answer's lines, as they come.
pub struct Lines {
    pub status: StatusCode,
    body: Incoming,
    rest: Vec<u8>,
}

impl Http {
    pub fn new(url: impl Into<String>) -> Self {
        Self::from_address(url, None)
    }

    /// Calls that come from this address of this machine.
    pub fn from_address(url: impl Into<String>, source: Option<IpAddr>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_local_address(source);
        Self { client: Client::builder(TokioExecutor::new()).build(connector), url: url.into() }
    }

    pub fn request(&self, method: Method, path: &str) -> Request {
        let mut request = http::Request::new(Full::default());
        *request.method_mut() = method;
        *request.uri_mut() = format!("{}{path}", self.url).parse().expect("a test's path is valid");
        Request { client: self.clone(), request }
    }

    pub fn get(&self, path: &str) -> Request {
        self.request(Method::GET, path)
    }

    /// A command: `path` is `cart/c-1/add_item`.
    pub fn command(&self, path: &str, args: Value) -> Request {
        self.request(Method::POST, &format!("/v1/{path}")).json(&args)
    }

    /// Many commands, one a line.
    pub fn bulk(&self, lines: impl Into<Bytes>) -> Request {
        self.request(Method::POST, "/v1/commands").header("content-type", "application/x-ndjson").body(lines)
    }
}

impl Request {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().expect("a test's header is valid");
        self.request.headers_mut().append(name, HeaderValue::from_str(value).expect("a test's header is valid"));
        self
    }

    pub fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    pub fn token(self, token: &str) -> Self {
        self.header("sterna-token", token)
    }

    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        *self.request.body_mut() = Full::new(body.into());
        self
    }

    pub fn json(self, value: &Value) -> Self {
        self.header("content-type", "application/json").body(value.to_string())
    }

    /// The answer, or why there is none.
    pub async fn try_send(self) -> Result<Answer, String> {
        Env::real().timeout(SOON, self.exchange()).await.unwrap_or_else(|| Err(format!("no answer within {SOON:?}")))
    }

    /// The answer, which must come.
    pub async fn send(self) -> Answer {
        let what = format!("{} {}", self.request.method(), self.request.uri());
        self.try_send().await.unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// The answer, which must be 200.
    pub async fn ok(self) -> Answer {
        let what = format!("{} {}", self.request.method(), self.request.uri());
        let answer = self.try_send().await.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(answer.status, StatusCode::OK, "{what}: {}", answer.text());
        answer
    }

    /// The answer's head; its lines follow.
    pub async fn lines(self) -> Result<Lines, String> {
        let response = self.client.client.request(self.request).await.map_err(|error| causes(&error))?;
        Ok(Lines { status: response.status(), body: response.into_body(), rest: Vec::new() })
    }

    async fn exchange(self) -> Result<Answer, String> {
        let response = self.client.client.request(self.request).await.map_err(|error| causes(&error))?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| causes(&error))?.to_bytes();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The token that every answer to a client has.
    pub fn token(&self) -> String {
        self.header("sterna-token").unwrap_or_else(|| panic!("an answer without a token: {self:?}")).to_owned()
    }

    pub fn etag(&self) -> String {
        self.header(header::ETAG.as_str()).unwrap_or_else(|| panic!("an answer without an ETag: {self:?}")).to_owned()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// A body of lines.
    pub fn json_lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
    }

    /// Of a problem document, whose form is checked.
    pub fn problem(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16(), "{problem}");
        assert_eq!(problem["type"], format!("/problems/{}", problem["code"].as_str().unwrap_or_default()), "{problem}");
        assert!(problem["detail"].as_str().is_some_and(|text| text.len() > 10), "a problem says what is wrong: {problem}");
        assert!(problem["request_id"].is_string() && problem["retry"].is_string(), "{problem}");
        problem
    }

    /// That it is this problem.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        let problem = self.problem();
        assert_eq!(problem["code"], code, "{problem}");
        problem
    }
}

impl Lines {
    /// The next whole line; `None` at the end, also if that came too early.
    pub async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Some(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            let frame = self.body.frame().await?.ok()?;
            self.rest.extend_from_slice(&frame.into_data().unwrap_or_default());
        }
    }
}

fn causes(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {}", causes(cause)));
    format!("{error}{}", cause.unwrap_or_default())
}
