//! A region over HTTP, on memory stores.
#![allow(clippy::disallowed_methods, reason = "these tests ask from outside, over real sockets, in real time")]

mod bulk;
mod commands;
mod connections;
mod feed;
mod headers;
mod openapi;
mod operating;
mod queries;
mod random;
mod region;
