//! The logs of a store, in the checkers' words.

use bytes::Bytes;
use futures::FutureExt;
use serde_json::Value as Json;
use sterna_checkers::{Action, Event, Op};
use sterna_crdt::{Action as Real, Value};
use sterna_log::{Entry, Event as Logged, LogId, Position, ShardId};
use sterna_store::{Memory, Page, Snapshot, Store};
use sterna_write::keys;

/// A memory store answers at once. `None` while it is out of reach.
pub fn snapshot(store: &Memory) -> Option<Box<dyn Snapshot + '_>> {
    store.snapshot().now_or_never()?.ok()
}

/// The entries of a log behind `after`, with their encoded bytes.
pub fn entries(snapshot: &dyn Snapshot, log: LogId, after: Position) -> Option<Vec<(Position, Bytes)>> {
    let all = Page { limit: usize::MAX, bytes: usize::MAX, reverse: false };
    let pairs = snapshot.scan(keys::log::behind(log, after), all).now_or_never()?.ok()?;
    Some(keys::log::join(&pairs, true))
}

/// Where a store stands, by its own progress record.
pub fn progress(snapshot: &dyn Snapshot, shard: ShardId) -> Option<keys::progress::ShardProgress> {
    let found = snapshot.get_many(&[keys::progress::key(shard)]).now_or_never()?.ok()?;
    let bytes = found.into_iter().next().flatten();
    Some(bytes.map(|bytes| keys::progress::ShardProgress::decode(&bytes).expect("the code under test wrote it")).unwrap_or_default())
}

/// Who holds the lease of a shard.
pub fn lease(snapshot: &dyn Snapshot, shard: ShardId) -> Option<u64> {
    let found = snapshot.get_many(&[keys::lease::key(Some(shard))]).now_or_never()?.ok()?;
    let record = keys::lease::LeaseRecord::decode(&found.into_iter().next()??);
    Some(record.expect("the code under test wrote it").holder)
}

pub fn events(bytes: &[u8]) -> Vec<Event> {
    let entry = Entry::decode(bytes).expect("the code under test wrote it");
    entry.events.iter().map(event).collect()
}

fn event(from: &Logged) -> Event {
    let update = &from.update;
    let order = |order: sterna_crdt::Order| (order.clock.0, order.incarnation.0);
    let cause = |cause: &sterna_log::Cause| (format!("{}/{}", cause.kind, cause.id), (cause.dot.incarnation.0, cause.dot.n));
    Event {
        aggregate: format!("{}/{}", from.kind, from.id),
        dot: (update.dot.incarnation.0, update.dot.n),
        region: update.dot.incarnation.region().0,
        version: update.version,
        name: update.dot.to_string(),
        seen: update.seen.iter().map(|dot| (dot.incarnation.0, dot.n)).collect(),
        order: order(update.order),
        rank: order(from.rank()),
        key: from.key.to_string(),
        cause: from.cause.as_ref().map(cause),
        ops: update.ops.iter().map(op).collect(),
    }
}

fn op(from: &sterna_crdt::Op) -> Op {
    let action = match &from.action {
        Real::Set { value, .. } => Action::Set(json(value)),
        Real::Add(delta) => Action::Add(*delta),
        Real::Insert(value) => Action::Insert(json(value)),
        Real::Remove(value) => Action::Remove(json(value)),
        Real::RemoveKey => Action::RemoveKey,
        Real::Delete { wins } => Action::Delete { wins: *wins },
        Real::Give { amount, .. } => Action::Give { amount: *amount },
    };
    Op { field: from.field.to_string(), key: from.key.as_ref().map(json), action }
}

fn json(value: &Value) -> Json {
    let mut text = String::new();
    sterna_model::json::write_value(value, &mut text);
    serde_json::from_str(&text).unwrap_or_default()
}
