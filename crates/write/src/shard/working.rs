//! An aggregate as a batch changes it.

use crate::aggregate::{Aggregate, CauseOf, Open, Recent, Tail, Window, encode_chunk, encode_chunks};
use crate::keys::idem::{self, IdemRecord};
use crate::keys::ledger::LedgerRecord;
use crate::keys::parked::ParkedRecord;
use crate::keys::void::{self, Voided, What};
use crate::keys::{parked, state, tail};
use crate::{Metrics, Region};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use sterna_crdt::conflicts::Row;
use sterna_crdt::{Dot, Incarnation, Name, Order, Schema};
use sterna_env::{HashMap, mutation};
use sterna_log::{AggregateId, Applied, LogId, Position, ShardId, shard_of};
use sterna_store::Transaction;

pub(crate) struct Working {
    pub aggregate: Arc<Aggregate>,
    pub changed: bool,
    /// Records of keys that this batch found or made.
    pub records: HashMap<Name, IdemRecord>,
    /// Those to be written, and where.
    records_changed: Vec<(u32, Name)>,
    /// Events that this batch found to be void.
    voided: Vec<Open>,
    /// How many verdicts were written, and the shards in which these events may have caused something.
    pub verdicts: usize,
    pub noticed: Vec<ShardId>,
    /// As it was before the batch.
    before: Arc<Aggregate>,
    /// Events of other regions were merged, or verdicts have changed: the ledger may have. A command changes no row, as it has seen the
    /// whole tail.
    pub merged: bool,
    /// It was changed, and has a bounded counter.
    pub bounded: bool,
    /// The last event that it got after it had been parked: projections passed over it.
    pub caught_up: Option<(Dot, Order)>,
    chunks_before: usize,
    /// About how many bytes the state has.
    pub bytes: usize,
    counted: bool,
}

impl Working {
    pub fn new(held: Option<Arc<Aggregate>>) -> Self {
        let aggregate = held.unwrap_or_default();
        let (before, chunks_before, bytes) = (Arc::clone(&aggregate), aggregate.chunks, aggregate.bytes);
        Self {
            aggregate,
            changed: false,
            records: HashMap::default(),
            records_changed: Vec::new(),
            voided: Vec::new(),
            verdicts: 0,
            noticed: Vec::new(),
            before,
            merged: false,
            bounded: false,
            caught_up: None,
            chunks_before,
            bytes,
            counted: false,
        }
    }

    /// The bytes of its state, the first time.
    pub fn count(&mut self) -> usize {
        if std::mem::replace(&mut self.counted, true) { 0 } else { self.bytes }
    }

    pub fn change(&mut self) -> &mut Aggregate {
        self.changed = true;
        Arc::make_mut(&mut self.aggregate)
    }

    /// Applies an event; on an error nothing is changed.
    pub fn apply(&mut self, event: Open, schema: &dyn Schema, open: bool) -> Result<(), sterna_crdt::ApplyError> {
        let voided = self.change().apply(event, schema, open)?;
        self.merged |= !voided.is_empty();
        self.voided.extend(voided);
        Ok(())
    }

    /// What these causes, which are void, caused here is void.
    pub fn void_caused_by(&mut self, causes: &BTreeSet<CauseOf>, id: &AggregateId, schema: &dyn Schema) {
        if causes.is_empty() {
            return;
        }
        let caused = |open: &Open| !open.void && open.cause.as_ref().is_some_and(|cause| causes.contains(cause));
        if !self.aggregate.tail().any(caused) {
            return;
        }
        match self.change().void_caused_by(causes, schema) {
            Ok(voided) => {
                self.merged |= !voided.is_empty();
                self.voided.extend(voided);
            }
            Err(error) => {
                tracing::error!(aggregate = %id, %error, "parked: it can't be folded again");
                self.change().parked = Some(error.to_string());
            }
        }
    }

    pub fn can_close(&self, settled: &dyn Fn(Incarnation) -> Position) -> bool {
        self.aggregate.can_close(settled)
    }

    /// As it was before the batch.
    pub fn before(&self) -> &Arc<Aggregate> {
        &self.before
    }

    /// The verdict on the causes of these events is final.
    pub fn settle_causes(&mut self, dots: &[Dot]) {
        self.change().settle_causes(dots);
    }

