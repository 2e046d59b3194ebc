//! Protobuf messages of events. Tags are never reused; unknown ones are skipped.

use crate::codec::DecodeError;
use crate::event::{Cause, Event, Reaction, Send};
use crate::{Applied, Position};
use prost::{Message, Oneof};
use std::sync::Arc;
use sterna_crdt::{Action, Clock, Dot, Incarnation, Name, Op, Order, RegionId, Update, Value, VersionVector};

#[derive(Message)]
pub(crate) struct PlaceWire {
    #[prost(uint32, tag = "1")]
    origin: u32,
    #[prost(bytes = "vec", tag = "2")]
    position: Vec<u8>,
}

pub(crate) fn applied_to_wire(applied: &Applied) -> Vec<PlaceWire> {
    applied.0.iter().map(|(origin, position)| PlaceWire { origin: u32::from(origin.0), position: position.to_bytes().to_vec() }).collect()
}

pub(crate) fn applied_from_wire(wire: Vec<PlaceWire>) -> Result<Applied, DecodeError> {
    let mut applied = Applied::default();
    for place in wire {
        applied.raise(region(place.origin)?, position(&place.position)?);
    }
    Ok(applied)
}

pub(crate) fn position(bytes: &[u8]) -> Result<Position, DecodeError> {
    Position::from_bytes(bytes).ok_or(DecodeError::Malformed("position"))
}

fn region(number: u32) -> Result<RegionId, DecodeError> {
    u16::try_from(number).map(RegionId).map_err(|_| DecodeError::Malformed("region"))
}

#[derive(Message)]
pub(crate) struct EventWire {
    #[prost(bool, tag = "1")]
    critical: bool,
    #[prost(string, tag = "2")]
    kind: String,
    #[prost(string, tag = "3")]
    id: String,
    #[prost(fixed64, tag = "4")]
    incarnation: u64,
    #[prost(uint64, tag = "5")]
    n: u64,
    #[prost(message, repeated, tag = "6")]
    seen: Vec<DotWire>,
    #[prost(fixed64, tag = "7")]
    clock: u64,
    #[prost(message, repeated, tag = "8")]
    ops: Vec<OpWire>,
    #[prost(string, tag = "9")]
    command: String,
    #[prost(string, tag = "10")]
    args: String,
    #[prost(string, tag = "11")]
    key: String,
    #[prost(bool, tag = "12")]
    key_made: bool,
    #[prost(bytes = "vec", tag = "13")]
    body_hash: Vec<u8>,
    #[prost(string, optional, tag = "14")]
    answer: Option<String>,
    #[prost(string, tag = "15")]
    actor: String,
    #[prost(uint32, tag = "16")]
    model_version: u32,
    #[prost(fixed64, tag = "17")]
    model_hash: u64,
    #[prost(message, repeated, tag = "18")]
    reactions: Vec<ReactionWire>,
    #[prost(message, optional, tag = "19")]
    cause: Option<CauseWire>,
    #[prost(string, tag = "20")]
    trace: String,
    #[prost(string, tag = "21")]
    encryption_key: String,
}

#[derive(Message)]
struct DotWire {
    #[prost(fixed64, tag = "1")]
    incarnation: u64,
    #[prost(uint64, tag = "2")]
    n: u64,
}

#[derive(Message)]
struct SendWire {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(string, tag = "2")]
    id: String,
    #[prost(string, tag = "3")]
    command: String,
    #[prost(string, tag = "4")]
    args: String,
}

#[derive(Message)]
struct ReactionWire {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    send: Option<SendWire>,
    #[prost(message, optional, tag = "3")]
    refused: Option<SendWire>,
}

#[derive(Message)]
struct CauseWire {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(string, tag = "2")]
    id: String,
    #[prost(message, optional, tag = "3")]
    dot: Option<DotWire>,
    #[prost(uint32, tag = "4")]
    index: u32,
    #[prost(fixed64, tag = "5")]
    rank_clock: u64,
    #[prost(fixed64, tag = "6")]
    rank_incarnation: u64,
    #[prost(uint32, tag = "7")]
    depth: u32,
}

#[derive(Message)]
struct OpWire {
    #[prost(string, tag = "1")]
    field: String,
    #[prost(message, optional, tag = "2")]
    key: Option<ValueWire>,
    #[prost(oneof = "ActionWire", tags = "3, 4, 5, 6, 7, 8, 9")]
    action: Option<ActionWire>,
}

#[derive(Oneof)]
enum ActionWire {
    #[prost(message, tag = "3")]
    Set(SetWire),
    #[prost(sint64, tag = "4")]
    Add(i64),
    #[prost(message, tag = "5")]
    Insert(ValueWire),
    #[prost(message, tag = "6")]
    Remove(ValueWire),
    #[prost(bool, tag = "7")]
    RemoveKey(bool),
    /// With true it wins over what is concurrent.
    #[prost(bool, tag = "8")]
    Delete(bool),
    #[prost(message, tag = "9")]
    Give(GiveWire),
}

#[derive(Message)]
struct SetWire {
    #[prost(message, optional, tag = "1")]
    value: Option<ValueWire>,
    #[prost(message, optional, tag = "2")]
    by: Option<ValueWire>,
}

