//! Which updates met in a way that needed a decision: the rows of the ledger.

use crate::{Dot, Name, Schema, Update, Value};

/// What decided.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Rule {
    Latest,
    /// All values stay; the winner is the one shown.
    Keep,
    Max,
    Min,
    Prefer,
    MaxBy,
    MinBy,
    /// A removal met an insertion (or, under a map's key, any contribution) that it had not observed.
    AddWins,
    /// A false met a true that it had not observed.
    TrueWins,
    /// A delete met an update that it had not observed, and which remains.
    Delete,
    /// A delete took away an update that it had not observed.
    DeleteWins,
    /// The event has no effect, since another region accepted its key first. Written by the caller.
    Void,
}

impl Rule {
    pub fn name(self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::Keep => "keep",
            Self::Max => "max",
            Self::Min => "min",
            Self::Prefer => "prefer",
            Self::MaxBy => "max-by",
            Self::MinBy => "min-by",
            Self::AddWins => "add-wins",
            Self::TrueWins => "true-wins",
            Self::Delete => "delete",
            Self::DeleteWins => "delete-wins",
            Self::Void => "void",
        }
    }
}

/// One row of the ledger, without what its caller knows (aggregate, finality).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Row {
    /// Empty where whole updates met: deletes, voids.
    pub field: Name,
    /// A map's key, a set's element, or `[key, element]` for a map of sets.
    pub element: Option<Value>,
    pub loser: Dot,
    pub winner: Option<Dot>,
    pub rule: Rule,
    /// What the loser tried to set, if it set something.
    pub lost: Option<Value>,
    /// What the winner set, added or inserted.
    pub won: Option<Value>,
}

/// The rows of `updates`, sorted by field, element, loser and winner.
pub fn rows(updates: &[&Update], schema: &dyn Schema) -> Vec<Row> {
    let _ = (updates, schema);
    Vec::new()
}
