//! What a stream carries.

use crate::codec::{self, DecodeError, FRAME};
use crate::{Applied, LogId, Position, ShardId};
use bytes::Bytes;
use prost::Message;
use sterna_crdt::{Incarnation, RegionId};

/// A run of entries of one log. Without entries it is a heartbeat.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    pub log: LogId,
    /// The end of the last entry before the first one here: a follower that is not there yet has a hole.
    pub after: Position,
    pub entries: Vec<FrameEntry>,
    /// The log is complete up to here, though nothing may have been written.
    pub sealed: Position,
    /// What the origin had applied of all logs of this shard when it named `sealed`.
    pub applied: Applied,
    /// The origin's current life.
    pub incarnation: Incarnation,
    /// The model versions that the origin can apply.
    pub models: Vec<ModelHeld>,
    pub membership_number: u64,
    pub membership_hash: u64,
    /// The origin's wall clock in milliseconds when the frame was made: lag and clock skew are measured against it.
    pub sent_ms: u64,
}

/// An encoded [`crate::Entry`] and the place of its commit (`index` is that of its last event).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FrameEntry {
    pub position: Position,
    pub bytes: Bytes,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ModelHeld {
    pub version: u32,
    pub hash: u64,
}

impl Frame {
    /// The position that a follower has reached once it has copied this frame's entries.
    pub fn end(&self) -> Position {
        self.entries.last().map_or(self.after, |e| e.position)
    }

    pub fn is_heartbeat(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn encode(&self) -> Vec<u8> {
        let entries = self.entries.iter().map(|e| FrameEntryWire { position: e.position.to_bytes().to_vec(), bytes: e.bytes.clone() });
        let models = self.models.iter().map(|m| ModelWire { version: m.version, hash: m.hash });
        codec::seal(
            FRAME,
            &FrameWire {
                origin: u32::from(self.log.origin.0),
                shard: u32::from(self.log.shard.0),
                after: self.after.to_bytes().to_vec(),
                entries: entries.collect(),
                sealed: self.sealed.to_bytes().to_vec(),
                applied: applied_to_wire(&self.applied),
                incarnation: self.incarnation.0,
                models: models.collect(),
                membership_number: self.membership_number,
                membership_hash: self.membership_hash,
                sent_ms: self.sent_ms,
            },
        )
    }

    /// Entries stay slices of `bytes`.
    pub fn decode(bytes: impl Into<Bytes>) -> Result<Self, DecodeError> {
        let wire: FrameWire = codec::open_shared(FRAME, &bytes.into())?;
        let origin = RegionId(u16::try_from(wire.origin).map_err(|_| DecodeError::Malformed("origin"))?);
        let shard = ShardId(u16::try_from(wire.shard).map_err(|_| DecodeError::Malformed("shard"))?);
        let frame = Self {
            log: LogId { origin, shard },
            after: position(&wire.after)?,
            entries: wire
                .entries
                .into_iter()
                .map(|e| Ok(FrameEntry { position: position(&e.position)?, bytes: e.bytes }))
                .collect::<Result<_, DecodeError>>()?,
            sealed: position(&wire.sealed)?,
            applied: applied_from_wire(wire.applied)?,
            incarnation: Incarnation(wire.incarnation),
            models: wire.models.into_iter().map(|m| ModelHeld { version: m.version, hash: m.hash }).collect(),
            membership_number: wire.membership_number,
            membership_hash: wire.membership_hash,
            sent_ms: wire.sent_ms,
        };
        let mut last = frame.after;
        for entry in &frame.entries {
            if entry.position <= last {
                return Err(DecodeError::Malformed("order of entries"));
            }
            last = entry.position;
        }
        Ok(frame)
    }
}

#[derive(Message)]
struct FrameWire {
    #[prost(uint32, tag = "1")]
    origin: u32,
    #[prost(uint32, tag = "2")]
    shard: u32,
    #[prost(bytes = "vec", tag = "3")]
    after: Vec<u8>,
    #[prost(message, repeated, tag = "4")]
    entries: Vec<FrameEntryWire>,
    #[prost(bytes = "vec", tag = "5")]
    sealed: Vec<u8>,
    #[prost(message, repeated, tag = "6")]
    applied: Vec<PlaceWire>,
    #[prost(fixed64, tag = "7")]
    incarnation: u64,
    #[prost(message, repeated, tag = "8")]
    models: Vec<ModelWire>,
    #[prost(uint64, tag = "9")]
    membership_number: u64,
    #[prost(fixed64, tag = "10")]
    membership_hash: u64,
    #[prost(uint64, tag = "11")]
    sent_ms: u64,
}

#[derive(Message)]
struct PlaceWire {
    #[prost(uint32, tag = "1")]
    origin: u32,
    #[prost(bytes = "vec", tag = "2")]
    position: Vec<u8>,
}

fn applied_to_wire(applied: &Applied) -> Vec<PlaceWire> {
    let place =
        |(origin, position): &(RegionId, Position)| PlaceWire { origin: u32::from(origin.0), position: position.to_bytes().to_vec() };
    applied.0.iter().map(place).collect()
}

fn applied_from_wire(wire: Vec<PlaceWire>) -> Result<Applied, DecodeError> {
    let mut applied = Applied::default();
    for place in wire {
        let origin = u16::try_from(place.origin).map_err(|_| DecodeError::Malformed("region"))?;
        applied.raise(RegionId(origin), position(&place.position)?);
    }
    Ok(applied)
}

fn position(bytes: &[u8]) -> Result<Position, DecodeError> {
    Position::from_bytes(bytes).ok_or(DecodeError::Malformed("position"))
}

#[derive(Message)]
struct FrameEntryWire {
    #[prost(bytes = "vec", tag = "1")]
    position: Vec<u8>,
    #[prost(bytes = "bytes", tag = "2")]
    bytes: Bytes,
}

#[derive(Message)]
struct ModelWire {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(fixed64, tag = "2")]
    hash: u64,
}
