//! A region over HTTP, on memory stores.

mod bulk;
mod commands;
mod connections;
mod feed;
mod headers;
mod openapi;
mod operating;
mod queries;
mod region;
