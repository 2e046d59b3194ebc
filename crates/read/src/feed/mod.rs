//! The change feed: what changed, after it was projected. At least once, in order per log.

mod cursor;
mod follow;
mod hub;
mod writer;

pub use cursor::{Cursor, CursorError};
pub(crate) use follow::follow;
pub(crate) use hub::{Hub, Tip};
pub(crate) use writer::{Change, Pages, Writer};

use sterna_crdt::{Dot, Name};
use sterna_write::ETag;

/// What a follower wants to hear of; nothing set is everything.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FeedFilter {
    /// An aggregate type.
    pub kind: Option<Name>,
    /// An aggregate's id.
    pub id: Option<Name>,
    /// A view: changes that touched it.
    pub view: Option<Name>,
}

/// What a follower hears.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FeedItem {
    Change {
        /// Follow from here to get what comes after.
        cursor: Cursor,
        kind: Name,
        id: Name,
        event: Dot,
        command: Name,
        etag: ETag,
        /// Names of the views that changed with the aggregate.
        views: Vec<Name>,
    },
    /// What was asked for is gone, or of another life of the read store: read everything anew. Follows from `cursor`.
    Reset { cursor: Cursor },
    /// Nothing that the filter lets through, up to here.
    KeepAlive { cursor: Cursor },
}
