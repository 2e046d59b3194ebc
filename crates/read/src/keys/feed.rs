//! `f`, page (8): a page of the change feed. Old ones are cleared. Each names the one before it, because a start skips numbers: what
//! a power loss took is never numbered again.

use bytes::{Buf, BufMut, Bytes};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use sterna_crdt::{Dot, Name};
use sterna_store::prefix_range;

pub(crate) const LETTER: u8 = b'f';

/// What one projected batch changed, or a part of it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The page before it, and how many pages and bytes there were before it.
    pub previous: Option<u64>,
    pub pages_before: u64,
    pub bytes_before: u64,
    /// A view means something else from here on: what was read before is stale.
    pub reset: bool,
    /// Types, commands and views that the changes name by number.
    pub names: Vec<Name>,
    pub changes: Vec<Change>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Change {
    pub kind: u16,
    pub id: Name,
    pub event: Dot,
    pub command: u16,
    pub etag: u64,
    pub views: Vec<u16>,
}

pub(crate) fn key(page: u64) -> Bytes {
    let mut key = vec![LETTER];
    key.put_u64(page);
    key.into()
}

pub(crate) fn all() -> Range<Bytes> {
    prefix_range(&[LETTER])
}

/// Pages from this one on.
pub(crate) fn from(page: u64) -> Range<Bytes> {
    key(page)..all().end
}

pub(crate) fn parse(mut key: &[u8]) -> Option<u64> {
    (key.len() == 9 && key.get_u8() == LETTER).then(|| key.get_u64())
}
