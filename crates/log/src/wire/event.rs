//! `Event`, its reactions and its cause.

use super::names::shared;
use super::op::{read_op, write_op};
use super::place::{read_dot, write_dot};
use super::protobuf::{Field, Fields, Writer};
use crate::codec::DecodeError;
use crate::event::{Cause, Event, Reaction, Send};
use crate::position::Position;
use std::sync::Arc;
use sterna_crdt::{Clock, Dot, Incarnation, Name, Order, Update, VersionVector};

const OPS: u32 = 8;

pub(crate) fn write_event(to: &mut Writer, tag: u32, event: &Event) {
    let update = &*event.update;
    debug_assert!(event.unreadable.is_none(), "what can't be read is copied as it came");
    to.message(tag, |to| {
        to.uint(1, u64::from(event.critical));
        to.bytes(2, event.kind.as_bytes());
        to.bytes(3, event.id.as_bytes());
        to.fixed(4, update.dot.incarnation.0);
        to.uint(5, update.dot.n);
        update.seen.iter().for_each(|dot| write_dot(to, 6, dot));
        to.fixed(7, update.order.clock.0);
        update.ops.iter().for_each(|op| write_op(to, OPS, op));
        to.bytes(9, event.command.as_bytes());
        to.bytes(10, event.args.as_bytes());
        to.bytes(11, event.key.as_bytes());
        to.uint(12, u64::from(event.key_made));
        to.bytes(13, &event.body_hash);
        if let Some(answer) = &event.answer {
            to.some_bytes(14, answer.as_bytes());
        }
        to.bytes(15, event.actor.as_bytes());
        to.uint(16, u64::from(update.version));
        to.fixed(17, event.model_hash);
        event.reactions.iter().for_each(|reaction| write_reaction(to, 18, reaction));
        if let Some(cause) = &event.cause {
            write_cause(to, 19, cause);
        }
        to.bytes(20, event.trace.as_bytes());
        to.bytes(21, event.encryption_key.as_bytes());
    });
}

fn write_reaction(to: &mut Writer, tag: u32, reaction: &Reaction) {
    to.message(tag, |to| {
        to.bytes(1, reaction.name.as_bytes());
        write_send(to, 2, &reaction.send);
        if let Some(refused) = &reaction.refused {
            write_send(to, 3, refused);
        }
    });
}

fn write_send(to: &mut Writer, tag: u32, send: &Send) {
    to.message(tag, |to| {
        to.bytes(1, send.kind.as_bytes());
        to.bytes(2, send.id.as_bytes());
        to.bytes(3, send.command.as_bytes());
        to.bytes(4, send.args.as_bytes());
    });
}

fn write_cause(to: &mut Writer, tag: u32, cause: &Cause) {
    to.message(tag, |to| {
        to.bytes(1, cause.kind.as_bytes());
        to.bytes(2, cause.id.as_bytes());
        write_dot(to, 3, cause.dot);
        to.uint(4, u64::from(cause.index));
        to.fixed(5, cause.rank.clock.0);
        to.fixed(6, cause.rank.incarnation.0);
        to.uint(7, u64::from(cause.depth));
        to.bytes(8, &cause.position.to_bytes());
    });
}

pub(crate) fn read_event(field: Field) -> Result<Event, DecodeError> {
    let mut fields = field.fields()?;
    let mut event = Blank::new();
    let (mut incarnation, mut n, mut clock) = (Incarnation(0), 0, Clock(0));
    let (mut seen, mut ops) = (VersionVector::default(), Vec::new());
    loop {
        let here = fields.clone();
        let Some((tag, field)) = fields.next()? else { break };
        match tag {
            4 => incarnation = Incarnation(field.fixed()?),
            5 => n = field.uint()?,
            6 => seen.add(read_dot(field)?),
            7 => clock = Clock(field.fixed()?),
            OPS => {
                if ops.is_empty() {
                    ops.reserve_exact(here.count(OPS));
                }
                match read_op(field) {
                    Ok(op) => ops.push(op),
                    // The entry's bytes are whole: it is of a newer release, and so is the event alone.
                    Err(error) => event.unreadable = Some(format!("an operation can't be read: {error}").into()),
                }
            }
            tag => event.read(tag, field)?,
        }
    }
    if n != seen.get(incarnation) + 1 {
        return Err(DecodeError::Malformed("dot: it does not follow the event's vector"));
    }
    let version = event.model_version;
    event.finish(Update { dot: Dot { incarnation, n }, seen, order: Order { clock, incarnation }, version, ops })
}

