//! What one commit wrote to one shard's log.

use crate::codec::{self, DecodeError, ENTRY};
use crate::event::Event;
use crate::progress::Applied;
use crate::wire::{EventWire, PlaceWire, applied_from_wire, applied_to_wire};
use prost::Message;

/// The events of one commit, and what the region had applied of the other regions' logs of this shard. A resolver merges an
/// entry only when it has applied that much too. The event at `i` has the entry's position with `index = i`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Entry {
    pub events: Vec<Event>,
    pub applied: Applied,
}

#[derive(Message)]
struct EntryWire {
    #[prost(message, repeated, tag = "1")]
    events: Vec<EventWire>,
    #[prost(message, repeated, tag = "2")]
    applied: Vec<PlaceWire>,
}

impl Entry {
    pub fn encode(&self) -> Vec<u8> {
        let events = self.events.iter().map(EventWire::from).collect();
        codec::seal(ENTRY, &EntryWire { events, applied: applied_to_wire(&self.applied) })
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let wire: EntryWire = codec::open(ENTRY, bytes)?;
        let events = wire.events.into_iter().map(Event::try_from).collect::<Result<_, _>>()?;
        Ok(Self { events, applied: applied_from_wire(wire.applied)? })
    }
}
