//! Events that something concurrent may still join (DESIGN.md, section 4: settled and closed).

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use sterna_crdt::{Dot, Incarnation, Name, Order, Update};
use sterna_log::{Event, Position};

/// Above this many events a tail is examined pair by pair only now and then: that costs the square of its length.
const PAIRWISE_MAX: usize = 64;

/// An event in the tail.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Open {
    pub update: Arc<Update>,
    /// In its origin's log; of an own event unknown until it is committed.
    #[serde(with = "position")]
    pub position: Option<Position>,
    pub key: Name,
    pub rank: Order,
    /// The causing event's aggregate (type, id) and dot, for a reaction.
    pub cause: Option<(Name, Name, Dot)>,
    /// Another region may have accepted the same key: not if the server made it and the event is no reaction.
    pub may_have_twin: bool,
    /// Everything within two steps of concurrency is settled; kept as a witness for others' ledger rows.
    pub closed: bool,
}

impl Open {
    pub fn of(event: &Event, position: Option<Position>) -> Self {
        let cause = event.cause.as_ref().map(|c| (c.kind.clone(), c.id.clone(), c.dot));
        let may_have_twin = !event.key_made || event.cause.is_some();
        Self {
            update: Arc::clone(&event.update),
            position,
            key: event.key.clone(),
            rank: event.rank(),
            cause,
            may_have_twin,
            closed: false,
        }
    }
}

/// The places in `tail` of the events that are closed now and were not before. An event is *clear* if it is settled and no
/// unsettled one is concurrent with it, and closed if all that are concurrent with it are clear too.
pub(super) fn closing(tail: &[Open], settled: &dyn Fn(Incarnation) -> Position) -> Vec<usize> {
    let is_settled = |open: &Open| open.position.is_some_and(|position| position <= settled(open.update.dot.incarnation));
    let unsettled: Vec<&Open> = tail.iter().filter(|open| !open.closed && !is_settled(open)).collect();
    if unsettled.is_empty() {
        return (0..tail.len()).filter(|&at| !tail[at].closed).collect();
    }
    if unsettled.len() == tail.len() || tail.len() > PAIRWISE_MAX && !tail.len().is_multiple_of(PAIRWISE_MAX) {
        return Vec::new();
    }
    let clear: Vec<bool> =
        tail.iter().map(|open| open.closed || is_settled(open) && !unsettled.iter().any(|u| u.update.concurrent(&open.update))).collect();
    let closed = |at: usize| clear[at] && (0..tail.len()).all(|other| clear[other] || !tail[other].update.concurrent(&tail[at].update));
    (0..tail.len()).filter(|&at| !tail[at].closed && closed(at)).collect()
}

/// Keeps, of the closed events, those that the ledger's rows of the others still depend on.
pub(super) fn trim(tail: &mut Vec<Open>) {
    let updates = |closed: bool| tail.iter().filter(|open| open.closed == closed).map(|open| &*open.update).collect::<Vec<_>>();
    let witnesses: Vec<Dot> = sterna_crdt::conflicts::witnesses(&updates(true), &updates(false)).iter().map(|update| update.dot).collect();
    tail.retain(|open| !open.closed || witnesses.contains(&open.update.dot));
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
