//! An aggregate as a batch changes it.

use crate::aggregate::{Aggregate, Open, encode_chunks};
use crate::keys::idem::{self, IdemRecord};
use crate::keys::ledger::LedgerRecord;
use crate::keys::state;
use crate::{Metrics, Region};
use std::collections::BTreeMap;
use std::sync::Arc;
use sterna_crdt::conflicts::Row;
use sterna_crdt::{Dot, Incarnation, Name, Schema};
use sterna_env::HashMap;
use sterna_log::{AggregateId, LogId, Position, ShardId};
use sterna_store::Transaction;

pub(crate) struct Working {
    pub aggregate: Arc<Aggregate>,
    pub changed: bool,
    /// Records of keys that this batch looked up or made, by key; `None`: looked up, not there.
    pub keys: HashMap<Name, Option<(u32, IdemRecord)>>,
    /// Keys whose record is to be written.
    pub keys_changed: Vec<Name>,
    /// As it was before the batch.
    before: Arc<Aggregate>,
    /// Events of other regions were merged: the ledger may have changed. A command changes no row, as it has seen the whole tail.
    pub merged: bool,
    /// It was changed, and has a bounded counter.
    pub bounded: bool,
    chunks_before: usize,
    /// About how many bytes the record has.
    pub bytes: usize,
}

impl Working {
    pub fn new(held: Option<Arc<Aggregate>>) -> Self {
        let aggregate = held.unwrap_or_default();
        let (before, chunks_before, bytes) = (Arc::clone(&aggregate), aggregate.chunks, aggregate.bytes);
        Self {
            aggregate,
            changed: false,
            keys: HashMap::default(),
            keys_changed: Vec::new(),
            before,
            merged: false,
            bounded: false,
            chunks_before,
            bytes,
        }
    }

    pub fn change(&mut self) -> &mut Aggregate {
        self.changed = true;
        Arc::make_mut(&mut self.aggregate)
    }

    /// Applies an event; on an error nothing is changed.
    pub fn apply(&mut self, event: Open, model_version: u32, schema: &dyn Schema, open: bool) -> Result<(), sterna_crdt::ApplyError> {
        self.change().apply(event, model_version, schema, open)
    }

    /// Adds the event to its key's record.
    pub fn remember(&mut self, key: &Name, bucket: u32, body_hash: [u8; 16], dot: Dot, answer: Option<&Name>) {
        let slot = self.keys.entry(key.clone()).or_default();
        match slot {
            Some((_, record)) if record.dots.contains(&dot) => return,
            Some((_, record)) => record.dots.push(dot),
            None => *slot = Some((bucket, IdemRecord { body_hash, dots: vec![dot], answer: answer.map(Name::to_string) })),
        }
        self.keys_changed.push(key.clone());
    }

    /// Closes what is settled, and writes record, keys and ledger rows.
    pub fn write(
        &mut self,
        id: &AggregateId,
        region: &Region,
        shard: ShardId,
        schema: &dyn Schema,
        metrics: &Metrics,
        t: &mut Transaction,
    ) {
        if !self.changed {
            return;
        }
        let settled = |incarnation: Incarnation| settled(region, shard, incarnation);
        let aggregate = Arc::make_mut(&mut self.aggregate);
        if !aggregate.tail.is_empty() {
            let closed = aggregate.close(schema, &settled);
            if aggregate.contested && (closed || self.merged) {
                write_ledger(id, &self.before, aggregate, schema, metrics, t);
            }
            aggregate.trim();
        }
        let chunks = encode_chunks(aggregate);
        (aggregate.chunks, aggregate.bytes) = (chunks.len(), chunks.iter().map(bytes::Bytes::len).sum());
        for (chunk, value) in chunks.iter().enumerate() {
            t.put(state::key(shard, id, chunk as u8), value.clone());
        }
        for chunk in chunks.len()..self.chunks_before {
            t.clear_key(&state::key(shard, id, chunk as u8));
        }
        for key in self.keys_changed.drain(..) {
            if let Some(Some((bucket, record))) = self.keys.get(&key) {
                t.put(idem::key(shard, *bucket, id, &key), record.encode());
            }
        }
    }
}

/// Up to where every member has applied the log of an incarnation's region.
pub(crate) fn settled(region: &Region, shard: ShardId, incarnation: Incarnation) -> Position {
    let log = LogId { origin: incarnation.region(), shard };
    region.board.applied_by_all(log, region.me, region.membership.regions())
}

/// Writes the difference. Rows whose loser was closed before are final, and stay whatever the tail says now.
fn write_ledger(id: &AggregateId, before: &Aggregate, after: &Aggregate, schema: &dyn Schema, metrics: &Metrics, t: &mut Transaction) {
    let closed_before: Vec<Dot> = before.tail.iter().filter(|open| open.closed).map(|open| open.update.dot).collect();
    let keyed = |rows: Vec<(Row, bool)>| -> BTreeMap<bytes::Bytes, LedgerRecord> {
        let open = rows.iter().filter(|(row, _)| !closed_before.contains(&row.loser));
        open.map(|(row, is_final)| LedgerRecord::of(id, row, *is_final)).map(|record| (record.key(), record)).collect()
    };
    let (before, after) = (keyed(before.ledger(schema)), keyed(after.ledger(schema)));
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        t.clear_key(key);
    }
    for (key, record) in after {
        let held = before.get(&key);
        if held.is_none() {
            metrics.conflicts.with_label_values(&[&record.kind, &record.field, &record.rule]).inc();
        }
        if held != Some(&record) {
            t.put(key, record.encode());
        }
    }
}
