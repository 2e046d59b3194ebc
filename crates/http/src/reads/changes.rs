//! `GET /v1/changes`: server-sent events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use crate::headers::LAST_EVENT_ID;
use crate::limits::FEED_CHUNK_CHANGES_MAX;
use crate::metrics::Gauged;
use crate::request::Query;
use crate::{Code, Limits, Problem, Services};
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;
use sterna_crdt::Name;
use sterna_model::json::write_string;
use sterna_read::{Cursor, FeedFilter, FeedItem};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long an `EventSource` waits before it connects again.
const RETRY_MS: u32 = 1_000;

/// The places for followers.
#[derive(Clone)]
pub(crate) struct Feeds(Arc<Semaphore>);

impl Feeds {
    pub fn new(limits: &Limits) -> Self {
        Self(Arc::new(Semaphore::new(limits.feeds_max)))
    }

    fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.0.clone().try_acquire_owned().map_err(|_| Problem::new(Code::Overloaded, "too many follow the change feed"))
    }
}

pub(crate) async fn changes(
    feeds: Feeds,
    State(services): State<Arc<Services>>,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, Problem> {
    let from = cursor(&headers, &mut query)?;
    let filter = filter(&services, query)?;
    services.reads.available()?;
    let place = feeds.place()?;
    let from = from.unwrap_or_else(|| services.reads.feed_end());
    let items = services.reads.changes(Some(from), filter);
    Ok(response(&services, place, from, items))
}

/// A browser that connects again says where it was by the header, whatever the query said at first.
fn cursor(headers: &HeaderMap, query: &mut Query) -> Result<Option<Cursor>, Problem> {
    let after = query.take("after")?;
    let last = headers.get(LAST_EVENT_ID).map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
    let text = last.filter(|id| !id.is_empty()).or(after);
    Ok(text.map(|text| text.parse::<Cursor>()).transpose()?)
}

fn filter(services: &Services, mut query: Query) -> Result<FeedFilter, Problem> {
    let (kind, id, view) = (query.take("aggregate")?, query.take("id")?, query.take("view")?);
    query.end()?;
    let model = services.writer.region().model();
    if let Some(kind) = kind.as_deref().filter(|kind| model.aggregate(kind).is_none()) {
        return Err(Problem::new(Code::UnknownType, format!("there is no aggregate type `{kind}` in the model")));
    }
    if let Some(view) = view.as_deref().filter(|view| model.view(view).is_none()) {
        return Err(Problem::new(Code::UnknownView, format!("there is no view `{view}` in the model")));
    }
    if id.is_some() && kind.is_none() {
        return Err(Problem::new(Code::InvalidQuery, "`id` needs an `aggregate` beside it"));
    }
    Ok(FeedFilter { kind: kind.map(Name::from), id: id.map(Name::from), view: view.map(Name::from) })
}

fn response(
    services: &Services,
    place: OwnedSemaphorePermit,
    from: Cursor,
    items: impl Stream<Item = FeedItem> + Send + 'static,
) -> Response {
    let held = (place, Gauged::new(&services.metrics.feeds));
    let scope = services.scope.clone();
    let chunks = items.ready_chunks(FEED_CHUNK_CHANGES_MAX).map(|items| Ok::<_, Infallible>(chunk(&items)));
    let chunks = chunks.take_until(async move { scope.stopping().await }).map(move |chunk| {
        let _ = &held;
        chunk
    });
    // A follower whose connection breaks before the first change knows where to go on, and proxies pass the head on.
    let prelude = stream::iter([Ok(Bytes::from(format!("retry: {RETRY_MS}\nid: {from}\n\n")))]);
    let mut response = Response::new(Body::from_stream(prelude.chain(chunks)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

fn chunk(items: &[FeedItem]) -> Bytes {
    let mut out = String::with_capacity(192 * items.len());
    items.iter().for_each(|item| write(item, &mut out));
    out.into()
}

fn write(item: &FeedItem, out: &mut String) {
    match item {
        FeedItem::Change { cursor, kind, id, event, command, etag, views } => {
            _ = write!(out, "id: {cursor}\nevent: {kind}\ndata: {{\"id\":");
            write_string(id, out);
            _ = write!(out, ",\"event\":\"{event}\",\"command\":");
            write_string(command, out);
            out.push_str(",\"etag\":");
            write_string(&etag.to_string(), out);
            out.push_str(",\"views\":[");
            for (at, view) in views.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                write_string(view, out);
            }
            out.push_str("]}\n\n");
        }
        FeedItem::Reset { cursor } => _ = write!(out, "id: {cursor}\nevent: reset\ndata: {{}}\n\n"),
        FeedItem::KeepAlive { cursor } => _ = write!(out, ": still here\nid: {cursor}\n\n"),
    }
}
