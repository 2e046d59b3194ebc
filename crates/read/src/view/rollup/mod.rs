//! Groups of a rollup. What a source contributed is taken back before what it contributes now is added; within a batch only the
//! difference is written, once a group.

mod accumulator;
mod deltas;
mod groups;
mod show;
mod spilled;

pub(crate) use deltas::Deltas;
pub(crate) use groups::{GroupError, Groups};
pub(crate) use show::show;
