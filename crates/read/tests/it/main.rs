//! The read side on memory stores: real writers, frames carried by hand, every answer compared with what a plain evaluation says.

mod building;
mod expected;
mod feed;
mod models;
mod parking;
mod projecting;
mod querying;
mod sharing;
mod waiting;
mod world;
