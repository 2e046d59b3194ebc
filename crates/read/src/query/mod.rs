//! Queries: from the read store only.

mod cursor;
mod document;
mod filter;
mod history;
mod view;
mod wait;

use crate::ReadRefused;
use crate::document::DocumentError;
use crate::keys::Unreadable;
use crate::limits::{PAGE_BYTES_MAX, PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX};
use crate::shared::{Plan, Planned};
use bytes::Bytes;
use std::ops::Range;
use sterna_crdt::Name;
use sterna_log::Token;
use sterna_model::{AggregateType, json};
use sterna_store::{Pair, Snapshot};
use sterna_write::ETag;

/// A document.
#[derive(Clone, Debug)]
pub struct Found {
    pub json: Bytes,
    pub etag: ETag,
    /// The request's token joined with what the document was made from.
    pub token: Token,
}

/// One page of a view or of a history.
#[derive(Clone, Debug)]
pub struct Page {
    /// `{"data":[…],"next":…}`
    pub body: Bytes,
    /// A bare cursor, as in the body.
    pub next: Option<String>,
    /// The request's token joined with what the page was made from.
    pub token: Token,
}

/// The first rows of a range.
struct Rows {
    rows: Vec<Pair>,
    /// There are more behind them.
    more: bool,
}

async fn scan_rows(snapshot: &dyn Snapshot, range: Range<Bytes>, limit: usize) -> Result<Rows, ReadRefused> {
    if range.start >= range.end {
        return Ok(Rows { rows: Vec::new(), more: false });
    }
    let page = sterna_store::Page { limit: limit + 1, bytes: PAGE_BYTES_MAX, reverse: false };
    let mut rows = snapshot.scan(range, page).await?;
    let more = rows.len() > limit || !page.is_short(&rows);
    rows.truncate(limit);
    Ok(Rows { rows, more })
}

/// `{"data":[…],"next":…}`
struct Body(String);

impl Body {
    fn new() -> Self {
        Self("{\"data\":[".to_owned())
    }

    fn row(&mut self, write: impl FnOnce(&mut String)) {
        if !self.0.ends_with('[') {
            self.0.push(',');
        }
        write(&mut self.0);
    }

    fn end(mut self, next: Option<&str>) -> Bytes {
        self.0.push_str("],\"next\":");
        match next {
            Some(next) => json::write_string(next, &mut self.0),
            None => self.0.push_str("null"),
        }
        self.0.push('}');
        self.0.into()
    }
}

fn known_type<'p>(plan: &'p Plan, kind: &str) -> Result<&'p AggregateType, ReadRefused> {
    plan.model.aggregate(kind).ok_or_else(|| ReadRefused::UnknownType {
        kind: kind.into(),
        suggestion: suggest(kind, plan.model.aggregates().iter().map(|of| &of.name)),
    })
}

fn known_view<'p>(plan: &'p Plan, view: &str) -> Result<&'p Planned, ReadRefused> {
    plan.view(view).ok_or_else(|| ReadRefused::UnknownView {
        view: view.into(),
        suggestion: suggest(view, plan.model.views().iter().map(|view| &view.name)),
    })
}

fn check_id(id: &str) -> Result<(), ReadRefused> {
    if sterna_model::valid_id(id) { Ok(()) } else { Err(ReadRefused::InvalidId) }
}

fn limit(limit: Option<usize>) -> Result<usize, ReadRefused> {
    match limit {
        None => Ok(PAGE_ROWS_DEFAULT),
        Some(limit) if (1..=PAGE_ROWS_MAX).contains(&limit) => Ok(limit),
        Some(_) => Err(ReadRefused::InvalidLimit { max: PAGE_ROWS_MAX }),
    }
}

/// The name that was probably meant.
pub(crate) fn suggest<'n>(given: &str, names: impl Iterator<Item = &'n Name>) -> Option<Name> {
    sterna_model::nearest(given, names.map(|name| &**name)).map(Name::from)
}

impl From<Unreadable> for ReadRefused {
    fn from(error: Unreadable) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<DocumentError> for ReadRefused {
    fn from(error: DocumentError) -> Self {
        Self::Unavailable(error.to_string())
    }
}
