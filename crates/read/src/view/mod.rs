//! What views keep: rows of tables and groups of rollups, and how a change of their source changes them.

mod generation;
mod path;
mod rollup;
mod table;

pub(crate) use generation::{Derived, Generation};
pub(crate) use path::Path;
pub(crate) use rollup::{Deltas, GroupError, Groups, show};
pub(crate) use table::change_rows;
