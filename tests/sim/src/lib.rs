//! A whole cluster in one process from one seed: real writers, replication, views and HTTP on memory stores, turmoil's network and a
//! simulated clock; with faults from the seed, and independent checkers of what must hold.
//!
//! One thread runs one seed. Everything that could differ between two runs comes from the seed: the network, clocks, randomness, hash
//! maps, the schedule of faults, and what clients do. So the same seed gives the same trace.

mod audit;
mod chaos;
mod client;
mod cluster;
mod coverage;
mod dice;
mod history;
mod http;
mod logs;
mod monitor;
mod mutations;
mod node;
mod panics;
mod plan;
mod process;
mod run;
mod schema;
mod site;
mod trace;
mod verdict;
mod workload;

pub use coverage::{Coverage, EVENTS};
pub use mutations::{MUTATIONS, Mutation};
pub use run::run;
pub use verdict::Verdict;
