//! Values as bytes whose order is the values' order: a tag, then a content that tells its own end. So is a sequence of them.
//!
//! | value | tag | content |
//! | --- | --- | --- |
//! | null | 1 | |
//! | bool | 2 | 0 or 1 |
//! | int, timestamp | 3, 4 | 8 bytes, the sign inverted |
//! | date | 5 | 4 bytes, the sign inverted |
//! | enum | 6 | rank (2) |
//! | string | 7 | text, zeros as `00 ff`, end `00 01` |
//! | list | 8 | elements, end `00` |
//! | object | 9 | names (as strings) and values, end `00` |
//!
//! Of a text longer than [`KEY_TEXT_BYTES`] only the beginning takes part, then `00 02` and a hash of all of it: equal texts are
//! equal, and texts that begin alike lie beside each other. Descending is the same with every byte inverted.

use crate::limits::KEY_TEXT_BYTES;
use sterna_crdt::Value;

const END: [u8; 2] = [0, 1];
const CUT: [u8; 2] = [0, 2];
const HASH_BYTES: usize = 16;

pub(crate) fn put(value: &Value, descending: bool, out: &mut Vec<u8>) {
    let from = out.len();
    put_ascending(value, out);
    if descending {
        out[from..].iter_mut().for_each(|byte| *byte = !*byte);
    }
}

pub(crate) fn put_all(values: &[Value], out: &mut Vec<u8>) {
    values.iter().for_each(|value| put(value, false, out));
}

fn put_ascending(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(1),
        Value::Bool(yes) => out.extend_from_slice(&[2, u8::from(*yes)]),
        Value::Int(int) => put_i64(3, *int, out),
        Value::Timestamp(at) => put_i64(4, *at, out),
        Value::Date(day) => {
            out.push(5);
            out.extend_from_slice(&(*day as u32 ^ 1 << 31).to_be_bytes());
        }
        Value::Enum { rank, .. } => {
            out.push(6);
            out.extend_from_slice(&rank.to_be_bytes());
        }
        Value::Str(text) => {
            out.push(7);
            put_text(text, out);
        }
        Value::List(items) => {
            out.push(8);
            items.iter().for_each(|item| put_ascending(item, out));
            out.push(0);
        }
        Value::Object(members) => {
            out.push(9);
            for (name, value) in members {
                out.push(7);
                put_text(name, out);
                put_ascending(value, out);
            }
            out.push(0);
        }
    }
}

fn put_i64(tag: u8, int: i64, out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(&(int as u64 ^ 1 << 63).to_be_bytes());
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    for &byte in &bytes[..bytes.len().min(KEY_TEXT_BYTES)] {
        out.push(byte);
        if byte == 0 {
            out.push(0xff);
        }
    }
    if bytes.len() <= KEY_TEXT_BYTES {
        out.extend_from_slice(&END);
    } else {
        out.extend_from_slice(&CUT);
        out.extend_from_slice(&blake3::hash(bytes).as_bytes()[..HASH_BYTES]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sterna_crdt::Name;

    fn text() -> impl Strategy<Value = Name> {
        prop_oneof!["[\\x00-\\x02a]{0,4}", "\\PC{0,6}", "a{254,256}[\\x00ab]{0,2}"]
            .prop_filter_map("long ones have no order", |text| (text.len() <= KEY_TEXT_BYTES).then(|| Name::from(text.as_str())))
    }

    fn scalar(of: u8) -> BoxedStrategy<Value> {
        let some = match of {
            0 => any::<bool>().prop_map(Value::Bool).boxed(),
            1 => prop_oneof![any::<i64>(), -3..3i64].prop_map(Value::Int).boxed(),
            2 => any::<i64>().prop_map(Value::Timestamp).boxed(),
            3 => any::<i32>().prop_map(Value::Date).boxed(),
            4 => (0..4u16).prop_map(|rank| Value::Enum { rank, name: Name::from(format!("v{rank}")) }).boxed(),
            _ => text().prop_map(Value::Str).boxed(),
        };
        prop_oneof![1 => Just(Value::Null), 6 => some].boxed()
    }

    fn value(of: u8) -> BoxedStrategy<Value> {
        match of {
            6 => proptest::collection::vec(scalar(5), 0..4).prop_map(Value::List).boxed(),
            7 => proptest::collection::btree_map(text(), scalar(1), 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect()))
                .boxed(),
            of => scalar(of),
        }
    }

    /// Two rows of the same columns, each ascending or descending.
    fn rows() -> impl Strategy<Value = (Vec<(Value, Value)>, Vec<bool>)> {
        proptest::collection::vec((0..8u8, any::<bool>()), 1..4).prop_flat_map(|columns| {
            let values: Vec<_> = columns.iter().map(|(of, _)| (value(*of), value(*of))).collect();
            (values, Just(columns.into_iter().map(|(_, descending)| descending).collect()))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn bytes_are_ordered_as_values_are((columns, descending) in rows()) {
            let mut keys = (Vec::new(), Vec::new());
            let mut expected = std::cmp::Ordering::Equal;
            for ((a, b), descending) in columns.iter().zip(descending) {
                put(a, descending, &mut keys.0);
                put(b, descending, &mut keys.1);
                expected = expected.then(if descending { b.cmp(a) } else { a.cmp(b) });
            }
            prop_assert_eq!(keys.0.cmp(&keys.1), expected);
            prop_assert!(keys.0 == keys.1 || !keys.1.starts_with(&keys.0));
        }

        #[test]
        fn long_texts_are_equal_only_to_themselves(a in "a{250,260}b?c{0,50}", b in "a{250,260}b?c{0,50}") {
            let mut keys = (Vec::new(), Vec::new());
            put(&Value::str(&a), false, &mut keys.0);
            put(&Value::str(&b), false, &mut keys.1);
            prop_assert_eq!(keys.0 == keys.1, a == b);
            prop_assert!(keys.0.len() <= 1 + 2 * KEY_TEXT_BYTES + 2 + HASH_BYTES);
        }
    }
}
