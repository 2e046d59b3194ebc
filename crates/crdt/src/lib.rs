//! Field types and their merges. Pure: no clock, no I/O, no randomness.
//!
//! An aggregate's state is a function of the *set* of updates applied to it. Updates arrive so that causes come first
//! (`log` and `replicate` see to that); concurrent ones arrive in any order, and an update that is held is never applied again.

mod causality;
mod kind;
mod op;
mod value;

pub use causality::{Clock, Dot, Incarnation, Order, RegionId, VersionVector};
pub use kind::{FieldKind, Policy};
pub use op::{Action, Op, Update};
pub use value::{Name, Value};
