//! The handle of a region's read side.

use crate::{Cursor, FeedFilter, FeedItem, Found, Page, ReadRefused, StartError, Status};
use futures::Stream;
use std::sync::Arc;
use std::time::Duration;
use sterna_env::Scope;
use sterna_log::{Progress, Token};
use sterna_store::Store;
use sterna_write::{Logs, Region, States};

/// What the read side works on.
pub struct Options {
    pub region: Arc<Region>,
    pub logs: Arc<Logs>,
    pub states: Arc<States>,
    /// The read store.
    pub store: Arc<dyn Store>,
    pub scope: Scope,
    pub registry: prometheus::Registry,
}

/// Queries, the change feed and the projector behind them.
pub struct Reads;

impl Reads {
    /// Opens the read store and starts the projector, which ends with the scope.
    pub async fn start(options: Options) -> Result<Arc<Self>, StartError> {
        let _ = options;
        Ok(Arc::new(Self))
    }

    /// A document, once what `token` has seen of its shard is projected; `wait` bounds that.
    pub async fn document(&self, kind: &str, id: &str, token: Option<&Token>, wait: Duration) -> Result<Found, ReadRefused> {
        let _ = (kind, id, token, wait);
        Err(ReadRefused::NotFound)
    }

    /// An aggregate's events from all regions, in their order, behind the cursor `after`.
    pub async fn history(&self, kind: &str, id: &str, limit: Option<usize>, after: Option<&str>, token: Option<&Token>, wait: Duration) -> Result<Page, ReadRefused> {
        let _ = (kind, id, limit, after, token, wait);
        Err(ReadRefused::NotFound)
    }

    /// Rows of a view behind the cursor `after`. `filters` are `column=value` and `column[gte|gt|lte|lt]=value`, as in the query
    /// string, without `limit` and `after`.
    pub async fn view(&self, name: &str, filters: &[(String, String)], limit: Option<usize>, after: Option<&str>, token: Option<&Token>, wait: Duration) -> Result<Page, ReadRefused> {
        let _ = (name, filters, limit, after, token, wait);
        Err(ReadRefused::NotFound)
    }

    /// Follows the change feed from a cursor, or from now on. Ends with the scope.
    pub fn changes(&self, from: Option<Cursor>, filter: FeedFilter) -> impl Stream<Item = FeedItem> + Send + 'static {
        let _ = (from, filter);
        futures::stream::empty()
    }

    /// Builds a view anew, beside the generation that answers until it is swapped. Returns the new generation at once.
    pub async fn rebuild(&self, view: &str) -> Result<u32, ReadRefused> {
        let _ = view;
        Err(ReadRefused::NotFound)
    }

    pub fn status(&self) -> Status {
        Status { projected: self.projected(), views: Vec::new() }
    }

    /// What documents, history, feed and live views stand for.
    pub fn projected(&self) -> Progress {
        Progress::default()
    }
}
