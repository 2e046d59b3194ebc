//! Merging against a slow reference, over random histories.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod cases;
mod checkpoints;
mod conflicts;
mod encoding;
mod history;
mod oracles;
mod reference;
mod replica;
mod states;
