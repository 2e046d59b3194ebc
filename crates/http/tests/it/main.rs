//! A region over HTTP, on memory stores.
#![allow(clippy::disallowed_methods, reason = "these tests ask from outside, over real sockets, in real time")]
#![allow(clippy::print_stdout, reason = "a million inputs tell where they began")]

mod bulk;
mod commands;
mod connections;
mod contract;
mod feed;
mod headers;
mod limits;
mod openapi;
mod operating;
mod queries;
mod random;
mod ready;
mod region;
mod wire;
