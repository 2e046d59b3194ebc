//! The envelope of everything written down: a format byte, a CRC-32C of what follows, and a protobuf message.

use crate::wire::Writer;
use bytes::Bytes;
use prost::Message;

pub(crate) const ENTRY: u8 = 1;
pub(crate) const FRAME: u8 = 2;
pub(crate) const MEMBERSHIP: u8 = 3;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("too short")]
    Short,
    #[error("format {found}, where {expected} was expected; was it written by a newer release?")]
    Format { found: u8, expected: u8 },
    #[error("checksum mismatch: the bytes are damaged")]
    Checksum,
    #[error("malformed {0}")]
    Malformed(&'static str),
    #[error("protobuf: {0}")]
    Wire(String),
}

pub(crate) const HEADER_BYTES: usize = 5;

pub(crate) fn seal(format: u8, message: &impl Message) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES + message.encoded_len());
    out.extend_from_slice(&[format, 0, 0, 0, 0]);
    message.encode(&mut out).expect("a Vec grows");
    sum(out)
}

/// As [`seal`], of what `write` writes.
pub(crate) fn seal_with(format: u8, write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut out = Vec::with_capacity(BYTES_USUAL);
    out.extend_from_slice(&[format, 0, 0, 0, 0]);
    let mut writer = Writer(out);
    write(&mut writer);
    sum(writer.0)
}

/// Enough for one event as most are.
const BYTES_USUAL: usize = 1024;

fn sum(mut out: Vec<u8>) -> Vec<u8> {
    let sum = crc32c::crc32c(&out[HEADER_BYTES..]);
    out[1..HEADER_BYTES].copy_from_slice(&sum.to_be_bytes());
    out
}

pub(crate) fn open<M: Message + Default>(format: u8, bytes: &[u8]) -> Result<M, DecodeError> {
    let body = check(format, bytes)?;
    M::decode(body).map_err(|e| DecodeError::Wire(e.to_string()))
}

/// As [`open`]; fields of type `Bytes` stay slices of `bytes`.
pub(crate) fn open_shared<M: Message + Default>(format: u8, bytes: &Bytes) -> Result<M, DecodeError> {
    check(format, bytes)?;
    M::decode(bytes.slice(HEADER_BYTES..)).map_err(|e| DecodeError::Wire(e.to_string()))
}

/// What follows the header, if that is in order.
pub(crate) fn check(format: u8, bytes: &[u8]) -> Result<&[u8], DecodeError> {
    let (header, body) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or(DecodeError::Short)?;
    if header[0] != format {
        return Err(DecodeError::Format { found: header[0], expected: format });
    }
    if crc32c::crc32c(body).to_be_bytes() != header[1..] {
        return Err(DecodeError::Checksum);
    }
    Ok(body)
}
