//! The stream's contract: frames from region to region, at least once.
//!
//! Order, gaps and duplicates are the resolver's to check and repair, because the log in the store is the truth.

mod contract;
pub mod conformance;
mod memory;

pub use contract::{FollowError, Follower, LogSource, PublishError, Repair, Stream};
pub use memory::{Faults, Memory};
