//! Evaluated operations. What an operation observed is its update's vector, to the dot; nothing is evaluated again.

use crate::{Dot, Name, Order, Policy, RegionId, Value, VersionVector};
use serde::{Deserialize, Serialize};

/// One evaluated effect on one field (or on one key of a map field).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Op {
    /// Empty for [`Action::Delete`].
    #[serde(deserialize_with = "crate::value::name")]
    pub field: Name,
    pub key: Option<Value>,
    pub action: Action,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Action {
    /// A register's or a flag's new value; `by` as evaluated at the origin for `max_by` and `min_by`.
    Set {
        value: Value,
        by: Option<Value>,
        /// What the model said, where this was set, about values that are set at once; `None`: the latest. So a rule may change from
        /// one version of the model to the next, and every region decides alike. A lattice (`max`, `min`) has none, since a field
        /// is one for good; nor has a flag.
        rule: Option<Box<Policy>>,
    },
    Add(i64),
    Insert(Value),
    Remove(Value),
    /// Takes away what the update had observed under `key`, and nothing else.
    RemoveKey,
    /// Takes away what the update had observed of the whole aggregate; with `wins` also what is concurrent.
    Delete {
        wins: bool,
    },
    /// Escrow: the origin gives rights of a bounded counter to another region: to take `amount` away, or, if it is negative, to add
    /// as much. Readers see no difference: no value, presence or time changes.
    Give {
        amount: i64,
        to: RegionId,
        /// Whose rights they were, if not the origin's: of a region that was declared lost.
        from: Option<RegionId>,
    },
}

impl Action {
    pub fn is_delete(&self) -> bool {
        matches!(self, Self::Delete { .. })
    }

    /// It changes what a reader may see.
    pub fn is_visible(&self) -> bool {
        !matches!(self, Self::Give { .. })
    }
}

/// What merging needs to know of an event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Update {
    pub dot: Dot,
    /// The aggregate's vector before the event; it holds every event that this one observed.
    pub seen: VersionVector,
    pub order: Order,
    /// The version of the model that it was made under; never lower than that of an event that it observed.
    pub version: u32,
    pub ops: Vec<Op>,
}

impl Update {
    /// `self` happened before `other`: `other`'s aggregate had applied it.
    pub fn before(&self, other: &Self) -> bool {
        other.seen.contains(self.dot)
    }

    /// It contributes something, be it only the aggregate's presence: not if it only deletes or moves rights.
    pub fn contributes(&self) -> bool {
        self.ops.is_empty() || self.ops.iter().any(|op| !op.action.is_delete() && op.action.is_visible())
    }

    /// The ledger may have a row of it and a concurrent one, as one of them sets, removes or deletes: what is only added or inserted
    /// meets nothing.
    pub fn competes(&self) -> bool {
        self.ops.iter().any(|op| !matches!(op.action, Action::Add(_) | Action::Insert(_) | Action::Give { .. }))
    }

    /// It only moves rights.
    pub fn is_transfer(&self) -> bool {
        !self.ops.is_empty() && !self.ops.iter().any(|op| op.action.is_visible())
    }

    pub fn concurrent(&self, other: &Self) -> bool {
        self.dot != other.dot && !self.before(other) && !other.before(self)
    }
}
