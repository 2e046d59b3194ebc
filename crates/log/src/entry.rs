//! What one commit wrote to one shard's log.

use crate::codec::{self, DecodeError, ENTRY};
use crate::event::Event;
use crate::progress::Applied;
use crate::wire::{Field, Fields, read_event, read_place, write_applied, write_event};
use sterna_crdt::{Name, RegionId};

/// The events of one commit, and what the region had applied of the other regions' logs of this shard. A resolver merges an
/// entry only when it has applied that much too. The event at `i` has the entry's position with `index = i`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Entry {
    pub events: Vec<Event>,
    pub applied: Applied,
    /// Homes that this commit gave away. An entry without events has the position of one with a single event.
    pub handovers: Vec<Handover>,
    /// Of a life that has just begun: it may say nothing else. Whoever has it takes nothing any more of the log's lives before.
    pub begins: bool,
}

/// From here on commands of the type's aggregates in this shard are accepted in another region only, once it has merged this entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Handover {
    pub kind: Name,
    pub to: RegionId,
    /// Greater than that of every home before.
    pub term: u64,
}

impl Entry {
    pub fn encode(&self) -> Vec<u8> {
        codec::seal_with(ENTRY, |to| {
            self.events.iter().for_each(|event| write_event(to, EVENTS, event));
            write_applied(to, APPLIED, &self.applied);
            self.handovers.iter().for_each(|handover| {
                to.message(HANDOVERS, |to| {
                    to.bytes(1, handover.kind.as_bytes());
                    to.uint(2, u64::from(handover.to.0));
                    to.uint(3, handover.term);
                });
            });
            to.uint(BEGINS, u64::from(self.begins));
        })
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut fields = Fields(codec::check(ENTRY, bytes)?);
        let mut entry = Self::default();
        while let Some((tag, field)) = fields.next()? {
            match tag {
                EVENTS => entry.events.push(read_event(field)?),
                APPLIED => {
                    let (origin, position) = read_place(field)?;
                    entry.applied.raise(origin, position);
                }
                HANDOVERS => entry.handovers.push(read_handover(field)?),
                BEGINS => entry.begins = field.bool()?,
                _ => {}
            }
        }
        Ok(entry)
    }

    /// The index of its last position.
    pub fn last_index(&self) -> Option<u16> {
        match (self.events.len(), self.handovers.len()) {
            (0, 0) if !self.begins => None,
            (events, _) => Some(events.saturating_sub(1) as u16),
        }
    }
}

fn read_handover(field: Field) -> Result<Handover, DecodeError> {
    let mut fields = field.fields()?;
    let (mut kind, mut to, mut term) = ("", RegionId(0), 0);
    while let Some((tag, field)) = fields.next()? {
        match tag {
            1 => kind = field.text()?,
            2 => to = RegionId(field.u16()?),
            3 => term = field.uint()?,
            _ => {}
        }
    }
    Ok(Handover { kind: kind.into(), to, term })
}

const EVENTS: u32 = 1;
const APPLIED: u32 = 2;
const HANDOVERS: u32 = 3;
const BEGINS: u32 = 4;
