//! What one transaction projects: entries of logs, and the aggregates that they change.

use crate::keys::{document, history};
use bytes::Bytes;
use std::sync::Arc;
use sterna_crdt::VersionVector;
use sterna_env::{HashMap, HashSet};
use sterna_log::{AggregateId, Entry, Event, LogId, Position, ShardId};

/// Entries in the order of their logs.
#[derive(Default)]
pub(super) struct Batch {
    pub entries: Vec<Delivered>,
    pub events: usize,
    pub bytes: usize,
}

pub(super) struct Delivered {
    pub log: LogId,
    /// Of the last event.
    pub position: Position,
    pub entry: Arc<Entry>,
}

/// An aggregate that a batch changes.
pub(super) struct Touched {
    pub shard: ShardId,
    /// Of its document.
    pub key: Bytes,
    /// The last of its events here, of each incarnation.
    pub dots: VersionVector,
}

impl Batch {
    pub fn push(&mut self, delivered: Delivered, bytes: usize) {
        self.events += delivered.entry.events.len();
        self.bytes += bytes;
        self.entries.push(delivered);
    }

    /// All events, with the places of their logs.
    pub fn events(&self) -> impl Iterator<Item = (LogId, Position, &Event)> {
        self.entries.iter().flat_map(|delivered| {
            let position = |index: usize| Position { index: index as u16, ..delivered.position };
            delivered.entry.events.iter().enumerate().map(move |(index, event)| (delivered.log, position(index), event))
        })
    }

    /// The history's keys of events of an earlier life than their entries: a region says what it copied back once more, and it may be here already.
    pub fn said_again(&self) -> HashSet<Bytes> {
        let again = self.events().filter(|(_, position, event)| event.dot().incarnation.opened_ms() < position.epoch);
        again.map(|(.., event)| history::key(&event.kind, &event.id, event.update.order)).collect()
    }

    /// The aggregates of all events, each once, and for each event the place of its own.
    pub fn touched(&self) -> (Vec<AggregateId>, Vec<Touched>, Vec<usize>) {
        let mut places: HashMap<(&str, &str), usize> = HashMap::default();
        let (mut ids, mut touched, mut of) = (Vec::new(), Vec::<Touched>::new(), Vec::with_capacity(self.events));
        for (log, _, event) in self.events() {
            let place = *places.entry((&event.kind, &event.id)).or_insert_with(|| {
                ids.push(AggregateId { kind: event.kind.clone(), id: event.id.clone() });
                touched.push(Touched { shard: log.shard, key: document::key(&event.kind, &event.id), dots: VersionVector::default() });
                ids.len() - 1
            });
            touched[place].dots.add(event.dot());
            of.push(place);
        }
        (ids, touched, of)
    }
}
