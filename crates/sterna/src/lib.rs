//! Configuration, composition and the command line: the one place where parts and engines meet.
//!
//! [`RunningRegion`] is one region; [`Cluster`](dev::Cluster) several in one process; [`cli`] what people type; [`demo`] the year of
//! flights. Nothing but this crate reads the process's environment, and nothing below it knows a file's path or an engine by name.

pub mod cli;
pub mod config;
pub mod demo;
pub mod dev;
mod home;
mod links;
mod out;
pub mod region;
mod signals;
mod store;
mod stream;
mod watch;

pub use config::Config;
pub use region::{Extras, RunningRegion};
