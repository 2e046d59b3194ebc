//! The stream's contract: frames from region to region, at least once.
//!
//! Order, gaps and duplicates are the resolver's to check and repair, because the log in the store is the truth.

pub mod conformance;
mod contract;
mod memory;

pub use contract::{FollowError, Follower, LogSource, Places, PublishError, Repair, Stream};
pub use memory::{Faults, Hub, MemoryLog, Retention, Troubles};
