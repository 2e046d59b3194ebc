//! Field types and their merges. Pure: no clock, no I/O, no randomness.
//!
//! An aggregate's state is a function of the *set* of updates applied to it. Updates arrive so that causes come first
//! (`log` and `replicate` see to that); concurrent ones arrive in any order, and an update that is held is never applied again.

mod candidate;
mod causality;
mod codec;
pub mod conflicts;
mod counter;
mod dots;
mod field;
mod fields;
mod key;
mod kind;
mod layout;
mod op;
mod read;
mod register;
mod schema;
mod value;

pub use candidate::Candidate;
pub use causality::{Clock, Dot, Incarnation, Order, RegionId, VersionVector};
pub use codec::DecodeError;
pub use counter::Side;
pub use field::Field;
pub use fields::Fields;
pub use key::key_text;
pub use kind::{FieldKind, Policy};
pub use op::{Action, Op, Update};
pub use schema::{ApplyError, Schema};
pub use value::{Name, Value};