#[derive(Message)]
struct GiveWire {
    #[prost(sint64, tag = "1")]
    amount: i64,
    #[prost(uint32, tag = "2")]
    to: u32,
}

/// Without a case: null.
#[derive(Message)]
struct ValueWire {
    #[prost(oneof = "KindWire", tags = "1, 2, 3, 4, 5, 6, 7, 8")]
    kind: Option<KindWire>,
}

#[derive(Oneof)]
enum KindWire {
    #[prost(bool, tag = "1")]
    Bool(bool),
    #[prost(sint64, tag = "2")]
    Int(i64),
    #[prost(string, tag = "3")]
    Str(String),
    /// Microseconds since the Unix epoch.
    #[prost(sint64, tag = "4")]
    Timestamp(i64),
    /// Days since the Unix epoch.
    #[prost(sint32, tag = "5")]
    Date(i32),
    #[prost(message, tag = "6")]
    Enum(EnumWire),
    #[prost(message, tag = "7")]
    List(ListWire),
    #[prost(message, tag = "8")]
    Object(ObjectWire),
}

#[derive(Message)]
struct EnumWire {
    #[prost(uint32, tag = "1")]
    rank: u32,
    #[prost(string, tag = "2")]
    name: String,
}

#[derive(Message)]
struct ListWire {
    #[prost(message, repeated, tag = "1")]
    items: Vec<ValueWire>,
}

#[derive(Message)]
struct ObjectWire {
    #[prost(string, repeated, tag = "1")]
    names: Vec<String>,
    #[prost(message, repeated, tag = "2")]
    values: Vec<ValueWire>,
}

impl From<Dot> for DotWire {
    fn from(dot: Dot) -> Self {
        Self { incarnation: dot.incarnation.0, n: dot.n }
    }
}

impl From<&DotWire> for Dot {
    fn from(wire: &DotWire) -> Self {
        Self { incarnation: Incarnation(wire.incarnation), n: wire.n }
    }
}

impl From<&Value> for ValueWire {
    fn from(value: &Value) -> Self {
        let kind = match value {
            Value::Null => None,
            Value::Bool(b) => Some(KindWire::Bool(*b)),
            Value::Int(i) => Some(KindWire::Int(*i)),
            Value::Str(s) => Some(KindWire::Str(s.to_string())),
            Value::Timestamp(t) => Some(KindWire::Timestamp(*t)),
            Value::Date(d) => Some(KindWire::Date(*d)),
            Value::Enum { rank, name } => Some(KindWire::Enum(EnumWire { rank: u32::from(*rank), name: name.to_string() })),
            Value::List(items) => Some(KindWire::List(ListWire { items: items.iter().map(Self::from).collect() })),
            Value::Object(members) => Some(KindWire::Object(ObjectWire {
                names: members.iter().map(|(name, _)| name.to_string()).collect(),
                values: members.iter().map(|(_, value)| Self::from(value)).collect(),
            })),
        };
        Self { kind }
    }
}

impl TryFrom<ValueWire> for Value {
    type Error = DecodeError;

    fn try_from(wire: ValueWire) -> Result<Self, DecodeError> {
        Ok(match wire.kind {
            None => Self::Null,
            Some(KindWire::Bool(b)) => Self::Bool(b),
            Some(KindWire::Int(i)) => Self::Int(i),
            Some(KindWire::Str(s)) => Self::Str(s.into()),
            Some(KindWire::Timestamp(t)) => Self::Timestamp(t),
            Some(KindWire::Date(d)) => Self::Date(d),
            Some(KindWire::Enum(e)) => Self::Enum { rank: u16::try_from(e.rank).map_err(|_| DecodeError::Malformed("enum"))?, name: e.name.into() },
            Some(KindWire::List(list)) => Self::List(list.items.into_iter().map(Self::try_from).collect::<Result<_, _>>()?),
            Some(KindWire::Object(object)) if object.names.len() == object.values.len() => Self::Object(
                object.names.into_iter().zip(object.values).map(|(name, value)| Ok((name.into(), Self::try_from(value)?))).collect::<Result<_, DecodeError>>()?,
            ),
            Some(KindWire::Object(_)) => return Err(DecodeError::Malformed("object")),
        })
    }
}

fn value(wire: Option<ValueWire>) -> Result<Value, DecodeError> {
    wire.map_or(Ok(Value::Null), Value::try_from)
}

impl From<&Op> for OpWire {
    fn from(op: &Op) -> Self {
        let action = match &op.action {
            Action::Set { value, by } => ActionWire::Set(SetWire { value: Some(value.into()), by: by.as_ref().map(Into::into) }),
            Action::Add(amount) => ActionWire::Add(*amount),
            Action::Insert(value) => ActionWire::Insert(value.into()),
            Action::Remove(value) => ActionWire::Remove(value.into()),
            Action::RemoveKey => ActionWire::RemoveKey(true),
            Action::Delete { wins } => ActionWire::Delete(*wins),
            Action::Give { amount, to } => ActionWire::Give(GiveWire { amount: *amount, to: u32::from(to.0) }),
        };
        Self { field: op.field.to_string(), key: op.key.as_ref().map(Into::into), action: Some(action) }
    }
}

