//! What requests say, converted once: headers, paths, queries, bodies.

mod body;
mod context;
mod id;
mod path;
mod prefer;
mod query;
mod tokens;

pub(crate) use body::{JsonBody, checked_lines};
pub(crate) use context::{Context, parse_if_match};
pub(crate) use id::{RequestId, RequestIds};
pub(crate) use path::Segments;
pub(crate) use query::Query;