/// The fields of an event beside its update, while they are read.
struct Blank<'a> {
    critical: bool,
    key_made: bool,
    kind: &'a str,
    id: &'a str,
    command: &'a str,
    args: &'a str,
    key: &'a str,
    body_hash: Option<[u8; 16]>,
    answer: Option<&'a str>,
    actor: &'a str,
    model_version: u32,
    model_hash: u64,
    reactions: Vec<Reaction>,
    cause: Option<Cause>,
    trace: &'a str,
    encryption_key: &'a str,
    unreadable: Option<Name>,
}

impl<'a> Blank<'a> {
    fn new() -> Self {
        Self {
            critical: false,
            key_made: false,
            kind: "",
            id: "",
            command: "",
            args: "",
            key: "",
            body_hash: None,
            answer: None,
            actor: "",
            model_version: 0,
            model_hash: 0,
            reactions: Vec::new(),
            cause: None,
            trace: "",
            encryption_key: "",
            unreadable: None,
        }
    }

    fn read(&mut self, tag: u32, field: Field<'a>) -> Result<(), DecodeError> {
        match tag {
            1 => self.critical = field.bool()?,
            2 => self.kind = field.text()?,
            3 => self.id = field.text()?,
            9 => self.command = field.text()?,
            10 => self.args = field.text()?,
            11 => self.key = field.text()?,
            12 => self.key_made = field.bool()?,
            13 => self.body_hash = field.bytes()?.try_into().ok(),
            14 => self.answer = Some(field.text()?),
            15 => self.actor = field.text()?,
            16 => self.model_version = field.u32()?,
            17 => self.model_hash = field.fixed()?,
            18 => self.reactions.push(read_reaction(field.fields()?)?),
            19 => self.cause = Some(read_cause(field.fields()?)?),
            20 => self.trace = field.text()?,
            21 => self.encryption_key = field.text()?,
            _ => {}
        }
        Ok(())
    }

    fn finish(self, update: Update) -> Result<Event, DecodeError> {
        Ok(Event {
            critical: self.critical,
            kind: shared(self.kind),
            id: self.id.into(),
            update: Arc::new(update),
            command: shared(self.command),
            args: self.args.into(),
            key: self.key.into(),
            key_made: self.key_made,
            body_hash: self.body_hash.ok_or(DecodeError::Malformed("body hash"))?,
            answer: self.answer.map(Into::into),
            actor: shared(self.actor),
            model_hash: self.model_hash,
            reactions: self.reactions,
            cause: self.cause,
            trace: shared(self.trace),
            encryption_key: shared(self.encryption_key),
            unreadable: self.unreadable,
        })
    }
}

fn read_reaction(mut fields: Fields) -> Result<Reaction, DecodeError> {
    let (mut name, mut send, mut refused) = ("", None, None);
    while let Some((tag, field)) = fields.next()? {
        match tag {
            1 => name = field.text()?,
            2 => send = Some(read_send(field.fields()?)?),
            3 => refused = Some(read_send(field.fields()?)?),
            _ => {}
        }
    }
    Ok(Reaction { name: shared(name), send: send.ok_or(DecodeError::Malformed("reaction"))?, refused })
}

fn read_send(mut fields: Fields) -> Result<Send, DecodeError> {
    let (mut kind, mut id, mut command, mut args) = ("", "", "", "");
    while let Some((tag, field)) = fields.next()? {
        match tag {
            1 => kind = field.text()?,
            2 => id = field.text()?,
            3 => command = field.text()?,
            4 => args = field.text()?,
            _ => {}
        }
    }
    Ok(Send { kind: shared(kind), id: id.into(), command: shared(command), args: args.into() })
}

fn read_cause(mut fields: Fields) -> Result<Cause, DecodeError> {
    let (mut kind, mut id, mut dot, mut index, mut depth) = ("", "", None, 0, 0);
    // Older releases did not say.
    let mut position = Position::ZERO;
    let mut rank = Order { clock: Clock(0), incarnation: Incarnation(0) };
    while let Some((tag, field)) = fields.next()? {
        match tag {
            1 => kind = field.text()?,
            2 => id = field.text()?,
            3 => dot = Some(read_dot(field)?),
            4 => index = field.u32()?,
            5 => rank.clock = Clock(field.fixed()?),
            6 => rank.incarnation = Incarnation(field.fixed()?),
            7 => depth = field.u32()?,
            8 => position = Position::from_bytes(field.bytes()?).ok_or(DecodeError::Malformed("cause"))?,
            _ => {}
        }
    }
    Ok(Cause { kind: shared(kind), id: id.into(), dot: dot.ok_or(DecodeError::Malformed("cause"))?, position, index, rank, depth })
}
