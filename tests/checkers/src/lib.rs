//! What must hold of any run of a cluster, told by its clients and, where they are at hand, by its logs.
//!
//! Independent of the code under test: nothing of `crdt`, `write` or `replicate` is used here, not even a type (a test asks `cargo
//! tree`). The rules of merging are written anew in [`fold`] and [`ledger`], slow and obvious, after DESIGN.md's section 4. What a command
//! does is told apart by unique marks, so that a lost, doubled or undone effect has a name.

mod bounds;
mod convergence;
mod durability;
mod events;
mod fold;
mod history;
mod ledger;
mod progress;
mod reference;
mod sessions;
mod shipped;
mod void;

pub use bounds::StockWatch;
pub use convergence::{Copy, converged, one_row_each};
pub use durability::{Tally, effects};
pub use events::{Action, Dot, Event, Kind, Op, Order, Schema};
pub use fold::fold;
pub use history::{Answer, Attempt, History, Pass, Read, Step};
pub use ledger::{Row, ledger};
pub use progress::ProgressWatch;
pub use reference::{Told, against_reference};
pub use sessions::sessions;
pub use shipped::ShippedWatch;
pub use void::voids;

/// Something that must hold did not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// The checker that found it.
    pub checker: &'static str,
    pub what: String,
}

impl Violation {
    pub fn new(checker: &'static str, what: impl Into<String>) -> Self {
        Self { checker, what: what.into() }
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.checker, self.what)
    }
}
