//! Commands and their answers between regions of one release.

use serde::{Deserialize, Serialize};
use std::time::Duration;
use sterna_crdt::{Dot, Name, Order, RegionId};
use sterna_log::{AggregateId, Cause, LogId, Position, ShardId, Token, TokenKey};
use sterna_write::{Accepted, Answer, Command, ETag, Refused};

#[derive(Serialize, Deserialize)]
pub(super) struct Forwarded {
    kind: String,
    id: String,
    name: String,
    args: Vec<u8>,
    key: Option<String>,
    if_match: Option<ETag>,
    token: Option<String>,
    wait_ms: u64,
    actor: String,
    trace: String,
    represent: bool,
    cause: Option<Because>,
}

#[derive(Serialize, Deserialize)]
struct Because {
    kind: String,
    id: String,
    dot: Dot,
    position: (u64, [u8; 10], u16),
    index: u32,
    rank: Order,
    depth: u32,
}

#[derive(Serialize, Deserialize)]
pub(super) enum Answered {
    Accepted(Box<Done>),
    Refused(Refused),
}

#[derive(Serialize, Deserialize)]
pub(super) struct Done {
    kind: String,
    id: String,
    event: Dot,
    key: String,
    etag: ETag,
    origin: RegionId,
    shard: u16,
    epoch: u64,
    commit: [u8; 10],
    index: u16,
    token: String,
    replayed: bool,
    document: Option<String>,
}

/// Links between regions prove who speaks; this key only gives tokens a form.
fn key() -> TokenKey {
    TokenKey::derive(b"between regions")
}

impl From<&Command> for Forwarded {
    fn from(command: &Command) -> Self {
        let because = |cause: &Cause| {
            let Cause { kind, id, dot, position, index, rank, depth } = cause;
            let position = (position.epoch, position.commit, position.index);
            Because { kind: kind.to_string(), id: id.to_string(), dot: *dot, position, index: *index, rank: *rank, depth: *depth }
        };
        Self {
            kind: command.aggregate.kind.to_string(),
            id: command.aggregate.id.to_string(),
            name: command.name.to_string(),
            args: command.args.to_vec(),
            key: command.key.as_ref().map(Name::to_string),
            if_match: command.if_match,
            token: command.token.as_ref().map(|token| token.encode(&key())),
            wait_ms: command.wait.as_millis() as u64,
            actor: command.actor.to_string(),
            trace: command.trace.to_string(),
            represent: command.represent,
            cause: command.cause.as_ref().map(because),
        }
    }
}

impl From<Forwarded> for Command {
    fn from(sent: Forwarded) -> Self {
        let cause = |because: Because| {
            let Because { kind, id, dot, position: (epoch, commit, at), index, rank, depth } = because;
            Cause { kind: kind.into(), id: id.into(), dot, position: Position::new(epoch, commit, at), index, rank, depth }
        };
        Self {
            aggregate: AggregateId { kind: sent.kind.into(), id: sent.id.into() },
            name: sent.name.into(),
            args: sent.args.into(),
            key: sent.key.map(Name::from),
            if_match: sent.if_match,
            token: sent.token.and_then(|token| Token::decode(&token, &key()).ok()),
            wait: Duration::from_millis(sent.wait_ms),
            actor: sent.actor.into(),
            trace: sent.trace.into(),
            represent: sent.represent,
            cause: sent.cause.map(cause),
        }
    }
}

impl From<Answer> for Answered {
    fn from(answer: Answer) -> Self {
        match answer {
            Ok(accepted) => Self::Accepted(Box::new(Done {
                kind: accepted.aggregate.kind.to_string(),
                id: accepted.aggregate.id.to_string(),
                event: accepted.event,
                key: accepted.key.to_string(),
                etag: accepted.etag,
                origin: accepted.log.origin,
                shard: accepted.log.shard.0,
                epoch: accepted.position.epoch,
                commit: accepted.position.commit,
                index: accepted.position.index,
                token: accepted.token.encode(&key()),
                replayed: accepted.replayed,
                document: accepted.document,
            })),
            Err(refused) => Self::Refused(refused),
        }
    }
}

impl From<Answered> for Answer {
    fn from(answered: Answered) -> Self {
        match answered {
            Answered::Accepted(done) => Ok(Accepted {
                aggregate: AggregateId { kind: done.kind.into(), id: done.id.into() },
                event: done.event,
                key: done.key.into(),
                etag: done.etag,
                log: LogId { origin: done.origin, shard: ShardId(done.shard) },
                position: Position::new(done.epoch, done.commit, done.index),
                token: Token::decode(&done.token, &key()).unwrap_or_default(),
                replayed: done.replayed,
                document: done.document,
            }),
            Answered::Refused(refused) => Err(refused),
        }
    }
}
