//! Projector, views, queries, change feed: the read side of a region.
//!
//! What always holds:
//!
//! - Everything in the read store is a pure function of logs and model. It can be lost; it is then built again.
//! - One task, the projector, writes. Documents, history, view rows, the feed and the progress that they stand for change in one
//!   transaction, so that an event is never projected twice and never missed, whenever the process dies.
//! - Readers see only what is committed, and an answer's token names at least what the answer was made from.
//! - Equal states have equal bytes, in every region.

mod cache;
mod document;
mod feed;
mod fence;
mod keys;
mod layouts;
pub mod limits;
mod metrics;
mod projector;
mod query;
mod reads;
mod refused;
mod registry;
mod shared;
mod status;
mod view;

pub use feed::{Cursor, CursorError, FeedFilter, FeedItem};
pub use query::{Found, Page};
pub use reads::{Options, Reads};
pub use refused::{ReadRefused, Retry, StartError};
pub use status::{Build, Status, ViewStatus};
