//! What the binary promises, asked of real processes from outside.

mod bounds;
mod changes;
mod checked;
mod cli;
mod client;
mod conflicts;
mod crash;
mod disk;
mod documents;
mod durable;
mod effect_once;
mod evolution;
#[cfg(feature = "fluvio")]
mod fluvio;
#[cfg(feature = "foundationdb")]
mod foundationdb;
mod homes;
mod keys;
mod language;
mod load;
mod lost;
mod metrics;
mod order;
mod peers;
mod readiness;
mod refusals;
mod restore;
mod rows;
mod sessions;
mod shutdown;
mod spine;
mod start;
mod stories;
