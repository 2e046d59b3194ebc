//! An event in the tail: what merging must know of it until nothing concurrent with it can arrive.

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use sterna_crdt::{Dot, Name, Order, Update};
use sterna_env::mutation;
use sterna_log::{Event, Position};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Open {
    pub update: Arc<Update>,
    /// In its origin's log; of an own event unknown until it is committed.
    #[serde(with = "position")]
    pub position: Option<Position>,
    pub key: Name,
    pub body_hash: [u8; 16],
    pub answer: Option<Name>,
    pub rank: Order,
    /// The causing event's aggregate (type, id) and dot, for a reaction.
    pub cause: Option<CauseOf>,
    /// Where that is in its origin's log, and whether it has a cause itself.
    #[serde(with = "position")]
    pub cause_at: Option<Position>,
    pub is_chained: bool,
    /// The aggregates (type, id) that its reactions are sent to, refused ones' included.
    pub targets: Vec<(Name, Name)>,
    /// Another region may have accepted the same key: not if the server made it and the event is no reaction.
    pub may_have_twin: bool,
    /// It has no effect: a twin has a smaller rank, or its cause is void. Never turns back.
    pub void: bool,
    /// The verdict on its cause is final.
    pub cause_settled: bool,
    /// Everything within two steps of concurrency is settled; kept as a witness for others' ledger rows.
    pub closed: bool,
}

/// Type, id and dot of a causing event.
pub type CauseOf = (Name, Name, Dot);

impl Open {
    pub fn of(event: &Event, position: Option<Position>) -> Self {
        let cause = event.cause.as_ref().map(|c| (c.kind.clone(), c.id.clone(), c.dot));
        let inherits = !mutation::on("own-rank-for-reactions");
        Self {
            update: Arc::clone(&event.update),
            position,
            key: event.key.clone(),
            body_hash: event.body_hash,
            answer: event.answer.clone(),
            rank: if inherits { event.rank() } else { event.update.order },
            may_have_twin: !event.key_made || cause.is_some(),
            cause_settled: cause.is_none(),
            cause,
            cause_at: event.cause.as_ref().map(|cause| cause.position).filter(|position| *position != Position::ZERO),
            is_chained: event.cause.as_ref().is_some_and(|cause| cause.depth > 1),
            targets: targets(event),
            void: false,
            closed: false,
        }
    }

    pub fn dot(&self) -> Dot {
        self.update.dot
    }

    /// Of several events of one key the one with the smallest has the effect. Reactions of one cause have one rank; then their own order decides.
    pub fn precedence(&self) -> (Order, Order) {
        (self.rank, self.update.order)
    }

    /// Both were accepted under one key, each without knowledge of the other.
    pub fn is_twin_of(&self, other: &Self) -> bool {
        self.key == other.key && self.update.concurrent(&other.update)
    }
}

pub(crate) fn targets(event: &Event) -> Vec<(Name, Name)> {
    let sends = event.reactions.iter().flat_map(|reaction| std::iter::once(&reaction.send).chain(&reaction.refused));
    let mut targets: Vec<(Name, Name)> = sends.map(|send| (send.kind.clone(), send.id.clone())).collect();
    targets.sort_unstable();
    targets.dedup();
    targets
}

mod position {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use sterna_log::Position;

    pub fn serialize<S: Serializer>(position: &Option<Position>, to: S) -> Result<S::Ok, S::Error> {
        position.map(|p| (p.epoch, p.commit, p.index)).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Position>, D::Error> {
        let parts = Option::<(u64, [u8; 10], u16)>::deserialize(from)?;
        Ok(parts.map(|(epoch, commit, index)| Position { epoch, commit, index }))
    }
}
