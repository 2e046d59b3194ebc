//! What one commit wrote to one shard's log.

use crate::codec::{self, DecodeError, ENTRY};
use crate::event::Event;
use crate::progress::Applied;
use crate::wire::{Fields, read_event, read_place, write_applied, write_event};

/// The events of one commit, and what the region had applied of the other regions' logs of this shard. A resolver merges an
/// entry only when it has applied that much too. The event at `i` has the entry's position with `index = i`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Entry {
    pub events: Vec<Event>,
    pub applied: Applied,
}

impl Entry {
    pub fn encode(&self) -> Vec<u8> {
        codec::seal_with(ENTRY, |to| {
            self.events.iter().for_each(|event| write_event(to, EVENTS, event));
            write_applied(to, APPLIED, &self.applied);
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
                _ => {}
            }
        }
        Ok(entry)
    }
}

const EVENTS: u32 = 1;
const APPLIED: u32 = 2;
