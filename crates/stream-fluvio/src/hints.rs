//! Where positions were found in a partition. Only ever a guess: the topic may have been made anew.

use crate::limits::HINTS_MAX;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use sterna_log::Position;

/// One log's. A hint says: the frame that ends at this position ends with the record at this offset.
#[derive(Default)]
pub(crate) struct Hints(Mutex<BTreeMap<Position, i64>>);

impl Hints {
    pub fn note(&self, end: Position, offset: i64) {
        let mut known = self.0.lock();
        known.insert(end, offset);
        if known.len() > HINTS_MAX {
            known.pop_first();
        }
    }

    /// The nearest at `after` or before it.
    pub fn near(&self, after: Position) -> Option<(Position, i64)> {
        self.0.lock().range(..=after).next_back().map(|(end, offset)| (*end, *offset))
    }

    pub fn forget(&self) {
        self.0.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_hint_is_found_and_the_oldest_goes_first() {
        let place = |n: u64| Position::new(n, [0; 10], 0);
        let hints = Hints::default();
        (1..=HINTS_MAX as u64 + 1).for_each(|n| hints.note(place(2 * n), n as i64));
        assert_eq!(hints.near(place(3)), None);
        assert_eq!(hints.near(place(9)), Some((place(8), 4)));
        assert_eq!(hints.near(place(8)), Some((place(8), 4)));
        hints.forget();
        assert_eq!(hints.near(place(9)), None);
    }
}
