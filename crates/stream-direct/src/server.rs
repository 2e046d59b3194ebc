//! The routes that peers call.

use crate::Shared;
use crate::ask::{Ask, CALL_ROUTE, FETCH_ROUTE, FOLLOW_ROUTE, call_path};
use crate::feed::{Feed, FeedEnd};
use crate::identity::{REGION, Refusal};
use crate::limits::{CALL_BYTES_MAX, FETCH_READ_BYTES};
use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use std::sync::Arc;
use sterna_crdt::RegionId;
use sterna_log::{LogId, Position};
use sterna_stream::FollowError;

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let call = post(call).layer(DefaultBodyLimit::max(CALL_BYTES_MAX));
    Router::new().route(FOLLOW_ROUTE, get(follow)).route(FETCH_ROUTE, get(fetch)).route(CALL_ROUTE, call).with_state(shared)
}

async fn follow(State(shared): State<Arc<Shared>>, Path(shard): Path<u16>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let answer = async {
        let (ask, peer) = shared.admit(Ask::follow(shard, query.as_deref()), &headers)?;
        let log = LogId { origin: shared.identity.me, shard: ask.shard() };
        let mut feed = Feed::new(shared.clone(), peer, log, ask.after());
        let first = feed.next().await?;
        Ok(body(first, feed))
    };
    respond(&shared, answer.await)
}

async fn fetch(
    State(shared): State<Arc<Shared>>,
    Path((origin, shard)): Path<(u16, u16)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let answer = async {
        let (ask, peer) = shared.admit(Ask::fetch(origin, shard, query.as_deref()), &headers)?;
        let log = LogId { origin: RegionId(origin), shard: ask.shard() };
        let frame = shared.source.read(log, ask.after(), FETCH_READ_BYTES).await?;
        shared.links.check(peer).map_err(FeedEnd::from)?;
        let encoded = frame.encode();
        let metrics = shared.metrics(peer);
        metrics.frames_sent.inc();
        metrics.bytes_sent.inc_by(encoded.len() as u64);
        Ok(Body::from(encoded))
    };
    respond(&shared, answer.await)
}

async fn call(State(shared): State<Arc<Shared>>, headers: HeaderMap, request: Bytes) -> Response {
    let answer = async {
        let peer = shared.admit_peer(&call_path(&request), &headers)?;
        let answer = tokio::select! {
            biased;
            closed = shared.links.closed(peer) => return Err(FeedEnd::from(closed).into()),
            answer = shared.source.answer(peer, request) => answer?,
        };
        Ok(Body::from(answer))
    };
    respond(&shared, answer.await)
}

/// Ends when the region shuts down; breaks off when the link is cut or the source fails, so that the follower asks anew.
fn body(first: Bytes, feed: Feed) -> Body {
    Body::from_stream(stream::unfold((Some(first), Some(feed)), |(first, feed)| async move {
        let mut feed = feed?;
        if let Some(first) = first {
            return Some((Ok(first), (None, Some(feed))));
        }
        match feed.next().await {
            Ok(bytes) => Some((Ok(bytes), (None, Some(feed)))),
            Err(FeedEnd::Closed(crate::links::Closed::Stopped)) => None,
            Err(end) => Some((Err(end), (None, None))),
        }
    }))
}

/// Why a request got no frames.
pub(crate) enum Denied {
    NotAnAsk,
    NoSuchShard(String),
    Refused(Refusal),
    Ended(FeedEnd),
}

impl From<FeedEnd> for Denied {
    fn from(end: FeedEnd) -> Self {
        Self::Ended(end)
    }
}

impl From<FollowError> for Denied {
    fn from(error: FollowError) -> Self {
        Self::Ended(error.into())
    }
}

impl Denied {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotAnAsk => StatusCode::BAD_REQUEST,
            Self::NoSuchShard(_) => StatusCode::NOT_FOUND,
            Self::Refused(Refusal::Secret(_)) => StatusCode::UNAUTHORIZED,
            Self::Refused(Refusal::Cluster(_)) => StatusCode::CONFLICT,
            Self::Ended(FeedEnd::Source(FollowError::Expired(_))) => StatusCode::GONE,
            Self::Ended(FeedEnd::Source(FollowError::Refused(_))) => StatusCode::CONFLICT,
            Self::Ended(FeedEnd::Source(FollowError::Malformed(_))) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Ended(FeedEnd::Source(FollowError::Unreachable(_)) | FeedEnd::Closed(_)) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::NotAnAsk => "`after` is the hexadecimal form of a position's 20 bytes".to_owned(),
            Self::NoSuchShard(text) => text.clone(),
            Self::Refused(refusal) => refusal.to_string(),
            Self::Ended(end) => end.to_string(),
        }
    }
}

impl Shared {
    /// The request and the peer that made it, if that may have an answer.
    fn admit(&self, ask: Option<Ask>, headers: &HeaderMap) -> Result<(Ask, RegionId), Denied> {
        let ask = ask.ok_or(Denied::NotAnAsk)?;
        let peer = self.admit_peer(&ask.path(), headers)?;
        let shards = self.identity.membership.shards;
        if ask.shard().0 >= shards {
            return Err(Denied::NoSuchShard(format!("there is no shard {}, the cluster has {shards}", ask.shard().0)));
        }
        Ok((ask, peer))
    }

    fn admit_peer(&self, path: &str, headers: &HeaderMap) -> Result<RegionId, Denied> {
        let peer = self.identity.check(path, headers).map_err(|refusal| {
            tracing::warn!(%refusal, "refused a peer");
            Denied::Refused(refusal)
        })?;
        self.links.check(peer).map_err(FeedEnd::from)?;
        Ok(peer)
    }
}

impl Ask {
    fn after(&self) -> Position {
        match self {
            Self::Follow { after, .. } | Self::Fetch { after, .. } => *after,
        }
    }
}

fn respond(shared: &Shared, answer: Result<Body, Denied>) -> Response {
    let mut response = match answer {
        Ok(body) => ([(header::CONTENT_TYPE, "application/octet-stream")], body).into_response(),
        Err(denied) => (denied.status(), denied.text()).into_response(),
    };
    let name = HeaderValue::from_bytes(shared.identity.name().as_bytes());
    response.headers_mut().insert(REGION, name.unwrap_or_else(|_| HeaderValue::from_static("?")));
    response
}
