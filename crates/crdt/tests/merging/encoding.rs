//! Bytes of states: compact, versioned, and safe to read when corrupted. (The round trip is checked in `states`.)

use crate::history::{histories, schema};
use proptest::prelude::*;
use sterna_crdt::{DecodeError, Fields};

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn corrupted_bytes_never_panic(history in histories(&[], 30), at in any::<proptest::sample::Index>(), byte in any::<u8>()) {
        let mut fields = Fields::default();
        history.0.iter().for_each(|update| fields.apply(update, &schema(), true).unwrap());
        let mut bytes = fields.encode();
        let at = at.index(bytes.len());
        prop_assert!(Fields::decode(&bytes[..at]).is_err());
        bytes[at] = byte;
        if let Ok(other) = Fields::decode(&bytes) {
            other.encode();
        }
    }
}

#[test]
fn an_empty_state_takes_a_few_bytes() {
    assert!(Fields::default().encode().len() <= 8);
}

#[test]
fn foreign_versions_and_trailing_bytes_are_refused() {
    let mut bytes = Fields::default().encode();
    bytes.push(0);
    assert!(matches!(Fields::decode(&bytes), Err(DecodeError::Corrupted(_))));
    bytes[0] = 200;
    assert_eq!(Fields::decode(&bytes), Err(DecodeError::UnknownVersion(200)));
    assert_eq!(Fields::decode(&[]), Err(DecodeError::Empty));
}
