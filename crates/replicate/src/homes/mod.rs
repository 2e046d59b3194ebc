//! Commands of types with a home, sent to the region that accepts them; and moves of homes.
//!
//! A region that is asked to carry out a forwarded command never sends it on, so no command travels in circles: what is not for it, it hands
//! back with the home that it knows.

mod forwarder;
mod host;
mod moves;
mod wire;

pub(crate) use forwarder::Forwarder;
pub(crate) use host::Host;
pub(crate) use moves::{HandOver, Moves};
pub use moves::{HomeMoved, MoveRefused};