impl TryFrom<OpWire> for Op {
    type Error = DecodeError;

    fn try_from(wire: OpWire) -> Result<Self, DecodeError> {
        let action = match wire.action.ok_or(DecodeError::Malformed("operation"))? {
            ActionWire::Set(set) => Action::Set { value: value(set.value)?, by: set.by.map(Value::try_from).transpose()? },
            ActionWire::Add(amount) => Action::Add(amount),
            ActionWire::Insert(v) => Action::Insert(v.try_into()?),
            ActionWire::Remove(v) => Action::Remove(v.try_into()?),
            ActionWire::RemoveKey(_) => Action::RemoveKey,
            ActionWire::Delete(wins) => Action::Delete { wins },
            ActionWire::Give(give) => Action::Give { amount: give.amount, to: region(give.to)? },
        };
        Ok(Self { field: wire.field.into(), key: wire.key.map(Value::try_from).transpose()?, action })
    }
}

impl From<&Send> for SendWire {
    fn from(send: &Send) -> Self {
        Self { kind: send.kind.to_string(), id: send.id.to_string(), command: send.command.to_string(), args: send.args.to_string() }
    }
}

impl From<SendWire> for Send {
    fn from(wire: SendWire) -> Self {
        Self { kind: wire.kind.into(), id: wire.id.into(), command: wire.command.into(), args: wire.args.into() }
    }
}

impl From<&Event> for EventWire {
    fn from(event: &Event) -> Self {
        let update = &event.update;
        Self {
            critical: event.critical,
            kind: event.kind.to_string(),
            id: event.id.to_string(),
            incarnation: update.dot.incarnation.0,
            n: update.dot.n,
            seen: update.seen.iter().map(DotWire::from).collect(),
            clock: update.order.clock.0,
            ops: update.ops.iter().map(OpWire::from).collect(),
            command: event.command.to_string(),
            args: event.args.to_string(),
            key: event.key.to_string(),
            key_made: event.key_made,
            body_hash: event.body_hash.to_vec(),
            answer: event.answer.as_ref().map(Name::to_string),
            actor: event.actor.to_string(),
            model_version: event.model_version,
            model_hash: event.model_hash,
            reactions: event.reactions.iter().map(|r| ReactionWire { name: r.name.to_string(), send: Some((&r.send).into()), refused: r.refused.as_ref().map(Into::into) }).collect(),
            cause: event.cause.as_ref().map(|c| CauseWire {
                kind: c.kind.to_string(),
                id: c.id.to_string(),
                dot: Some(c.dot.into()),
                index: c.index,
                rank_clock: c.rank.clock.0,
                rank_incarnation: c.rank.incarnation.0,
                depth: c.depth,
            }),
            trace: event.trace.to_string(),
            encryption_key: event.encryption_key.to_string(),
        }
    }
}

impl TryFrom<EventWire> for Event {
    type Error = DecodeError;

    fn try_from(wire: EventWire) -> Result<Self, DecodeError> {
        let incarnation = Incarnation(wire.incarnation);
        let seen: VersionVector = wire.seen.iter().map(Dot::from).collect();
        if wire.n != seen.get(incarnation) + 1 {
            return Err(DecodeError::Malformed("dot: it does not follow the event's vector"));
        }
        let update = Update {
            dot: Dot { incarnation, n: wire.n },
            seen,
            order: Order { clock: Clock(wire.clock), incarnation },
            ops: wire.ops.into_iter().map(Op::try_from).collect::<Result<_, _>>()?,
        };
        let reaction = |r: ReactionWire| {
            let send = r.send.ok_or(DecodeError::Malformed("reaction"))?;
            Ok::<_, DecodeError>(Reaction { name: r.name.into(), send: send.into(), refused: r.refused.map(Into::into) })
        };
        let cause = |c: CauseWire| {
            let dot = c.dot.as_ref().ok_or(DecodeError::Malformed("cause"))?.into();
            let rank = Order { clock: Clock(c.rank_clock), incarnation: Incarnation(c.rank_incarnation) };
            Ok::<_, DecodeError>(Cause { kind: c.kind.into(), id: c.id.into(), dot, index: c.index, rank, depth: c.depth })
        };
        Ok(Self {
            critical: wire.critical,
            kind: wire.kind.into(),
            id: wire.id.into(),
            update: Arc::new(update),
            command: wire.command.into(),
            args: wire.args.into(),
            key: wire.key.into(),
            key_made: wire.key_made,
            body_hash: wire.body_hash.try_into().map_err(|_| DecodeError::Malformed("body hash"))?,
            answer: wire.answer.map(Into::into),
            actor: wire.actor.into(),
            model_version: wire.model_version,
            model_hash: wire.model_hash,
            reactions: wire.reactions.into_iter().map(reaction).collect::<Result<_, _>>()?,
            cause: wire.cause.map(cause).transpose()?,
            trace: wire.trace.into(),
            encryption_key: wire.encryption_key.into(),
        })
    }
}