    /// Where the reactions of the event that was applied last are sent.
    pub fn aim(&mut self, targets: Vec<(Name, Name)>) {
        if let Some(last) = self.change().tail.last_mut() {
            last.targets = targets;
        }
    }

    /// What this reaction's key is known by are events of other causes alone, on all of which the verdict may still change.
    pub fn is_of_others(&self, key: &Name, cause: &CauseOf, record: &IdemRecord) -> bool {
        let held: Vec<&Open> = self.aggregate.tail.of_key(key).collect();
        held.iter().all(|open| open.cause.as_ref() != Some(cause))
            && record.dots.iter().all(|dot| held.iter().any(|open| open.dot() == *dot))
    }

    /// The key of a command that was accepted now; for a reaction, beside those of its cause's twins.
    pub fn remember(&mut self, key: &Name, bucket: u32, body_hash: [u8; 16], dot: Dot) {
        let others = self.aggregate.tail.of_key(key).map(Open::dot).filter(|other| *other != dot);
        let dots = std::iter::once(dot).chain(others).collect();
        self.records.insert(key.clone(), IdemRecord { body_hash, dots, answer: None });
        self.records_changed.push((bucket, key.clone()));
    }

    /// The key of an event that was merged. Of twins each one's record says the same.
    pub fn remember_merged(&mut self, key: &Name, dot: Dot, window_ms: u64) {
        let Some((record, twins)) = self.aggregate.record_of(key, Some(dot)) else { return };
        let mut buckets: Vec<u32> = twins.iter().map(|twin| idem::bucket(twin.update.order.clock, window_ms)).collect();
        buckets.dedup();
        self.records_changed.extend(buckets.into_iter().map(|bucket| (bucket, key.clone())));
        self.records.insert(key.clone(), record);
    }

    /// Closes what is settled, and writes record, tail, keys, verdicts and ledger rows. `has` is what was applied before the batch.
    pub fn write(
        &mut self,
        id: &AggregateId,
        region: &Region,
        (shard, has): (ShardId, &Applied),
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
            if aggregate.contested && (closed || mutation::on("conflict-against-state")) {
                write_ledger(id, &self.before, (self.before.ledger(schema), aggregate.ledger(schema)), metrics, t);
            } else if aggregate.contested
                && self.merged
                && let Some(window) = Window::of(&self.before.seen, aggregate, &self.voided)
            {
                write_ledger(id, &self.before, (self.before.ledger_in(&window, schema), aggregate.ledger_in(&window, schema)), metrics, t);
            }
            if closed {
                aggregate.trim(schema);
            }
            write_tail(id, aggregate, shard, t);
        }
        for (bucket, key) in self.records_changed.drain(..) {
            let Some(record) = self.records.get(&key).cloned() else { continue };
            for moved in aggregate.keys.add(Recent { bucket, key, record }) {
                t.put(idem::key(shard, moved.bucket, id, &moved.key), moved.record.encode());
            }
        }
        for (bucket, key) in left_keys(&self.voided, &aggregate.tail, region) {
            aggregate.keys.remove(bucket, &key);
            t.clear_key(&idem::key(shard, bucket, id, &key));
        }
        aggregate.revision += 1;
        let chunks = encode_chunks(aggregate);
        (aggregate.chunks, aggregate.bytes) = (chunks.len(), self.bytes);
        for (chunk, value) in chunks.iter().enumerate() {
            t.put(state::key(shard, id, chunk as u8), value.clone());
        }
        for chunk in chunks.len()..self.chunks_before {
            t.clear_key(&state::key(shard, id, chunk as u8));
        }
        match (self.before.parked.as_deref(), self.aggregate.parked.as_deref()) {
            // What it lacks is not told again: it has not less than before.
            (None, Some(reason)) => {
                let record = ParkedRecord { reason: reason.to_owned(), has: has.clone() };
                _ = t.put(parked::key(shard, id), record.encode());
            }
            (Some(_), None) => _ = t.clear_key(&parked::key(shard, id)),
            _ => {}
        }
        if let Some((dot, order)) = self.caught_up.filter(|_| self.aggregate.parked.is_none()) {
            let news = Voided { kind: id.kind.clone(), id: id.id.clone(), dot, order, what: What::Unparked };
            t.writes.push(void::news(shard, t.writes.len() as u32, &news));
            self.verdicts += 1;
        }
        self.write_verdicts(id, region, shard, metrics, t);
    }

    /// Why the aggregate is parked, if this batch did that.
    pub fn newly_parked(&self) -> Option<&str> {
        self.aggregate.parked.as_deref().filter(|_| self.before.parked.is_none())
    }

    /// This batch ended that.
    pub fn unparked(&self) -> bool {
        self.before.parked.is_some() && self.aggregate.parked.is_none()
    }

    /// Marks void events, and leaves notices with what they may have caused.
    fn write_verdicts(&mut self, id: &AggregateId, region: &Region, shard: ShardId, metrics: &Metrics, t: &mut Transaction) {
        for open in self.voided.drain(..) {
            let voided = Voided { kind: id.kind.clone(), id: id.id.clone(), dot: open.dot(), order: open.update.order, what: What::Void };
            t.put(void::mark(shard, &id.kind, &id.id, open.dot()), PRESENT);
            t.writes.push(void::news(shard, t.writes.len() as u32, &voided));
            let cause = (id.kind.clone(), id.id.clone(), open.dot());
            for (kind, target) in &open.targets {
                let target = AggregateId { kind: kind.clone(), id: target.clone() };
                let shard = shard_of(&target.kind, &target.id, region.shards());
                t.put(void::notice(shard, &target, &cause), PRESENT);
                self.noticed.push(shard);
            }
            self.verdicts += 1;
            let why = if open.cause.is_some() { "reaction" } else { "command" };
            metrics.voided.with_label_values(&[&*id.kind, why]).inc();
        }
        if self.verdicts > 0 && !region.stores.sole_writer() {
            t.writes.push(void::ring(shard));
        }
    }
}

