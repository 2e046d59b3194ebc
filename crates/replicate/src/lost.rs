//! Declaring a region lost: at an operator's word, by all other regions together.

mod ask;
mod declare;
mod heir;
mod rumour;

pub(crate) use ask::Registrar;
pub(crate) use declare::Declare;
pub use declare::{DeclareRefused, Declared};
pub(crate) use heir::Heir;
pub(crate) use rumour::Rumour;
