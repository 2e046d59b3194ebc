//! Events as the logs hold them, in this crate's own words.

use serde_json::Value;
use std::collections::BTreeMap;

/// Incarnation and number.
pub type Dot = (u64, u64);

/// Clock and incarnation. Greater wins.
pub type Order = (u64, u64);

#[derive(Clone, Debug)]
pub struct Event {
    /// `type/id`.
    pub aggregate: String,
    pub dot: Dot,
    /// The region that accepted it, as the cluster counts them.
    pub region: u16,
    /// Of the model that it was accepted under.
    pub version: u32,
    /// The event's name as interfaces show it.
    pub name: String,
    /// How many events of each incarnation the aggregate had applied.
    pub seen: BTreeMap<u64, u64>,
    pub order: Order,
    /// Decides between twins of one key.
    pub rank: Order,
    pub key: String,
    /// The causing aggregate and its event.
    pub cause: Option<(String, Dot)>,
    pub ops: Vec<Op>,
}

#[derive(Clone, Debug)]
pub struct Op {
    pub field: String,
    pub key: Option<Value>,
    pub action: Action,
}

#[derive(Clone, Debug)]
pub enum Action {
    Set(Value),
    Add(i64),
    Insert(Value),
    Remove(Value),
    RemoveKey,
    Delete {
        wins: bool,
    },
    /// Rights of a bounded counter go to another region.
    Give {
        amount: i64,
    },
}

/// What a field is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    Latest,
    Keep,
    Max,
    /// The first of these regions.
    Prefer(Vec<u16>),
    /// Another one of these with each version of the model, from 1. The highest version among the sets that meet decides.
    Turns(Vec<Kind>),
    Counter,
    Bounded,
    Flag,
    Set,
    Map(Box<Kind>),
}

/// The fields of one type of aggregate.
pub type Schema = BTreeMap<String, Kind>;

impl Event {
    /// `other`'s aggregate had applied this one.
    pub fn before(&self, other: &Self) -> bool {
        other.seen.get(&self.dot.0).is_some_and(|n| *n >= self.dot.1)
    }

    pub fn concurrent(&self, other: &Self) -> bool {
        self.dot != other.dot && !self.before(other) && !other.before(self)
    }

    pub fn deletes(&self) -> bool {
        self.ops.iter().any(|op| matches!(op.action, Action::Delete { .. }))
    }

    pub fn deletes_all(&self) -> bool {
        self.ops.iter().any(|op| matches!(op.action, Action::Delete { wins: true }))
    }

    pub fn more_than_deletes(&self) -> bool {
        self.ops.is_empty() || self.ops.iter().any(|op| !matches!(op.action, Action::Delete { .. }))
    }
}

impl Kind {
    /// What decides between the sets of these events.
    pub fn among<'a>(&self, events: impl Iterator<Item = &'a Event>) -> &Self {
        let Self::Turns(turns) = self else { return self };
        let version = events.map(|event| event.version).max().unwrap_or(1);
        &turns[(version as usize).clamp(1, turns.len()) - 1]
    }

    /// Whether `action` adds to what the field shows; any other takes away.
    pub fn contributes(&self, action: &Action) -> bool {
        match (action, self) {
            (Action::Delete { .. } | Action::RemoveKey | Action::Remove(_), _) => false,
            (Action::Set(value), Self::Flag) => *value == Value::Bool(true),
            _ => true,
        }
    }
}
