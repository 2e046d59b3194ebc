//! `Value`.

use super::names::shared;
use super::protobuf::{Field, Fields, Writer};
use crate::codec::DecodeError;
use sterna_crdt::Value;

/// Values within values. A model's types are far flatter.
const DEPTH_MAX: u32 = 48;

pub(super) fn write_value(to: &mut Writer, tag: u32, value: &Value) {
    to.message(tag, |to| match value {
        Value::Null => {}
        Value::Bool(b) => to.some_uint(1, u64::from(*b)),
        Value::Int(i) => to.some_sint(2, *i),
        Value::Str(s) => to.some_bytes(3, s.as_bytes()),
        Value::Timestamp(t) => to.some_sint(4, *t),
        Value::Date(d) => to.some_sint(5, i64::from(*d)),
        Value::Enum { rank, name } => to.message(6, |to| {
            to.uint(1, u64::from(*rank));
            to.bytes(2, name.as_bytes());
        }),
        Value::List(items) => to.message(7, |to| items.iter().for_each(|item| write_value(to, 1, item))),
        Value::Object(members) => to.message(8, |to| {
            members.iter().for_each(|(name, _)| to.some_bytes(1, name.as_bytes()));
            members.iter().for_each(|(_, value)| write_value(to, 2, value));
        }),
    });
}

pub(super) fn read_value(field: Field) -> Result<Value, DecodeError> {
    nested(field, 0)
}

fn nested(field: Field, depth: u32) -> Result<Value, DecodeError> {
    if depth > DEPTH_MAX {
        return Err(DecodeError::Malformed("value: it is nested too deeply"));
    }
    let mut fields = field.fields()?;
    let mut value = Value::Null;
    while let Some((tag, field)) = fields.next()? {
        value = match tag {
            1 => Value::Bool(field.bool()?),
            2 => Value::Int(field.sint()?),
            3 => Value::Str(field.text()?.into()),
            4 => Value::Timestamp(field.sint()?),
            5 => Value::Date(i32::try_from(field.sint()?).map_err(|_| DecodeError::Malformed("date"))?),
            6 => variant(field.fields()?)?,
            7 => list(field.fields()?, depth)?,
            8 => object(field.fields()?, depth)?,
            _ => value,
        };
    }
    Ok(value)
}

fn variant(mut fields: Fields) -> Result<Value, DecodeError> {
    let (mut rank, mut name) = (0, "");
    while let Some((tag, field)) = fields.next()? {
        match tag {
            1 => rank = field.u16()?,
            2 => name = field.text()?,
            _ => {}
        }
    }
    Ok(Value::Enum { rank, name: shared(name) })
}

fn list(mut fields: Fields, depth: u32) -> Result<Value, DecodeError> {
    let mut items = Vec::with_capacity(fields.count(1));
    while let Some((tag, field)) = fields.next()? {
        if tag == 1 {
            items.push(nested(field, depth + 1)?);
        }
    }
    Ok(Value::List(items))
}

fn object(mut fields: Fields, depth: u32) -> Result<Value, DecodeError> {
    let (mut names, mut values) = (Vec::new(), Vec::new());
    while let Some((tag, field)) = fields.next()? {
        match tag {
            1 => names.push(shared(field.text()?)),
            2 => values.push(nested(field, depth + 1)?),
            _ => {}
        }
    }
    if names.len() != values.len() {
        return Err(DecodeError::Malformed("object"));
    }
    Ok(Value::Object(names.into_iter().zip(values).collect()))
}
