//! What a field is: its type and the rule for concurrent updates.

use crate::{Action, RegionId, Value};
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum FieldKind {
    Register(Policy),
    Counter,
    /// A counter with bounds over all regions together, kept by escrow.
    Bounded {
        min: Option<i64>,
        max: Option<i64>,
    },
    /// True wins over a concurrent false.
    Flag,
    /// An insertion wins over a concurrent removal.
    Set,
    /// Any kind but a map and a bounded counter, by key.
    Map(Box<FieldKind>),
}

/// What a register does with concurrent sets. A closed list: no expression runs in a merge.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Policy {
    /// The greatest order wins.
    Latest,
    /// All values stay until somebody decides.
    Keep,
    /// The greatest value ever set, concurrent or not.
    Max,
    /// The smallest value ever set, concurrent or not.
    Min,
    /// The earliest region in the list wins, then the greatest order.
    Prefer(Vec<RegionId>),
    /// The greatest `by` wins, then the greatest order.
    MaxBy,
    /// The smallest `by` wins, then the greatest order.
    MinBy,
}

impl FieldKind {
    /// What an untouched field reads as.
    pub fn unset(&self) -> Value {
        match self {
            Self::Register(_) => Value::Null,
            Self::Counter | Self::Bounded { .. } => Value::Int(0),
            Self::Flag => Value::Bool(false),
            Self::Set => Value::List(Vec::new()),
            Self::Map(_) => Value::Object(Vec::new()),
        }
    }

    /// Whether an operation without a key may do `action` to a field of this kind.
    pub fn takes(&self, action: &Action) -> bool {
        matches!(
            (self, action),
            (Self::Register(_), Action::Set { .. })
                | (Self::Flag, Action::Set { value: Value::Bool(_), .. })
                | (Self::Counter, Action::Add(_))
                | (Self::Bounded { .. }, Action::Add(_) | Action::Give { .. })
                | (Self::Set, Action::Insert(_) | Action::Remove(_))
        )
    }

    /// Whether `action` takes away what was observed; any other contributes.
    pub fn withdraws(&self, action: &Action) -> bool {
        match (action, self) {
            (Action::Remove(_) | Action::RemoveKey | Action::Delete { .. }, _) => true,
            (Action::Set { .. }, Self::Map(inner)) => inner.withdraws(action),
            (Action::Set { value, .. }, Self::Flag) => *value != Value::Bool(true),
            _ => false,
        }
    }

    /// What decides between concurrent sets of a register, or of a map's.
    pub fn policy(&self) -> Option<&Policy> {
        match self {
            Self::Register(policy) => Some(policy),
            Self::Map(inner) => inner.policy(),
            _ => None,
        }
    }

    /// What no delete takes away, and no winning delete overrules.
    pub fn is_bounded(&self) -> bool {
        matches!(self, Self::Bounded { .. })
    }

    pub fn may_be_in_map(&self) -> bool {
        !matches!(self, Self::Map(_) | Self::Bounded { .. })
    }
}
