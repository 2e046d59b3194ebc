//! Where positions were found in a partition. Only ever a guess: the topic may have been made anew.

use crate::limits::HINTS_MAX;
use bytes::{BufMut, Bytes};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use sterna_log::Position;

const VERSION: u8 = 1;
const ENCODED_BYTES: usize = 1 + Position::BYTES + 8;

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

    /// As bytes: version 1, the position, the offset.
    pub fn encode_near(&self, after: Position) -> Option<Bytes> {
        let (end, offset) = self.near(after)?;
        let mut out = Vec::with_capacity(ENCODED_BYTES);
        out.put_u8(VERSION);
        out.put_slice(&end.to_bytes());
        out.put_i64(offset);
        debug_assert_eq!(out.len(), ENCODED_BYTES);
        Some(out.into())
    }

    /// False if it is nothing that [`encode_near`](Self::encode_near) makes.
    pub fn note_encoded(&self, bytes: &[u8]) -> bool {
        let Some((&VERSION, rest)) = bytes.split_first() else { return false };
        let Some((end, offset)) = rest.split_at_checked(Position::BYTES) else { return false };
        let (Some(end), Ok(offset)) = (Position::from_bytes(end), offset.try_into().map(i64::from_be_bytes)) else { return false };
        self.note(end, offset);
        true
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

    #[test]
    fn a_hint_is_kept_as_bytes_and_what_is_none_is_left_out() {
        let place = |n: u64| Position::new(n, [7; 10], 3);
        let (before, after) = (Hints::default(), Hints::default());
        assert_eq!(before.encode_near(place(9)), None);
        before.note(place(4), 77);
        let bytes = before.encode_near(place(9)).unwrap();
        assert!(after.note_encoded(&bytes));
        assert_eq!(after.near(place(9)), Some((place(4), 77)));
        let longer = [&bytes[..], &[0]].concat();
        for wrong in [&bytes[1..], &bytes[..bytes.len() - 1], &longer[..], &[], &[2; ENCODED_BYTES]] {
            assert!(!Hints::default().note_encoded(wrong), "{wrong:?}");
        }
    }
}
