//! `n`, generation (4): how many rows a generation lacks because an expression failed (8).

use super::generation_prefix;
use bytes::Bytes;

pub(crate) const LETTER: u8 = b'n';

pub(crate) fn key(generation: u32) -> Bytes {
    Bytes::copy_from_slice(&generation_prefix(LETTER, generation))
}

pub(crate) fn encode(count: i64) -> Bytes {
    Bytes::copy_from_slice(&count.to_be_bytes())
}

pub(crate) fn decode(bytes: &[u8]) -> i64 {
    bytes.try_into().map_or(0, i64::from_be_bytes)
}
