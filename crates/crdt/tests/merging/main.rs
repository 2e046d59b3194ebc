//! Merging against a slow reference, over random histories.

mod checkpoints;
mod conflicts;
mod cases;
mod encoding;
mod history;
mod oracles;
mod reference;
mod replica;
mod states;
