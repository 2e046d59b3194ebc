//! Queries: from the read store only.

use bytes::Bytes;
use sterna_log::Token;
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
