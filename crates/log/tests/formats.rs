//! What is encoded decodes to itself, and damage never to anything.
#![allow(clippy::unwrap_used, reason = "in a test")]

mod any;

use proptest::prelude::*;
use sterna_log::*;

/// Every encoding with one byte changed.
fn damaged(bytes: &[u8], at: prop::sample::Index, flip: u8) -> Vec<u8> {
    let mut damaged = bytes.to_vec();
    damaged[at.index(bytes.len())] ^= flip;
    damaged
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn an_entry_round_trips(entry in any::entry()) {
        prop_assert_eq!(Entry::decode(&entry.encode()), Ok(entry));
    }

    #[test]
    fn a_frame_round_trips(frame in any::frame()) {
        prop_assert_eq!(Frame::decode(frame.encode()), Ok(frame));
    }

    #[test]
    fn a_membership_round_trips(membership in any::membership()) {
        prop_assert_eq!(Membership::decode(&membership.encode()), Ok(membership));
    }

    #[test]
    fn a_damaged_byte_is_detected(
        entry in any::entry(), frame in any::frame(), membership in any::membership(), at in any::<prop::sample::Index>(), flip in 1..=255u8,
    ) {
        prop_assert!(Entry::decode(&damaged(&entry.encode(), at, flip)).is_err());
        prop_assert!(Frame::decode(damaged(&frame.encode(), at, flip)).is_err());
        prop_assert!(Membership::decode(&damaged(&membership.encode(), at, flip)).is_err());
    }

    #[test]
    fn a_cut_end_is_detected(entry in any::entry(), frame in any::frame(), at in any::<prop::sample::Index>()) {
        let (entry, frame) = (entry.encode(), frame.encode());
        prop_assert!(Entry::decode(&entry[..at.index(entry.len())]).is_err());
        prop_assert!(Frame::decode(frame[..at.index(frame.len())].to_vec()).is_err());
    }

    /// Bytes whose checksum is right and whose message is not.
    #[test]
    fn a_wrong_message_never_panics(format in 1..=3u8, body in prop::collection::vec(any::<u8>(), 0..60)) {
        let mut bytes = vec![format];
        bytes.extend_from_slice(&crc32c::crc32c(&body).to_be_bytes());
        bytes.extend_from_slice(&body);
        let _ = (Entry::decode(&bytes), Frame::decode(bytes.clone()), Membership::decode(&bytes));
    }

    #[test]
    fn a_changed_message_never_panics(entry in any::entry(), at in any::<prop::sample::Index>(), flip in 1..=255u8) {
        let encoded = entry.encode();
        let mut bytes = encoded.clone();
        let body = damaged(&encoded[5..], if encoded.len() > 5 { at } else { return Ok(()) }, flip);
        bytes.truncate(1);
        bytes.extend_from_slice(&crc32c::crc32c(&body).to_be_bytes());
        bytes.extend_from_slice(&body);
        // What can't be read is copied as bytes, and never written again.
        if let Ok(read) = Entry::decode(&bytes)
            && read.events.iter().all(|event| event.unreadable.is_none())
        {
            prop_assert_eq!(Entry::decode(&read.encode()), Ok(read));
        }
    }

    #[test]
    fn positions_sort_as_their_bytes(a in any::position(), b in any::position(), c in any::near_position(), d in any::near_position()) {
        prop_assert_eq!(a.cmp(&b), a.to_bytes().cmp(&b.to_bytes()));
        prop_assert_eq!(c.cmp(&d), c.to_bytes().cmp(&d.to_bytes()));
        prop_assert_eq!(Position::from_bytes(&a.to_bytes()), Some(a));
    }

    #[test]
    fn a_seal_is_behind_all_of_its_commit(position in any::position()) {
        let version = u64::from_be_bytes(position.commit[..8].try_into().unwrap());
        prop_assert!(position <= position.end_of_commit());
        prop_assert!(position.end_of_commit() <= Position::seal(position.epoch, version));
        prop_assert!(version == u64::MAX || Position::seal(position.epoch, version) < Position::new(position.epoch, next_commit(version), 0));
    }
}

fn next_commit(version: u64) -> [u8; 10] {
    let mut commit = [0; 10];
    commit[..8].copy_from_slice(&(version + 1).to_be_bytes());
    commit
}

#[test]
fn values_nested_without_end_are_not_read() {
    use sterna_crdt::{Action, Op, Value};
    let mut entry = Entry { events: vec![golden_event()], ..Entry::default() };
    let deep = (0..100).fold(Value::Null, |inner, _| Value::List(vec![inner]));
    let mut update = (*entry.events[0].update).clone();
    update.ops = vec![Op { field: "f".into(), key: None, action: Action::Insert(deep) }];
    entry.events[0].update = update.into();
    let read = Entry::decode(&entry.encode()).expect("the other events can be read");
    let why = read.events[0].unreadable.as_deref().unwrap_or_default();
    assert!(why.contains("malformed"), "{why}");
}

#[test]
fn another_format_is_told() {
    let mut newer = Entry::default().encode();
    newer[0] = 9;
    assert_eq!(Entry::decode(&newer), Err(DecodeError::Format { found: 9, expected: 1 }));
    assert_eq!(Entry::decode(b""), Err(DecodeError::Short));
}

fn golden_event() -> Event {
    golden::event()
}

#[path = "golden/mod.rs"]
mod golden;
