//! Relay, resolver, reactor: this region's log to the others, theirs to this one.
//!
//! The `relay` publishes what this region committed; [`Source`] serves this region's copy of any log. The `resolver` follows the other
//! regions, fills holes and hands everything to the writer. The `recovery` notices that the store is an old copy of itself, the
//! `gate` opens the region when it may take commands, and the `reactor` sends what its events cause.

mod claims;
mod desk;
mod escrow;
mod gate;
mod homes;
mod introductions;
pub mod limits;
mod lost;
mod metrics;
mod peers;
mod reactor;
mod recall;
mod recovery;
mod relay;
mod replication;
mod resolver;
mod source;
mod status;
mod unconfirmed;
mod unheard;
mod upgrade;

pub use escrow::RightsLeft;
pub use homes::{HomeMoved, MoveRefused};
pub use lost::{DeclareRefused, Declared};
pub use metrics::Metrics;
pub use peers::{Peer, Peers};
pub use replication::{Options, Replication};
pub use source::Source;
pub use status::{LogStatus, NextModel, OriginStatus, Status};
