//! A thin typed client.
//!
//! A command keeps its idempotency key over every retry and every region it is tried in, so that it has one effect. What a
//! client has seen is in its tokens, which it sends with each request: it reads its own writes, in whichever region answers.
//! Nothing is kept on disk, and every socket, clock and random number is the [`Env`](sterna_env::Env)'s.
//!
//! Only `http://` is spoken; TLS ends at a proxy beside the client or the region.

mod answer;
mod bulk;
mod changes;
mod client;
mod command;
mod connection;
mod error;
mod options;
mod read;
mod sse;
mod tokens;
mod url;

pub use answer::{Accepted, Document, Page};
pub use bulk::{Answer, Bulk, BulkLine, Done};
pub use changes::{Change, ChangeData, Changes};
pub use client::Client;
pub use command::CommandCall;
pub use error::{ArgumentError, Error, Problem};
pub use options::Options;
