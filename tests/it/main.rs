//! What the binary promises, asked of real processes from outside.

mod bounds;
mod changes;
mod checked;
mod cli;
mod crash;
mod disk;
mod durable;
mod evolution;
mod keys;
mod language;
mod load;
mod metrics;
mod peers;
mod readiness;
mod refusals;
mod restore;
mod sessions;
mod shutdown;
mod spine;
mod start;
