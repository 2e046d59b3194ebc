//! The groups as kept, with those recently changed in memory.

use super::accumulator::{Left, outgrown};
use super::deltas::{Deltas, GroupDelta};
pub(crate) use super::spilled::GroupError;
use super::spilled::Spilled;
use crate::cache::Cache;
use crate::keys::group::{Accumulator, HEAD_BYTES, Record};
use crate::keys::{decode, encode, extreme};
use crate::limits::GROUP_CACHE_MAX;
use bytes::Bytes;
use sterna_store::{Snapshot, Transaction, key_range, prefix_range};

/// Changes groups. What it remembers is what was committed, as long as a failed transaction is followed by [`Self::forget`].
pub(crate) struct Groups(Cache<Bytes, Record>);

impl Groups {
    pub fn new() -> Self {
        Self(Cache::new(GROUP_CACHE_MAX))
    }

    pub fn forget(&mut self) {
        *self = Self::new();
    }

    /// Writes every group that `deltas` change. `snapshot` shows all that was written before.
    pub async fn apply(&mut self, deltas: Deltas, snapshot: &dyn Snapshot, t: &mut Transaction) -> Result<(), GroupError> {
        let mut deltas: Vec<(Bytes, GroupDelta)> = deltas.0.into_iter().collect();
        deltas.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let missing: Vec<Bytes> = deltas.iter().filter(|(key, _)| !self.0.holds(key)).map(|(key, _)| key.clone()).collect();
        for (key, value) in missing.iter().zip(snapshot.get_many(&missing).await?) {
            if let Some(value) = value {
                self.0.put(key.clone(), decode("group", &value)?, 1);
            }
        }
        for (key, delta) in deltas {
            let aggs = delta.generation.view().aggs();
            let record = self.0.take(&key).unwrap_or_else(|| Record::empty(&delta.group, aggs));
            match change(record, &key, delta, snapshot, t).await? {
                Some(record) => {
                    t.put(key.clone(), encode(&record));
                    self.0.put(key, record, 1);
                }
                None => {
                    t.clear(key_range(&key));
                }
            }
        }
        Ok(())
    }
}

/// The group after the change; `None` if nothing contributes to it any more.
async fn change(
    mut record: Record,
    key: &Bytes,
    delta: GroupDelta,
    snapshot: &dyn Snapshot,
    t: &mut Transaction,
) -> Result<Option<Record>, GroupError> {
    let GroupDelta { generation, rows, changes, .. } = delta;
    let spilled = |at: usize| Spilled {
        snapshot,
        prefix: extreme::prefix(generation.number, at as u8, &key[HEAD_BYTES..]),
        op: generation.view().aggs()[at].op,
    };
    record.rows = record.rows.saturating_add_signed(rows);
    for (at, change) in changes.into_iter().enumerate() {
        let Some(accumulator) = record.accumulators.get_mut(at) else { continue };
        match accumulator.apply(change) {
            Left::Nothing => {}
            Left::Spill(values) => *accumulator = Accumulator::Spilled(spilled(at).spill(&values, t)),
            Left::Spilled(changes) => {
                if let Accumulator::Spilled(shown) = accumulator {
                    *shown = spilled(at).change(shown, changes, t).await?;
                }
            }
        }
    }
    if record.rows == 0 {
        for at in (0..record.accumulators.len()).filter(|&at| matches!(record.accumulators[at], Accumulator::Spilled(_))) {
            t.clear(prefix_range(&spilled(at).prefix));
        }
        return Ok(None);
    }
    if outgrown(&record) {
        for at in 0..record.accumulators.len() {
            if let Accumulator::Inline(values) = &mut record.accumulators[at] {
                let values = std::mem::take(values);
                record.accumulators[at] = Accumulator::Spilled(spilled(at).spill(&values, t));
            }
        }
    }
    Ok(Some(record))
}
