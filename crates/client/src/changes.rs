//! The change feed: at least once, in order for each log, resumed over broken connections and over regions.

use crate::bulk::refused;
use crate::client::{Call, set};
use crate::sse::{Event, Parser};
use crate::url::query;
use crate::{Client, Error};
use bytes::Bytes;
use futures::{Stream, stream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use serde::Deserialize;
use sterna_env::Backoff;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Which changes, and from where on.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// The cursor of the last change that was handled; from now on if `None`.
    pub after: Option<String>,
    /// Of this type only.
    pub aggregate: Option<String>,
    /// Of this aggregate only; needs `aggregate`.
    pub id: Option<String>,
    /// That touched this view only.
    pub view: Option<String>,
}

#[derive(Clone, Debug)]
pub enum Change {
    Changed {
        /// Exact: what [`Changes::after`] resumes from.
        cursor: String,
        /// The aggregate's type.
        kind: String,
        data: ChangeData,
    },
    /// The position asked for is no longer held: read anew what is kept, then go on with this stream.
    Reset { cursor: Option<String> },
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct ChangeData {
    /// The aggregate's id.
    pub id: String,
    pub event: String,
    pub command: String,
    #[serde(default)]
    pub etag: Option<String>,
    #[serde(default)]
    pub views: Vec<String>,
}

struct Feed {
    client: Client,
    wanted: Changes,
    backoff: Backoff,
    open: Option<(Incoming, Parser)>,
    refused: bool,
}

impl Client {
    /// Never ends by itself: a broken connection is made anew behind the last change. An error that no retry helps is its last item.
    pub fn changes(&self, wanted: Changes) -> impl Stream<Item = Result<Change, Error>> + Send + 'static {
        let backoff = Backoff::new(self.options().backoff_first, self.options().backoff_most);
        let feed = Feed { client: self.clone(), wanted, backoff, open: None, refused: false };
        stream::unfold(feed, |mut feed| async move {
            let item = feed.next().await?;
            feed.refused = item.is_err();
            Some((item, feed))
        })
    }
}

impl Feed {
    async fn next(&mut self) -> Option<Result<Change, Error>> {
        if self.refused {
            return None;
        }
        loop {
            match self.step().await {
                Ok(Some(event)) => return Some(self.change(event)),
                Ok(None) => {
                    self.keep_place();
                    self.backoff.pause(self.client.env()).await;
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Lets the connection go; a keep-alive may have named a later place than the last change.
    fn keep_place(&mut self) {
        let place = self.open.take().and_then(|(_, parser)| parser.place());
        self.wanted.after = place.or(self.wanted.after.take());
    }

    /// An event; nothing if the connection is gone.
    async fn step(&mut self) -> Result<Option<Event>, Error> {
        if self.open.is_none() {
            self.open = self.connect().await?;
        }
        let Some((body, parser)) = &mut self.open else { return Ok(None) };
        loop {
            if let Some(event) = parser.next() {
                self.backoff.reset();
                return Ok(Some(event));
            }
            if parser.overflows() {
                return Err(Error::Unintelligible("an event without an end".to_owned()));
            }
            match self.client.env().timeout(self.client.options().silence_max, body.frame()).await {
                Some(Some(Ok(frame))) => parser.feed(frame.data_ref().map_or(&[], Bytes::as_ref)),
                _ => return Ok(None),
            }
        }
    }

    async fn connect(&self) -> Result<Option<(Incoming, Parser)>, Error> {
        let endpoint = self.client.current();
        let Call { method, path, headers, .. } = self.call()?;
        let request = self.client.request_with(endpoint, method, &path, headers, Empty::new().boxed_unsync(), &[])?;
        let answer = endpoint.stream(self.client.env(), request, self.client.options());
        match self.client.env().timeout(self.client.options().timeout, answer).await {
            Some(Ok(response)) if response.status().is_success() => Ok(Some((response.into_body(), Parser::default()))),
            Some(Ok(response)) if response.status().is_server_error() || response.status() == http::StatusCode::TOO_MANY_REQUESTS => {
                self.client.turn_from(endpoint);
                Ok(None)
            }
            Some(Ok(response)) => Err(refused(response).await),
            Some(Err(_)) | None => {
                self.client.turn_from(endpoint);
                Ok(None)
            }
        }
    }

    fn call(&self) -> Result<Call, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(after) = &self.wanted.after {
            set(&mut headers, LAST_EVENT_ID, after)?;
        }
        let filters = [("aggregate", &self.wanted.aggregate), ("id", &self.wanted.id), ("view", &self.wanted.view)];
        let path = "/v1/changes".to_owned() + &query(filters.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))));
        Ok(Call { method: Method::GET, path, headers, body: Bytes::new() })
    }

    fn change(&mut self, event: Event) -> Result<Change, Error> {
        if event.id.is_some() {
            self.wanted.after.clone_from(&event.id);
        }
        if event.name == "reset" {
            return Ok(Change::Reset { cursor: event.id });
        }
        let data = serde_json::from_str(&event.data).map_err(|error| Error::Unintelligible(error.to_string()))?;
        Ok(Change::Changed { cursor: event.id.unwrap_or_default(), kind: event.name, data })
    }
}
