//! Where a page ends: the key of its last row, without what a rebuild changes.

use crate::keys::history;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use sterna_crdt::Order;

const ROW: u8 = 1;
const ORDER: u8 = 2;

/// `fingerprint` names the order of the rows, `place` is a row's key in it.
pub(super) fn seal_row(fingerprint: u32, place: &[u8]) -> String {
    BASE64.encode([&[ROW], &fingerprint.to_be_bytes()[..], place].concat())
}

/// The place; `None` if it is of another order, or garbage.
pub(super) fn open_row(text: &str, fingerprint: u32) -> Option<Vec<u8>> {
    let bytes = BASE64.decode(text).ok()?;
    let place = bytes.strip_prefix(&[ROW])?.strip_prefix(&fingerprint.to_be_bytes())?;
    Some(place.to_vec())
}

pub(super) fn seal_order(order: Order) -> String {
    let mut bytes = vec![ORDER];
    history::put_order(order, &mut bytes);
    BASE64.encode(bytes)
}

pub(super) fn open_order(text: &str) -> Option<Order> {
    history::parse_order(BASE64.decode(text).ok()?.strip_prefix(&[ORDER])?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sterna_crdt::{Clock, Incarnation};

    proptest! {
        #[test]
        fn cursors_survive_their_text_and_are_bound_to_an_order(place: Vec<u8>, fingerprint: u32, clock: u64, incarnation: u64) {
            let row = seal_row(fingerprint, &place);
            prop_assert_eq!(open_row(&row, fingerprint), Some(place));
            prop_assert_eq!(open_row(&row, !fingerprint), None);
            prop_assert_eq!(open_order(&row), None);
            let order = Order { clock: Clock(clock), incarnation: Incarnation(incarnation) };
            prop_assert_eq!(open_order(&seal_order(order)), Some(order));
        }

        #[test]
        fn garbage_is_no_cursor(text in "\\PC{0,30}") {
            prop_assert_eq!(open_order(&text).map(seal_order).filter(|sealed| *sealed != text), None);
        }
    }
}
