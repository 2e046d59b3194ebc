//! Commands and merges on the memory store: real shard writers, frames carried by hand.

mod cluster;
mod commands;
mod faults;
mod merging;
mod models;
mod parking;
mod processes;
mod sweeping;
mod tails;