const PRESENT: Bytes = Bytes::from_static(&[1]);

/// A reaction of a void cause leaves its key to the one of the cause that has the effect.
fn left_keys(voided: &[Open], tail: &Tail, region: &Region) -> Vec<(u32, Name)> {
    if voided.is_empty() {
        return Vec::new();
    }
    let leaves = |open: &&Open| open.cause.is_some() && tail.of_key(&open.key).all(|other| other.void);
    let window_ms = region.model().idempotency_window_ms;
    voided.iter().filter(leaves).map(|open| (idem::bucket(open.update.order.clock, window_ms), open.key.clone())).collect()
}

/// Up to where every member has applied the log of an incarnation's region.
pub(crate) fn settled(region: &Region, shard: ShardId, incarnation: Incarnation) -> Position {
    let log = LogId { origin: incarnation.region(), shard };
    region.board.applied_by_all(log, region.me, region.membership.regions())
}

fn write_tail(id: &AggregateId, aggregate: &mut Aggregate, shard: ShardId, t: &mut Transaction) {
    let (written, dropped) = aggregate.tail.take_changes();
    for (chunk, held) in &written {
        if *held {
            t.clear(tail::chunk(shard, id, chunk.number));
        }
        for (piece, value) in encode_chunk(chunk).into_iter().enumerate() {
            t.put(tail::key(shard, id, chunk.number, piece as u8), value);
        }
    }
    for number in dropped {
        t.clear(tail::chunk(shard, id, number));
    }
}

/// Rows of the ledger, and whether each is final.
type Rows = Vec<(Row, bool)>;

/// Writes the difference between the rows that there were and those that there are. Rows whose loser was closed before are final, and stay
/// whatever the tail says now.
fn write_ledger(id: &AggregateId, before: &Aggregate, (rows_before, rows_after): (Rows, Rows), metrics: &Metrics, t: &mut Transaction) {
    if rows_before.is_empty() && rows_after.is_empty() {
        return;
    }
    let was_final = |row: &Row| before.tail.find(row.loser).is_some_and(|open| open.closed);
    let keyed = |rows: Rows| -> BTreeMap<bytes::Bytes, LedgerRecord> {
        let open = rows.iter().filter(|(row, _)| !was_final(row));
        open.map(|(row, is_final)| LedgerRecord::of(id, row, *is_final)).map(|record| (record.key(), record)).collect()
    };
    let (before, after) = (keyed(rows_before), keyed(rows_after));
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
