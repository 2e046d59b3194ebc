//! Values of `min` and `max` in keys of their own, where a group has many.

use crate::keys::{Unreadable, decode, encode, extreme};
use bytes::Bytes;
use sterna_crdt::Value;
use sterna_env::HashMap;
use sterna_model::AggOp;
use sterna_store::{Page, ReadError, Snapshot, Transaction, key_range, prefix_range};

#[derive(Debug, thiserror::Error)]
pub(crate) enum GroupError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

/// The values that one aggregation of one group has.
pub(super) struct Spilled<'s> {
    pub snapshot: &'s dyn Snapshot,
    pub prefix: Vec<u8>,
    pub op: AggOp,
}

impl Spilled<'_> {
    /// Gives keys to values that a record can't hold; returns the one to show.
    pub fn spill(&self, values: &[(Value, u64)], t: &mut Transaction) -> Value {
        for (value, count) in values {
            t.put(extreme::key(&self.prefix, value), encode(&extreme::Record { value: value.clone(), count: *count }));
        }
        let best = if self.op == AggOp::Max { values.last() } else { values.first() };
        best.map_or(Value::Null, |(value, _)| value.clone())
    }

    /// Changes counts; returns the value to show.
    pub async fn change(&self, shown: &Value, changes: HashMap<Value, i64>, t: &mut Transaction) -> Result<Value, GroupError> {
        let mut changes: Vec<_> = changes.into_iter().filter(|(_, by)| *by != 0).collect();
        changes.sort_unstable();
        let keys: Vec<Bytes> = changes.iter().map(|(value, _)| extreme::key(&self.prefix, value)).collect();
        let held = self.snapshot.get_many(&keys).await?;
        let (mut gone, mut best) = (Vec::new(), (!shown.is_null()).then(|| shown.clone()));
        for (((value, by), key), held) in changes.into_iter().zip(keys).zip(held) {
            let held =
                held.map(|bytes| decode::<extreme::Record>("value of a group", &bytes)).transpose()?.map_or(0, |record| record.count);
            let count = held.saturating_add_signed(by);
            if count > 0 {
                best = self.better(best, value.clone());
                t.put(key, encode(&extreme::Record { value, count }));
            } else {
                t.clear(key_range(&key));
                gone.push((key, value));
            }
        }
        match best {
            Some(best) if gone.iter().all(|(_, value)| *value != best) => Ok(best),
            _ => self.search(&gone, t).await,
        }
    }

    /// The best value that remains, among what is kept and what this transaction writes.
    async fn search(&self, gone: &[(Bytes, Value)], t: &Transaction) -> Result<Value, GroupError> {
        let mut best = None;
        for write in &t.writes {
            if let sterna_store::Write::Put { key, value } = write
                && key.starts_with(&self.prefix)
            {
                best = self.better(best, decode::<extreme::Record>("value of a group", value)?.value);
            }
        }
        let (mut range, page) =
            (prefix_range(&self.prefix), Page { limit: 1 + gone.len(), reverse: self.op == AggOp::Max, ..Page::DEFAULT });
        loop {
            let pairs = self.snapshot.scan(range.clone(), page).await?;
            if let Some((_, value)) = pairs.iter().find(|(key, _)| gone.iter().all(|(cleared, _)| cleared != key)) {
                best = self.better(best, decode::<extreme::Record>("value of a group", value)?.value);
                break;
            }
            if page.is_short(&pairs) {
                break;
            }
            range = page.rest(&range, &pairs);
        }
        Ok(best.unwrap_or_default())
    }

    fn better(&self, best: Option<Value>, value: Value) -> Option<Value> {
        match best {
            Some(best) if (self.op == AggOp::Max) == (best >= value) => Some(best),
            _ => Some(value),
        }
    }
}
