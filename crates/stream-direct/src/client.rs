//! One HTTP/2 connection to each peer, shared by all follows and repairs.

use crate::ask::{Ask, call_path};
use crate::identity::REGION;
use crate::limits::*;
use crate::{PeerAddress, Shared};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::sync::Arc;
use std::time::Duration;
use sterna_crdt::{Name, RegionId};
use sterna_env::{Backoff, Env, Instant};
use sterna_log::Position;
use sterna_stream::FollowError;
use tokio::sync::Mutex;

const SILENCE: Duration = Duration::from_millis(SILENCE_MS_MAX);

/// The way to one peer. Attempts to connect are made one at a time, with a pause after each that failed.
pub(crate) struct Link {
    pub peer: RegionId,
    name: Name,
    /// `host:port`, or why the URL has none.
    address: Result<String, String>,
    url: String,
    connection: Mutex<Connection>,
}

struct Connection {
    sender: Option<SendRequest<Full<Bytes>>>,
    backoff: Backoff,
    attempts: u64,
    failed: Option<Failure>,
}

/// The last attempt's failure, and when the next one may be made.
#[derive(Clone)]
struct Failure {
    retry_at: Instant,
    attempt: u64,
    error: FollowError,
}

impl Link {
    pub(crate) fn new(peer: PeerAddress, name: Name) -> Self {
        let backoff = Backoff::new(Duration::from_millis(RECONNECT_MS_FIRST), Duration::from_millis(RECONNECT_MS_MAX));
        let connection = Mutex::new(Connection { sender: None, backoff, attempts: 0, failed: None });
        Self { peer: peer.region, name, address: address(&peer.url), url: peer.url, connection }
    }

    /// Asks and waits for the answer's head: 200, or the error that its status stands for.
    pub(crate) async fn ask(&self, shared: &Arc<Shared>, ask: Ask, after: Position) -> Result<Incoming, FollowError> {
        let request = self.request(shared, &ask.path(), Bytes::new())?;
        let response = self.send(shared, request, SILENCE).await?;
        self.accept(shared, response, after).await
    }

    /// Sends `body` to the region's [`sterna_stream::LogSource::answer`] and gives what that answers.
    pub(crate) async fn call(&self, shared: &Arc<Shared>, body: Bytes) -> Result<Bytes, FollowError> {
        let mut request = self.request(shared, &call_path(&body), body)?;
        *request.method_mut() = Method::POST;
        let wait = Duration::from_millis(CALL_MS_MAX);
        let response = self.send(shared, request, wait).await?;
        let body = self.accept(shared, response, Position::ZERO).await?;
        let collected = shared.env.timeout(wait, Limited::new(body, CALL_BYTES_MAX).collect()).await;
        let collected = collected.ok_or_else(|| self.unreachable("the answer does not end"))?;
        collected.map(http_body_util::Collected::to_bytes).map_err(|e| self.unreachable(e))
    }

    fn request(&self, shared: &Shared, path: &str, body: Bytes) -> Result<Request<Full<Bytes>>, FollowError> {
        let mut request = Request::new(Full::new(body));
        *request.uri_mut() = self.uri(path)?;
        *request.headers_mut() = shared.identity.headers(self.peer, path);
        Ok(request)
    }

    async fn send(&self, shared: &Arc<Shared>, request: Request<Full<Bytes>>, wait: Duration) -> Result<Response<Incoming>, FollowError> {
        let mut sender = self.sender(shared).await?;
        let sent = shared.env.timeout(wait, async {
            sender.ready().await?;
            sender.send_request(request).await
        });
        let response = tokio::select! {
            biased;
            closed = shared.links.closed(self.peer) => return Err(self.unreachable(closed)),
            sent = sent => sent.ok_or_else(|| self.unreachable("no answer"))?.map_err(|e| self.unreachable(causes(&e)))?,
        };
        Ok(response)
    }

    async fn accept(&self, shared: &Shared, response: Response<Incoming>, after: Position) -> Result<Incoming, FollowError> {
        let status = response.status();
        let said = response.headers().get(REGION).map(|name| String::from_utf8_lossy(name.as_bytes()).into_owned());
        if said.is_none() || status == StatusCode::OK && said.as_deref() != Some(&*self.name) {
            let found = said.map_or_else(|| format!("no region (status {status})"), |name| format!("region {name}"));
            return Err(FollowError::Refused(format!("{} is the address of {found}, not of region {}", self.url, self.name)));
        }
        if status == StatusCode::OK {
            return Ok(response.into_body());
        }
        let text = shared.env.timeout(SILENCE, Limited::new(response.into_body(), PROBLEM_BYTES_MAX).collect()).await;
        let text = text.and_then(Result::ok).map_or_else(String::new, |text| String::from_utf8_lossy(&text.to_bytes()).into_owned());
        Err(match status {
            StatusCode::GONE => FollowError::Expired(after),
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::CONFLICT | StatusCode::NOT_FOUND => {
                shared.metrics(self.peer).refusals.inc();
                FollowError::Refused(text)
            }
            _ => self.unreachable(format!("status {status}: {text}")),
        })
    }

