//! Real clusters of the engines that are installed apart, as processes on loopback, for tests and benchmarks.
//!
//! Binaries are found by an environment variable or on `PATH`; where there are none, whoever asks says loudly that it skips. Whatever was
//! started ends with the process that started it, also if that is killed.
#![allow(clippy::disallowed_methods, reason = "tests find binaries by the environment, and wait for processes by the real clock")]
#![allow(clippy::unwrap_used, reason = "a test's tool: what does not work ends the test")]

#[cfg(feature = "certificates")]
pub mod certificates;
pub mod fluvio;
pub mod foundationdb;
mod keeper;
mod lane;
mod ports;

pub use keeper::Keeper;
pub use lane::{block_on, trial};
pub use ports::free_port;
