//! What a record holds: an encoded frame, or a part of one, behind a header that says where it belongs (`docs/fluvio-format.md`).

use crate::limits::{FRAME_BYTES_MAX, FRAMES_IN_PARTS_MAX, RECORD_BYTES_MAX};
use bytes::{BufMut, Bytes};
use std::collections::VecDeque;
use sterna_log::{Frame, Position};

/// The format's version, the first byte of every record.
pub const VERSION: u8 = 1;
pub const HEADER_BYTES: usize = 58;

/// One record, taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Envelope {
    pub heartbeat: bool,
    pub part: u16,
    pub parts: u16,
    /// The same in all parts of one frame, and in no other frame's.
    pub frame: u64,
    pub after: Position,
    pub end: Position,
    pub payload: Bytes,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("too short")]
    Short,
    #[error("version {0}; was it written by a newer release?")]
    Version(u8),
    #[error("checksum mismatch")]
    Checksum,
    #[error("malformed {0}")]
    Malformed(&'static str),
}

impl Envelope {
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(HEADER_BYTES + self.payload.len());
        out.put_u8(VERSION);
        out.put_u8(u8::from(self.heartbeat));
        out.put_u16(self.part);
        out.put_u16(self.parts);
        out.put_u64(self.frame);
        out.put_slice(&self.after.to_bytes());
        out.put_slice(&self.end.to_bytes());
        out.put_u32(checksum(&out, &self.payload));
        debug_assert_eq!(out.len(), HEADER_BYTES);
        out.put_slice(&self.payload);
        out.into()
    }

    /// The payload stays a slice of `record`.
    pub fn decode(record: &Bytes) -> Result<Self, Unreadable> {
        let version = *record.first().ok_or(Unreadable::Short)?;
        if version != VERSION {
            return Err(Unreadable::Version(version));
        }
        let header: &[u8; HEADER_BYTES] = record.first_chunk().ok_or(Unreadable::Short)?;
        let payload = record.slice(HEADER_BYTES..);
        let (head, sum) = header.split_at(HEADER_BYTES - 4);
        if checksum(head, &payload).to_be_bytes() != sum {
            return Err(Unreadable::Checksum);
        }
        let position = |from| Position::from_bytes(&head[from..from + Position::BYTES]).ok_or(Unreadable::Malformed("position"));
        let number = |from| u16::from_be_bytes([head[from], head[from + 1]]);
        let envelope = Self {
            heartbeat: head[1] & 1 != 0,
            part: number(2),
            parts: number(4),
            frame: u64::from_be_bytes(head[6..14].try_into().map_err(|_| Unreadable::Short)?),
            after: position(14)?,
            end: position(34)?,
            payload,
        };
        if envelope.part >= envelope.parts || envelope.after > envelope.end {
            return Err(Unreadable::Malformed("order"));
        }
        Ok(envelope)
    }
}

fn checksum(head: &[u8], payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(head), payload)
}

/// The records of a frame. `id` is random.
pub(crate) fn records(frame: &Frame, id: u64) -> Vec<Bytes> {
    let bytes = Bytes::from(frame.encode());
    let parts = bytes.len().div_ceil(RECORD_BYTES_MAX);
    let part = |number: usize| {
        let from = number * RECORD_BYTES_MAX;
        Envelope {
            heartbeat: frame.is_heartbeat(),
            part: number as u16,
            parts: parts as u16,
            frame: id,
            after: frame.after,
            end: frame.end(),
            payload: bytes.slice(from..bytes.len().min(from + RECORD_BYTES_MAX)),
        }
        .encode()
    };
    (0..parts).map(part).collect()
}

/// Joins frames from their parts. A frame of which a part is missing never comes out.
#[derive(Default)]
pub(crate) struct Joiner {
    begun: VecDeque<(u64, u16, Vec<u8>)>,
}

impl Joiner {
    /// The encoded frame, if this was its last part.
    pub fn push(&mut self, envelope: &Envelope) -> Option<Bytes> {
        if envelope.parts == 1 {
            return Some(envelope.payload.clone());
        }
        let begun = self.begun.iter().position(|(id, ..)| *id == envelope.frame).and_then(|at| self.begun.remove(at));
        let (_, next, mut bytes) = begun.unwrap_or((envelope.frame, 0, Vec::new()));
        if envelope.part != next || bytes.len() + envelope.payload.len() > FRAME_BYTES_MAX {
            return None;
        }
        bytes.extend_from_slice(&envelope.payload);
        if next + 1 == envelope.parts {
            return Some(bytes.into());
        }
        self.begun.push_back((envelope.frame, next + 1, bytes));
        if self.begun.len() > FRAMES_IN_PARTS_MAX {
            self.begun.pop_front();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sterna_crdt::{Incarnation, RegionId};
    use sterna_log::{Applied, FrameEntry, LogId, ShardId};

    fn frame(bytes: usize) -> Frame {
        let entries = vec![FrameEntry { position: Position::new(1, [2; 10], 3), bytes: vec![7; bytes].into() }];
        Frame {
            log: LogId { origin: RegionId(1), shard: ShardId(2) },
            after: Position::ZERO,
            entries,
            sealed: Position::ZERO,
            applied: Applied::default(),
            incarnation: Incarnation(1),
            models: Vec::new(),
            membership_number: 1,
            membership_hash: 1,
            sent_ms: 0,
        }
    }

    #[test]
    fn a_frame_passes_in_parts_that_others_interleave() {
        let large = frame(3 * RECORD_BYTES_MAX + 17);
        let (one, other) = (records(&large, 1), records(&large, 2));
        assert_eq!(one.len(), 4);
        let mut joiner = Joiner::default();
        let mixed = one.iter().zip(&other).flat_map(|(a, b)| [a, b]);
        let joined: Vec<Bytes> = mixed.filter_map(|record| joiner.push(&Envelope::decode(record).unwrap())).collect();
        assert_eq!(joined.len(), 2);
        assert!(joined.iter().all(|bytes| Frame::decode(bytes.clone()).unwrap() == large));
    }

    #[test]
    fn a_frame_without_one_of_its_parts_never_comes_out() {
        for missing in 0..3 {
            let mut records = records(&frame(2 * RECORD_BYTES_MAX + 17), 1);
            records.remove(missing);
            let mut joiner = Joiner::default();
            assert!(records.iter().all(|record| joiner.push(&Envelope::decode(record).unwrap()).is_none()));
        }
    }

    #[test]
    fn no_changed_byte_goes_unnoticed() {
        let [record] = &records(&frame(40), 9)[..] else { panic!("it fits one record") };
        let envelope = Envelope::decode(record).unwrap();
        assert_eq!(envelope.encode(), record);
        for at in 0..record.len() {
            let mut damaged = record.to_vec();
            damaged[at] ^= 1;
            Envelope::decode(&damaged.into()).unwrap_err();
        }
        for length in 0..record.len() {
            Envelope::decode(&record.slice(..length)).unwrap_err();
        }
    }
}
