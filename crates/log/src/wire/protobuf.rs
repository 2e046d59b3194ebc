//! The protobuf wire format: <https://protobuf.dev/programming-guides/encoding/>.

use crate::codec::DecodeError;
use prost::encoding::{decode_varint, encode_varint};

/// Writes fields. A plain method leaves a default value out, as proto3 does; a `some_` method writes it.
pub(crate) struct Writer(pub Vec<u8>);

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH: u32 = 2;
const FIXED32: u32 = 5;

impl Writer {
    fn key(&mut self, tag: u32, wire_type: u32) {
        self.varint(u64::from(tag << 3 | wire_type));
    }

    fn varint(&mut self, value: u64) {
        if value < 0x80 {
            self.0.push(value as u8);
        } else {
            encode_varint(value, &mut self.0);
        }
    }

    pub(crate) fn uint(&mut self, tag: u32, value: u64) {
        if value != 0 {
            self.some_uint(tag, value);
        }
    }

    pub(crate) fn some_uint(&mut self, tag: u32, value: u64) {
        self.key(tag, VARINT);
        self.varint(value);
    }

    pub(crate) fn sint(&mut self, tag: u32, value: i64) {
        if value != 0 {
            self.some_sint(tag, value);
        }
    }

    pub(crate) fn some_sint(&mut self, tag: u32, value: i64) {
        self.some_uint(tag, (value << 1 ^ value >> 63) as u64);
    }

    pub(crate) fn fixed(&mut self, tag: u32, value: u64) {
        if value != 0 {
            self.key(tag, FIXED64);
            self.0.extend_from_slice(&value.to_le_bytes());
        }
    }

    pub(crate) fn bytes(&mut self, tag: u32, value: &[u8]) {
        if !value.is_empty() {
            self.some_bytes(tag, value);
        }
    }

    pub(crate) fn some_bytes(&mut self, tag: u32, value: &[u8]) {
        self.key(tag, LENGTH);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
    }

    /// One byte is kept for the length; a longer message moves.
    pub(crate) fn message(&mut self, tag: u32, write: impl FnOnce(&mut Self)) {
        self.key(tag, LENGTH);
        let length_at = self.0.len();
        self.0.push(0);
        write(self);
        let length = self.0.len() - length_at - 1;
        if length < 0x80 {
            self.0[length_at] = length as u8;
            return;
        }
        let mut varint = Vec::with_capacity(5);
        encode_varint(length as u64, &mut varint);
        self.0.splice(length_at..=length_at, varint);
    }
}

/// Reads the fields of one message, in the order in which they come.
#[derive(Clone)]
pub(crate) struct Fields<'a>(pub &'a [u8]);

#[derive(Clone, Copy)]
pub(crate) enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32,
    Bytes(&'a [u8]),
}

const TRUNCATED: DecodeError = DecodeError::Malformed("message: it ends early");
const TYPE: DecodeError = DecodeError::Malformed("message: a field has another type");

impl<'a> Fields<'a> {
    pub(crate) fn next(&mut self) -> Result<Option<(u32, Field<'a>)>, DecodeError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let tag = u32::try_from(key >> 3).map_err(|_| DecodeError::Malformed("message: a tag"))?;
        let field = match key as u32 & 7 {
            VARINT => Field::Varint(self.varint()?),
            FIXED64 => Field::Fixed64(u64::from_le_bytes(self.array()?)),
            FIXED32 => self.array::<4>().map(|_| Field::Fixed32)?,
            LENGTH => {
                let length = usize::try_from(self.varint()?).map_err(|_| TRUNCATED)?;
                let (bytes, rest) = self.0.split_at_checked(length).ok_or(TRUNCATED)?;
                self.0 = rest;
                Field::Bytes(bytes)
            }
            _ => return Err(DecodeError::Malformed("message: a wire type")),
        };
        Ok(Some((tag, field)))
    }

    /// How many of the fields that are left have this tag.
    pub(crate) fn count(&self, tag: u32) -> usize {
        let mut rest = self.clone();
        let mut count = 0;
        while let Ok(Some((found, _))) = rest.next() {
            count += usize::from(found == tag);
        }
        count
    }

    fn varint(&mut self) -> Result<u64, DecodeError> {
        match self.0.split_first() {
            Some((&byte, rest)) if byte < 0x80 => {
                self.0 = rest;
                Ok(u64::from(byte))
            }
            _ => decode_varint(&mut self.0).map_err(|_| TRUNCATED),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (bytes, rest) = self.0.split_first_chunk::<N>().ok_or(TRUNCATED)?;
        self.0 = rest;
        Ok(*bytes)
    }
}

impl<'a> Field<'a> {
    pub(crate) fn uint(self) -> Result<u64, DecodeError> {
        let Self::Varint(value) = self else { return Err(TYPE) };
        Ok(value)
    }

    pub(crate) fn u32(self) -> Result<u32, DecodeError> {
        u32::try_from(self.uint()?).map_err(|_| DecodeError::Malformed("message: a number is too large"))
    }

    pub(crate) fn u16(self) -> Result<u16, DecodeError> {
        u16::try_from(self.uint()?).map_err(|_| DecodeError::Malformed("message: a number is too large"))
    }

    pub(crate) fn bool(self) -> Result<bool, DecodeError> {
        Ok(self.uint()? != 0)
    }

    pub(crate) fn sint(self) -> Result<i64, DecodeError> {
        let value = self.uint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    pub(crate) fn fixed(self) -> Result<u64, DecodeError> {
        let Self::Fixed64(value) = self else { return Err(TYPE) };
        Ok(value)
    }

    pub(crate) fn bytes(self) -> Result<&'a [u8], DecodeError> {
        let Self::Bytes(bytes) = self else { return Err(TYPE) };
        Ok(bytes)
    }

    pub(crate) fn fields(self) -> Result<Fields<'a>, DecodeError> {
        self.bytes().map(Fields)
    }

    pub(crate) fn text(self) -> Result<&'a str, DecodeError> {
        str::from_utf8(self.bytes()?).map_err(|_| DecodeError::Malformed("message: text that is no UTF-8"))
    }
}
