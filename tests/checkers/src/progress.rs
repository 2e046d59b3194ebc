//! Progress never goes back while a store lives.

use crate::Violation;
use std::collections::BTreeMap;

/// Remembers how far everybody was.
#[derive(Default)]
pub struct ProgressWatch {
    reached: BTreeMap<(String, String), Vec<u8>>,
}

impl ProgressWatch {
    /// `who` (a region's store) has reached `position`, whose bytes are ordered, of `what` (a log, as copied or applied).
    pub fn look(&mut self, who: &str, what: &str, position: &[u8], at_ms: u64) -> Option<Violation> {
        let slot = self.reached.entry((who.to_owned(), what.to_owned())).or_default();
        let went_back = position < slot.as_slice();
        let found = went_back.then(|| Violation::new("progress", format!("{who} had more of {what} before {at_ms} ms than now")));
        *slot = position.to_vec();
        found
    }

    /// An older copy of `who` takes its place.
    pub fn forget(&mut self, who: &str) {
        self.reached.retain(|(held, _), _| held != who);
    }
}
