//! Logs, traces and metrics of a process.
//!
//! There is no global registry and nothing here reads the environment: what is logged, where traces go and which metrics
//! exist is handed in by the binary. [`init()`] is called once, by it alone.

mod init;
mod metrics;
mod otlp;
mod process;
mod trace;

pub use init::{Guard, InitError, LogFormat, Options, init};
pub use metrics::{Build, CONTENT_TYPE, encode, register_build};
pub use process::ProcessCollector;
pub use trace::{TraceContext, adopt, context_of};
