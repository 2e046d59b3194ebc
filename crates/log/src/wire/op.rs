//! `Op`.

use super::names::shared;
use super::protobuf::{Field, Fields, Writer};
use super::value::{read_value, write_value};
use crate::codec::DecodeError;
use sterna_crdt::{Action, Op, Policy, RegionId, Value};

pub(super) fn write_op(to: &mut Writer, tag: u32, op: &Op) {
    to.message(tag, |to| {
        to.bytes(1, op.field.as_bytes());
        if let Some(key) = &op.key {
            write_value(to, 2, key);
        }
        write_action(to, &op.action);
    });
}

fn write_action(to: &mut Writer, action: &Action) {
    match action {
        Action::Set { value, by, rule } => to.message(3, |to| {
            write_value(to, 1, value);
            if let Some(by) = by {
                write_value(to, 2, by);
            }
            if let Some(rule) = rule {
                write_rule(to, 3, rule);
            }
        }),
        Action::Add(amount) => to.some_sint(4, *amount),
        Action::Insert(value) => write_value(to, 5, value),
        Action::Remove(value) => write_value(to, 6, value),
        Action::RemoveKey => to.some_uint(7, 1),
        Action::Delete { wins } => to.some_uint(8, u64::from(*wins)),
        Action::Give { amount, to: receiver, from } => to.message(9, |to| {
            to.sint(1, *amount);
            to.uint(2, u64::from(receiver.0));
            if let Some(from) = from {
                to.some_uint(3, u64::from(from.0));
            }
        }),
    }
}

pub(super) fn read_op(field: Field) -> Result<Op, DecodeError> {
    let mut fields = field.fields()?;
    let (mut name, mut key, mut action) = ("", None, None);
    while let Some((tag, field)) = fields.next()? {
        match tag {
            1 => name = field.text()?,
            2 => key = Some(read_value(field)?),
            3 => action = Some(set(field.fields()?)?),
            4 => action = Some(Action::Add(field.sint()?)),
            5 => action = Some(Action::Insert(read_value(field)?)),
            6 => action = Some(Action::Remove(read_value(field)?)),
            7 => action = Some(Action::RemoveKey),
            8 => action = Some(Action::Delete { wins: field.bool()? }),
            9 => action = Some(give(field.fields()?)?),
            _ => {}
        }
    }
    Ok(Op { field: shared(name), key, action: action.ok_or(DecodeError::Malformed("operation"))? })
}

fn set(mut fields: Fields) -> Result<Action, DecodeError> {
    let (mut value, mut by, mut rule) = (Value::Null, None, None);
    while let Some((tag, field)) = fields.next()? {
        match tag {
            1 => value = read_value(field)?,
            2 => by = Some(read_value(field)?),
            3 => rule = Some(Box::new(read_rule(field.fields()?)?)),
            _ => {}
        }
    }
    Ok(Action::Set { value, by, rule })
}

/// Numbers of rules are part of the format.
fn write_rule(to: &mut Writer, tag: u32, rule: &Policy) {
    let (number, regions): (u64, &[RegionId]) = match rule {
        Policy::Latest => (1, &[]),
        Policy::Keep => (2, &[]),
        Policy::Max => (3, &[]),
        Policy::Min => (4, &[]),
        Policy::Prefer(regions) => (5, regions),
        Policy::MaxBy => (6, &[]),
        Policy::MinBy => (7, &[]),
    };
    to.message(tag, |to| {
        to.uint(1, number);
        regions.iter().for_each(|region| to.some_uint(2, u64::from(region.0)));
    });
}

fn read_rule(mut fields: Fields) -> Result<Policy, DecodeError> {
    let (mut number, mut regions) = (0, Vec::new());
    while let Some((tag, field)) = fields.next()? {
        match tag {
            1 => number = field.uint()?,
            2 => regions.push(RegionId(field.u16()?)),
            _ => {}
        }
    }
    Ok(match number {
        1 => Policy::Latest,
        2 => Policy::Keep,
        3 => Policy::Max,
        4 => Policy::Min,
        5 => Policy::Prefer(regions),
        6 => Policy::MaxBy,
        7 => Policy::MinBy,
        _ => return Err(DecodeError::Malformed("rule: it is of a newer release")),
    })
}

fn give(mut fields: Fields) -> Result<Action, DecodeError> {
    let (mut amount, mut to, mut from) = (0, RegionId(0), None);
    while let Some((tag, field)) = fields.next()? {
        match tag {
            1 => amount = field.sint()?,
            2 => to = RegionId(field.u16()?),
            3 => from = Some(RegionId(field.u16()?)),
            _ => {}
        }
    }
    Ok(Action::Give { amount, to, from })
}
