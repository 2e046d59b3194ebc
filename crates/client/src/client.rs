//! One request over several attempts and regions.

use crate::connection::{Body, Broken, Endpoint};
use crate::tokens::Tokens;
use crate::url::Base;
use crate::{Error, Options, Problem};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use sterna_env::{Backoff, Env};

pub(crate) const TOKEN: HeaderName = HeaderName::from_static("sterna-token");
const ACTOR: HeaderName = HeaderName::from_static("sterna-actor");

/// Cheap to clone; clones share connections and what they have seen.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    pub(crate) tokens: Arc<Tokens>,
}

struct Shared {
    env: Env,
    options: Options,
    endpoints: Vec<Endpoint>,
    /// The url that answered last.
    current: AtomicUsize,
}

/// A request as it is sent in each attempt.
pub(crate) struct Call {
    pub method: Method,
    /// With the query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Client {
    pub fn new(env: Env, options: Options) -> Result<Self, Error> {
        let bases = options.urls.iter().map(|url| Base::parse(url)).collect::<Result<Vec<_>, _>>()?;
        if bases.is_empty() {
            return Err(Error::Configuration("a client needs at least one url, like http://127.0.0.1:7101".to_owned()));
        }
        let endpoints = bases.into_iter().map(|base| Endpoint::new(base, &options)).collect();
        Ok(Self { shared: Arc::new(Shared { env, options, endpoints, current: AtomicUsize::new(0) }), tokens: Arc::default() })
    }

    /// Another session over the same connections: it has seen nothing yet.
    pub fn session(&self) -> Self {
        Self { shared: self.shared.clone(), tokens: Arc::default() }
    }

    /// What this session has seen, to go on elsewhere with [`Client::adopt_token`].
    pub fn token(&self) -> Option<String> {
        Tokens::header(&self.tokens.sent())
    }

    pub fn adopt_token(&self, token: &str) {
        self.tokens.adopt(token);
    }

    pub(crate) fn env(&self) -> &Env {
        &self.shared.env
    }

    pub(crate) fn options(&self) -> &Options {
        &self.shared.options
    }

    pub(crate) fn current(&self) -> &Endpoint {
        &self.shared.endpoints[self.shared.current.load(Ordering::Relaxed) % self.shared.endpoints.len()]
    }

    /// Turns to the next url, unless another request did so already.
    pub(crate) fn turn_from(&self, endpoint: &Endpoint) {
        let endpoints = &self.shared.endpoints;
        if let Some(at) = endpoints.iter().position(|e| std::ptr::eq(e, endpoint)) {
            let _ = self.shared.current.compare_exchange(at, (at + 1) % endpoints.len(), Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Tries until something other than "later" or nothing is answered. Every call here is safe to repeat: reads, and commands
    /// with their key. Any status but 200 to 399 becomes a problem.
    pub(crate) async fn call(&self, call: Call) -> Result<Response<Bytes>, Error> {
        let mut backoff = Backoff::new(self.options().backoff_first, self.options().backoff_most);
        let mut attempts = 0;
        loop {
            attempts += 1;
            let endpoint = self.current();
            let last = attempts >= self.options().attempts_max;
            match self.attempt(endpoint, &call).await? {
                Ok(response) if response.status().is_success() || response.status().is_redirection() => return Ok(response),
                Ok(response) => {
                    let problem = problem(&response);
                    if last || !comes_later(response.status(), &problem) {
                        return Err(Error::Problem(Box::new(problem)));
                    }
                    if response.status() != StatusCode::TOO_MANY_REQUESTS {
                        self.turn_from(endpoint);
                    }
                    self.pause(&mut backoff, problem.retry_after).await;
                }
                Err(broken) if last => return Err(Error::Unreachable { attempts, last: broken.reason }),
                Err(_) => {
                    self.turn_from(endpoint);
                    backoff.pause(self.env()).await;
                }
            }
        }
    }

    async fn attempt(&self, endpoint: &Endpoint, call: &Call) -> Result<Result<Response<Bytes>, Broken>, Error> {
        let sent = self.tokens.sent();
        let mut answer = endpoint.exchange(self.env(), self.request(endpoint, call, &sent)?, self.options(), false).await;
        if answer.as_ref().is_err_and(|broken| broken.reused) {
            answer = endpoint.exchange(self.env(), self.request(endpoint, call, &sent)?, self.options(), true).await;
        }
        if let Ok(response) = &answer {
            self.saw(&sent, response.headers());
        }
        Ok(answer)
    }

    /// Remembers the token of an answer to a request that carried `sent`.
    pub(crate) fn saw(&self, sent: &[String], headers: &HeaderMap) {
        if let Some(token) = text(headers, &TOKEN) {
            self.tokens.answered(sent, token);
        }
    }

    fn request(&self, endpoint: &Endpoint, call: &Call, tokens: &[String]) -> Result<Request<Body>, Error> {
        let body = Full::new(call.body.clone()).boxed_unsync();
        self.request_with(endpoint, call.method.clone(), &call.path, call.headers.clone(), body, tokens)
    }

    pub(crate) fn request_with(
        &self,
        endpoint: &Endpoint,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Body,
        tokens: &[String],
    ) -> Result<Request<Body>, Error> {
        let target = format!("{}{path}", endpoint.base.prefix);
        let mut request = Request::builder().method(method).uri(target).body(body).map_err(|error| Error::Request(error.to_string()))?;
        *request.headers_mut() = headers;
        set(request.headers_mut(), http::header::HOST, &endpoint.base.authority)?;
        if let Some(actor) = &self.options().actor {
            set(request.headers_mut(), ACTOR, actor)?;
        }
        if let Some(tokens) = Tokens::header(tokens) {
            set(request.headers_mut(), TOKEN, &tokens)?;
        }
        Ok(request)
    }

    async fn pause(&self, backoff: &mut Backoff, asked: Option<Duration>) {
        let own = backoff.next(self.env());
        let asked = asked.unwrap_or_default().min(self.options().backoff_most);
        self.env().sleep(own.max(asked)).await;
    }
}

/// Whether a later attempt, perhaps elsewhere, can have another answer.
fn comes_later(status: StatusCode, problem: &Problem) -> bool {
    let passing = [StatusCode::TOO_MANY_REQUESTS, StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT];
    passing.contains(&status) && problem.retry != "never"
}

/// Reads the problem document; an answer that is none becomes one, with the code `unknown`.
pub(crate) fn problem(response: &Response<Bytes>) -> Problem {
    let parsed = serde_json::from_slice::<Problem>(response.body()).ok().filter(|problem| !problem.code.is_empty());
    let mut problem = parsed.unwrap_or_else(|| Problem {
        code: "unknown".to_owned(),
        detail: String::from_utf8_lossy(&response.body()[..response.body().len().min(200)]).into_owned(),
        ..Problem::default()
    });
    problem.status = response.status().as_u16();
    problem.etag = text(response.headers(), &http::header::ETAG).map(str::to_owned);
    problem.retry_after = text(response.headers(), &http::header::RETRY_AFTER).and_then(|s| s.parse().ok()).map(Duration::from_secs);
    problem
}

pub(crate) fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

pub(crate) fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) -> Result<(), Error> {
    let value = HeaderValue::from_str(value).map_err(|_| Error::Request(format!("`{value}` can't be sent as {name}")))?;
    headers.insert(name, value);
    Ok(())
}
