//! A region over HTTP.
//!
//! What always holds: every refusal is a problem document (RFC 9457) with a code that `/problems/{code}` explains; every answer
//! has a request id; an answer that was made from something names it in its token; nothing waits, buffers or runs without a bound
//! of [`Limits`]. Handlers extract, convert, call the service and convert back; what the answer is, the services decide.

mod admin;
mod bulk;
mod command;
mod envelope;
mod headers;
mod limits;
mod metrics;
mod openapi;
mod probes;
mod problem;
mod reads;
mod reply;
mod request;
mod router;
mod serve;
mod services;
mod socket;
mod status;

pub use limits::Limits;
pub use metrics::Metrics;
pub use openapi::document as openapi;
pub use problem::{Code, Problem};
pub use router::router;
pub use serve::{ServeOptions, serve};
pub use services::{ClusterHealth, LinkState, Links, Readiness, Services, StoreInfo, StreamInfo, UnknownPeer};
