//! Dots, and positions in other regions' logs.

use super::protobuf::{Field, Writer};
use crate::codec::DecodeError;
use crate::{Applied, Position};
use sterna_crdt::{Dot, Incarnation, RegionId};

pub(super) fn write_dot(to: &mut Writer, tag: u32, dot: Dot) {
    to.message(tag, |to| {
        to.fixed(1, dot.incarnation.0);
        to.uint(2, dot.n);
    });
}

pub(super) fn read_dot(field: Field) -> Result<Dot, DecodeError> {
    let mut fields = field.fields()?;
    let mut dot = Dot { incarnation: Incarnation(0), n: 0 };
    while let Some((tag, field)) = fields.next()? {
        match tag {
            1 => dot.incarnation = Incarnation(field.fixed()?),
            2 => dot.n = field.uint()?,
            _ => {}
        }
    }
    Ok(dot)
}

pub(crate) fn write_applied(to: &mut Writer, tag: u32, applied: &Applied) {
    for (origin, position) in &applied.0 {
        to.message(tag, |to| {
            to.uint(1, u64::from(origin.0));
            to.bytes(2, &position.to_bytes());
        });
    }
}

/// One component of an [`Applied`].
pub(crate) fn read_place(field: Field) -> Result<(RegionId, Position), DecodeError> {
    let mut fields = field.fields()?;
    let (mut origin, mut position) = (RegionId(0), None);
    while let Some((tag, field)) = fields.next()? {
        match tag {
            1 => origin = RegionId(field.u16()?),
            2 => position = Position::from_bytes(field.bytes()?),
            _ => {}
        }
    }
    Ok((origin, position.ok_or(DecodeError::Malformed("position"))?))
}
