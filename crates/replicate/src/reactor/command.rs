//! From an event's reaction to a command.

use bytes::Bytes;
use std::time::Duration;
use sterna_crdt::Name;
use sterna_log::{AggregateId, Cause, Event, Position, Reaction, Send};
use sterna_write::Command;

/// In the index of what is sent when a reaction was refused.
pub(super) const REFUSED: u32 = 0x8000_0000;

/// How deep in a chain of reactions an event's reactions are.
pub(super) fn depth(event: &Event) -> u32 {
    event.cause.as_ref().map_or(0, |cause| cause.depth) + 1
}

/// `position` is the event's.
pub(super) fn command(event: &Event, position: Position, reaction: &Reaction, send: &Send, index: u32) -> Command {
    Command {
        aggregate: AggregateId { kind: send.kind.clone(), id: send.id.clone() },
        name: send.command.clone(),
        args: Bytes::copy_from_slice(send.args.as_bytes()),
        key: Some(key(event, index)),
        if_match: None,
        token: None,
        wait: Duration::ZERO,
        actor: format!("reaction/{}", reaction.name).into(),
        trace: event.trace.clone(),
        represent: false,
        cause: Some(Cause {
            kind: event.kind.clone(),
            id: event.id.clone(),
            dot: event.dot(),
            position,
            index,
            rank: event.rank(),
            depth: depth(event),
        }),
    }
}

/// Of the cause's type, id and key and the reaction's index: twins of a cause have the same reactions.
fn key(event: &Event, index: u32) -> Name {
    let mut hasher = blake3::Hasher::new();
    for part in [&event.kind, &event.id, &event.key] {
        hasher.update(&(part.len() as u64).to_be_bytes()).update(part.as_bytes());
    }
    hasher.update(&index.to_be_bytes());
    Name::from(hasher.finalize().to_hex().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use sterna_crdt::{Clock, Dot, Incarnation, Order, RegionId, Update, VersionVector};

    fn event(id: &str, idempotency_key: &str, n: u64) -> Event {
        let incarnation = Incarnation::new(RegionId(1), 5);
        let order = Order { clock: Clock(7 + n), incarnation };
        let update = Update { dot: Dot { incarnation, n }, seen: VersionVector::default(), order, version: 1, ops: Vec::new() };
        Event {
            critical: true,
            kind: "account".into(),
            id: id.into(),
            update: Arc::new(update),
            command: "debit".into(),
            args: "{}".into(),
            key: idempotency_key.into(),
            key_made: false,
            body_hash: [0; 16],
            answer: None,
            actor: "".into(),
            model_hash: 1,
            reactions: Vec::new(),
            cause: None,
            trace: "".into(),
            encryption_key: "".into(),
            unreadable: None,
        }
    }

    #[test]
    fn twins_of_a_cause_have_one_key_and_nothing_else_has_it() {
        let twin = key(&event("a", "k", 1), 0);
        assert_eq!(twin, key(&event("a", "k", 9), 0));
        assert_eq!(twin.len(), 64);
        for other in
            [key(&event("a", "k", 1), 1), key(&event("a", "k", 1), REFUSED), key(&event("b", "k", 1), 0), key(&event("ak", "", 1), 0)]
        {
            assert_ne!(twin, other);
        }
    }

    #[test]
    fn a_reaction_inherits_its_causes_rank_and_is_one_deeper() {
        let mut cause = event("a", "k", 1);
        let rank = Order { clock: Clock(3), incarnation: Incarnation::new(RegionId(0), 1) };
        cause.cause =
            Some(Cause { kind: "x".into(), id: "y".into(), dot: cause.dot(), position: Position::ZERO, index: 0, rank, depth: 4 });
        let send = Send { kind: "account".into(), id: "b".into(), command: "credit".into(), args: "{}".into() };
        let reaction = Reaction { name: "credit".into(), send: send.clone(), refused: None };
        let position = Position::new(1, [2; 10], 3);
        let made = command(&cause, position, &reaction, &send, 2);
        let reacted = made.cause.unwrap();
        assert_eq!((reacted.rank, reacted.depth, reacted.index, reacted.position), (rank, 5, 2, position));
        assert_eq!(&*made.actor, "reaction/credit");
    }
}
