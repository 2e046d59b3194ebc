//! Sending one command.

use crate::answer::{Accepted, accepted};
use crate::client::{Call, set};
use crate::url::path;
use crate::{Client, Error};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde::Serialize;
use std::fmt::Write;
use std::time::Duration;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// A command that is not sent yet.
#[must_use = "a command does nothing until it is sent"]
pub struct CommandCall<'c> {
    client: &'c Client,
    path: String,
    args: Result<Bytes, Error>,
    key: Option<String>,
    if_match: Option<String>,
    represent: bool,
    wait: Option<Duration>,
    trace: Option<String>,
}

impl Client {
    /// `args` is what serializes to a JSON object.
    pub fn command(&self, kind: &str, id: &str, name: &str, args: impl Serialize) -> CommandCall<'_> {
        let args = serde_json::to_vec(&args).map(Bytes::from).map_err(|error| Error::Request(error.to_string()));
        CommandCall {
            client: self,
            path: path(["v1", kind, id, name]),
            args,
            key: None,
            if_match: None,
            represent: false,
            wait: None,
            trace: None,
        }
    }

    /// 128 random bits in hexadecimal.
    pub fn make_key(&self) -> String {
        let mut bytes = [0; 16];
        self.env().fill_random(&mut bytes);
        bytes.iter().fold(String::with_capacity(32), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
    }
}

impl CommandCall<'_> {
    /// One effect for one key, however often and wherever it is sent. Made at random if not given.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// An ETag: refuse if the aggregate has changed since.
    pub fn if_match(mut self, etag: impl Into<String>) -> Self {
        self.if_match = Some(etag.into());
        self
    }

    /// Answer with the document.
    pub fn represent(mut self) -> Self {
        self.represent = true;
        self
    }

    /// How long the region may wait for what this session has seen.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = Some(wait);
        self
    }

    /// W3C `traceparent`.
    pub fn trace(mut self, traceparent: impl Into<String>) -> Self {
        self.trace = Some(traceparent.into());
        self
    }

    pub async fn send(self) -> Result<Accepted, Error> {
        let key = self.key.clone().unwrap_or_else(|| self.client.make_key());
        let headers = self.headers(&key)?;
        let call = Call { method: Method::POST, path: self.path, headers, body: self.args? };
        accepted(&self.client.call(call).await?, key)
    }

    fn headers(&self, key: &str) -> Result<HeaderMap, Error> {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        set(&mut headers, KEY, key)?;
        if let Some(etag) = &self.if_match {
            set(&mut headers, header::IF_MATCH, etag)?;
        }
        if let Some(trace) = &self.trace {
            set(&mut headers, HeaderName::from_static("traceparent"), trace)?;
        }
        let represent = self.represent.then(|| "return=representation".to_owned());
        let wait = self.wait.map(|wait| format!("wait={}", wait.as_secs_f32()));
        let prefer: Vec<String> = represent.into_iter().chain(wait).collect();
        if !prefer.is_empty() {
            set(&mut headers, PREFER, &prefer.join(", "))?;
        }
        Ok(headers)
    }
}
