//! The client against servers that say what a test wants.
#![allow(clippy::disallowed_methods, reason = "these tests answer from outside, over real sockets, in real time")]

mod retrying;
mod server;
mod streaming;