    fn uri(&self, path: &str) -> Result<Uri, FollowError> {
        let address = self.address.as_ref().map_err(|why| FollowError::Refused(why.clone()))?;
        let uri = Uri::builder().scheme("http").authority(address.as_str()).path_and_query(path).build();
        uri.map_err(|e| FollowError::Refused(format!("{}: {e}", self.url)))
    }

    async fn sender(&self, shared: &Arc<Shared>) -> Result<SendRequest<Full<Bytes>>, FollowError> {
        shared.links.check(self.peer).map_err(|closed| self.unreachable(closed))?;
        let mut known = None;
        loop {
            let mut connection = self.connection.lock().await;
            if let Some(sender) = connection.sender.as_ref().filter(|sender| !sender.is_closed()) {
                return Ok(sender.clone());
            }
            match connection.failed.clone() {
                Some(failure) if known.is_some_and(|known| failure.attempt > known) => return Err(failure.error),
                Some(failure) if failure.retry_at > shared.env.now() => {
                    drop(connection);
                    known = Some(failure.attempt);
                    self.pause(shared, &failure).await?;
                }
                _ => return self.connect(shared, &mut connection).await,
            }
        }
    }

    /// Waits until another attempt may be made, or for the link to be cut.
    async fn pause(&self, shared: &Shared, failure: &Failure) -> Result<(), FollowError> {
        let pause = failure.retry_at.saturating_duration_since(shared.env.now());
        tokio::select! {
            biased;
            closed = shared.links.closed(self.peer) => Err(self.unreachable(closed)),
            () = shared.env.sleep(pause) => Ok(()),
        }
    }

    async fn connect(&self, shared: &Arc<Shared>, connection: &mut Connection) -> Result<SendRequest<Full<Bytes>>, FollowError> {
        shared.metrics(self.peer).connects.inc();
        connection.sender = None;
        connection.attempts += 1;
        match self.handshake(shared).await {
            Ok(sender) => {
                connection.backoff.reset();
                connection.failed = None;
                connection.sender = Some(sender.clone());
                Ok(sender)
            }
            Err(error) => {
                let retry_at = shared.env.now() + connection.backoff.next(&shared.env);
                connection.failed = Some(Failure { retry_at, attempt: connection.attempts, error: error.clone() });
                Err(error)
            }
        }
    }

    async fn handshake(&self, shared: &Arc<Shared>) -> Result<SendRequest<Full<Bytes>>, FollowError> {
        let address = self.address.as_ref().map_err(|why| FollowError::Refused(why.clone()))?;
        let shaken = shared.env.timeout(SILENCE, async {
            let socket = shared.env.connect(address).await.map_err(|e| e.to_string())?;
            let shaking = builder(&shared.env, shared.identity.membership.shards).handshake(TokioIo::new(socket));
            shaking.await.map_err(|e| causes(&e))
        });
        let (sender, connection) = tokio::select! {
            biased;
            closed = shared.links.closed(self.peer) => return Err(self.unreachable(closed)),
            shaken = shaken => shaken.ok_or_else(|| self.unreachable("no answer"))?.map_err(|e| self.unreachable(e))?,
        };
        let (links, peer, name) = (shared.links.clone(), self.peer, self.name.clone());
        shared.env.spawn(async move {
            tokio::select! {
                biased;
                _ = links.closed(peer) => {}
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(peer = %name, error = %causes(&error), "connection ended");
                }
            }
        });
        Ok(sender)
    }

    pub(crate) fn unreachable(&self, why: impl std::fmt::Display) -> FollowError {
        FollowError::Unreachable(format!("region {} at {}: {why}", self.name, self.url))
    }
}

/// Its window has room for every shard's, so that a shard that is not taken stops no other.
fn builder(env: &Env, shards: u16) -> http2::Builder<Spawner> {
    let streams = u32::from(shards) + FETCHES_PER_PEER;
    let window = STREAM_WINDOW_BYTES.saturating_mul(streams).clamp(CONNECTION_WINDOW_BYTES_MIN, CONNECTION_WINDOW_BYTES_MAX);
    let mut builder = http2::Builder::new(Spawner(env.clone()));
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(window)
        .max_frame_size(DATA_FRAME_BYTES)
        .keep_alive_interval(Duration::from_millis(PING_EVERY_MS))
        .keep_alive_timeout(Duration::from_millis(PING_ANSWER_MS_MAX))
        .keep_alive_while_idle(true);
    builder
}

#[derive(Clone)]
struct Spawner(Env);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Spawner {
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}

/// `host:port` of `http://host[:port]`.
fn address(url: &str) -> Result<String, String> {
    let wrong = || format!("peer url {url:?}: it must be http://host:port");
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let plain = uri.scheme_str() == Some("http") && uri.path() == "/" && uri.query().is_none();
    let authority = uri.authority().filter(|a| plain && !a.as_str().contains('@')).ok_or_else(wrong)?;
    Ok(format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(80)))
}

/// hyper's errors say the cause in their source.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_s_url_is_a_plain_address() {
        assert_eq!(address("http://10.1.0.5:7101"), Ok("10.1.0.5:7101".into()));
        assert_eq!(address("http://us-east/"), Ok("us-east:80".into()));
        assert_eq!(address("http://[::1]:7"), Ok("[::1]:7".into()));
        for wrong in ["https://a:1", "a:1", "http://a/path", "http://u@a", ""] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
