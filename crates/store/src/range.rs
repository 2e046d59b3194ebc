use std::ops::Range;

use bytes::Bytes;

/// The range that holds exactly `key`: one allocation for both ends.
pub fn key_range(key: &[u8]) -> Range<Bytes> {
    let mut end = Vec::with_capacity(key.len() + 1);
    end.extend_from_slice(key);
    end.push(0);
    let end = Bytes::from(end);
    end.slice(..key.len())..end
}

/// The key of a range that can hold no other.
pub fn as_key(range: &Range<Bytes>) -> Option<&Bytes> {
    let (start, end) = (&range.start, &range.end);
    let single = end.len() == start.len() + 1 && end.ends_with(&[0]) && end.starts_with(start);
    single.then_some(start)
}

/// Every key that begins with `prefix`. The empty prefix, and one of nothing but `0xff`, reach to
/// the end of what a store may hold.
pub fn prefix_range(prefix: &[u8]) -> Range<Bytes> {
    let start = Bytes::copy_from_slice(prefix);
    let end = match prefix.iter().rposition(|byte| *byte != 0xff) {
        None => Bytes::from_static(&[0xff]),
        Some(last) => {
            let mut end = prefix[..=last].to_vec();
            end[last] += 1;
            Bytes::from(end)
        }
    };
    start..end
}

/// Every key.
pub fn all_keys() -> Range<Bytes> {
    Bytes::from_static(&[0])..Bytes::from_static(&[0xff])
}

/// Whether `key` lies in `range`.
pub fn contains(range: &Range<Bytes>, key: &[u8]) -> bool {
    range.start <= key && key < range.end
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_range_holds_its_key_alone() {
        let range = key_range(b"ab");
        assert!(contains(&range, b"ab"));
        assert!(!contains(&range, b"ab\0"));
        assert_eq!(as_key(&range).unwrap(), "ab");
        assert_eq!(as_key(&prefix_range(b"ab")), None);
    }

    proptest! {
        #[test]
        fn a_prefix_range_holds_what_begins_with_it(
            prefix in proptest::collection::vec(prop_oneof![Just(0xff), any::<u8>()], 1..4),
            key in proptest::collection::vec(prop_oneof![Just(0xff), any::<u8>()], 1..6),
        ) {
            prop_assume!(key[0] != 0xff && prefix[0] != 0xff);
            prop_assert_eq!(contains(&prefix_range(&prefix), &key), key.starts_with(&prefix));
        }
    }
}
