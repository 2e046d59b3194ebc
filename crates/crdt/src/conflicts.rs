//! Which updates met in a way that needed a decision: the rows of the ledger.

mod cells;
mod deletes;
mod track;

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
    /// Somebody decided on a void event, which is the loser, and that decision stands. Written by the caller.
    OnVoid,
}

impl Rule {
    pub const ALL: [Self; 13] = [
        Self::Latest,
        Self::Keep,
        Self::Max,
        Self::Min,
        Self::Prefer,
        Self::MaxBy,
        Self::MinBy,
        Self::AddWins,
        Self::TrueWins,
        Self::Delete,
        Self::DeleteWins,
        Self::Void,
        Self::OnVoid,
    ];

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
            Self::OnVoid => "decided-on-void",
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
    /// The version of the model whose rule it is: the highest among the events that met.
    pub version: u32,
    /// What the loser tried to set, if it set something.
    pub lost: Option<Value>,
    /// What the winner set, added or inserted.
    pub won: Option<Value>,
}

/// The rows that `updates` make: a pure function of their set, sorted by field, element, loser and winner.
///
/// - A set has a row if a concurrent set beat it and nobody who had seen it set the field beside or before the winner; equal values
///   are no conflict. Under `max` and `min` only who set a better value counts as having decided. Whoever decided did so even if
///   a winning delete took the decision away; so rows are final as soon as the two steps of closing are settled.
/// - Where the sets that met come from several versions of the model, the rule of the highest one decides. If somebody removed those of that
///   version, and had not seen the loser, the rule of the others decides too: then it is they who hide it.
/// - A removal has a row for each concurrent contribution that it didn't remove, so has a delete; an update that a winning
///   delete took away has one.
///
/// The rows of a loser are exact if `updates` hold what is concurrent with it and what had seen it, and the winning deletes concurrent
/// with these. For the unclosed losers of a tail that is the tail and its [`witnesses`]. The rows of a closed loser are final:
/// keep what was found, whatever a smaller tail would say.
pub fn rows(updates: &[&Update], schema: &dyn Schema) -> Vec<Row> {
    let mut sorted = updates.to_vec();
    sorted.sort_unstable_by_key(|update| update.dot);
    sorted.dedup_by_key(|update| update.dot);
    let mut rows = Vec::new();
    let live = deletes::rows(&sorted, &mut rows);
    cells::rows(&sorted, &live, schema, &mut rows);
    rows.sort_unstable();
    rows.dedup_by(|a, b| (&a.field, &a.element, a.loser, a.winner) == (&b.field, &b.element, b.loser, b.winner));
    rows
}

/// Those of `closed` that still count for the `tail`, which is what isn't closed: the updates concurrent with it, and the winning
/// deletes concurrent with such a one, since they say that it has no effect. The others can be forgotten, and
/// [closed](crate::Fields::close) in a state that `tail` is folded onto.
///
/// Whoever keeps these, and puts updates among them in the order of causes, needs only closed updates that were kept before
/// and those that were closed just now.
pub fn witnesses<'a>(closed: &[&'a Update], tail: &[&Update]) -> Vec<&'a Update> {
    let tail = deletes::track(tail);
    let (near, far): (Vec<_>, Vec<_>) = closed.iter().copied().partition(|update| tail.is_beside(update));
    let track = deletes::track(&near);
    let overruling = far.into_iter().filter(|update| deletes::deletes(update, true) && track.is_beside(update));
    let mut kept: Vec<_> = overruling.collect();
    kept.extend(near);
    kept
}
