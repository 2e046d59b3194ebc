//! What clients did and were told, in the order in which it ended.

use std::collections::BTreeSet;

#[derive(Clone, Debug)]
pub enum Step {
    Attempt(Attempt),
    Read(Read),
    Pass(Pass),
}

/// A command as it was sent once. A retry is another attempt with the same key.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub client: usize,
    pub region: String,
    pub at_ms: u64,
    /// `type/id`.
    pub aggregate: String,
    pub command: String,
    pub key: String,
    /// What the command leaves behind, if it is accepted: unique to its key.
    pub mark: String,
    /// The session's token was sent, so the region had all of the aggregate's shard that the session knew.
    pub with_token: bool,
    pub answer: Answer,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    Accepted {
        event: String,
        replayed: bool,
    },
    /// It had no effect and never will: a 4xx.
    Refused {
        status: u16,
        code: String,
    },
    /// A refusal that promises nothing of earlier attempts, a broken connection, or silence.
    Unknown {
        why: String,
    },
}

/// A document as a client read it, with its session's token.
#[derive(Clone, Debug)]
pub struct Read {
    pub client: usize,
    pub region: String,
    pub at_ms: u64,
    pub aggregate: String,
    pub marks: BTreeSet<String>,
}

/// A client joined another one's token to its own.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    pub from: usize,
    pub to: usize,
}

#[derive(Clone, Debug, Default)]
pub struct History {
    pub steps: Vec<Step>,
    /// Keys of commands that a disaster took: they were durable only in a store whose disk was lost.
    pub excused: BTreeSet<String>,
    /// Keys that were used again when their window had passed and their first event was in every region: they may be forgotten by then.
    pub forgotten: BTreeSet<String>,
}

impl History {
    pub fn attempts(&self) -> impl Iterator<Item = &Attempt> {
        self.steps.iter().filter_map(|step| if let Step::Attempt(attempt) = step { Some(attempt) } else { None })
    }
}
