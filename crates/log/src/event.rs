//! What an accepted command became.

use crate::Position;
use std::sync::Arc;
use sterna_crdt::{Dot, Name, Order, Update};

/// One event. What it changes is `update`; the rest says why, and what else follows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// A reader that does not know how to apply a critical event parks its aggregate; an ignorable one it skips.
    pub critical: bool,
    /// The aggregate's type.
    pub kind: Name,
    /// The aggregate's id.
    pub id: Name,
    pub update: Arc<Update>,
    pub command: Name,
    /// Canonical JSON object: typed, defaulted, keys in order of declaration.
    pub args: Name,
    pub key: Name,
    /// The key was made by the server, so the event can have no twin.
    pub key_made: bool,
    /// Of command name and canonical arguments.
    pub body_hash: [u8; 16],
    /// The body that was answered, where it differs from the one every accepted command gets.
    pub answer: Option<Name>,
    /// Who sent the command; empty if unknown.
    pub actor: Name,
    /// Of the model whose version is the update's.
    pub model_hash: u64,
    pub reactions: Vec<Reaction>,
    pub cause: Option<Cause>,
    /// W3C `traceparent`, or empty.
    pub trace: Name,
    /// Empty: not encrypted.
    pub encryption_key: Name,
    /// Why this build can't read what it does: an operation of a newer release. Never written.
    pub unreadable: Option<Name>,
}

impl Event {
    pub fn dot(&self) -> Dot {
        self.update.dot
    }

    /// Decides between twins of one key: a reaction's is its cause's, else its own order.
    pub fn rank(&self) -> Order {
        self.cause.as_ref().map_or(self.update.order, |cause| cause.rank)
    }
}

/// A command for another aggregate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Send {
    pub kind: Name,
    pub id: Name,
    pub command: Name,
    /// JSON object.
    pub args: Name,
}

/// What the event sends, evaluated in the causing transaction; `refused` is sent if the first is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reaction {
    pub name: Name,
    pub send: Send,
    pub refused: Option<Send>,
}

/// Why a reaction's event is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cause {
    pub kind: Name,
    pub id: Name,
    pub dot: Dot,
    /// Where it is in its origin's log.
    pub position: Position,
    /// Which of the cause's reactions.
    pub index: u32,
    pub rank: Order,
    /// 1 for the reaction to a command that a client sent.
    pub depth: u32,
}
