//! What another region holds of a log, its origin has durably: nothing is shipped before it is synced.

use crate::Violation;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub struct ShippedWatch {
    /// By log: every entry that the origin's store was ever seen to hold.
    durable: BTreeMap<String, BTreeSet<Vec<u8>>>,
}

impl ShippedWatch {
    /// The origin's store holds the entry at this position.
    pub fn durable(&mut self, log: &str, position: &[u8]) {
        self.durable.entry(log.to_owned()).or_default().insert(position.to_vec());
    }

    /// `holder`'s copy of the log has the entry at this position.
    pub fn copied(&self, log: &str, position: &[u8], holder: &str, at_ms: u64) -> Option<Violation> {
        let known = self.durable.get(log).is_some_and(|entries| entries.contains(position));
        let what = || format!("{holder} holds an entry of log {log} at {at_ms} ms that its origin has not synced");
        (!known).then(|| Violation::new("shipped", what()))
    }
}
