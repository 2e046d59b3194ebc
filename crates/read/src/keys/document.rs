//! `d`, type, 0, id, 0, chunk (1): a document.
//!
//! The value is a piece of the record: in the first, the number of pieces precedes it. The fields are named by the layout, so that
//! a document that was written under an older model is still read.

use super::{Unreadable, decode, encode_after, put_text};
use crate::limits::CHUNK_BYTES;
use bytes::{BufMut, Bytes};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use sterna_crdt::{Clock, Value, VersionVector};
use sterna_store::prefix_range;

pub(crate) const LETTER: u8 = b'd';

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Names the fields of `values`.
    pub layout: u16,
    /// Not deleted.
    pub present: bool,
    pub created: Clock,
    pub updated: Clock,
    pub seen: VersionVector,
    /// How many of these events are void.
    pub voided: u64,
    /// Visible values, one a field.
    pub values: Vec<Value>,
    /// The members of the document's `conflicts`, as JSON, each on a line of its own.
    pub conflicts: Box<str>,
}

/// The key of the first piece, which begins those of the others but for its last byte.
pub(crate) fn key(kind: &str, id: &str) -> Bytes {
    let mut key = Vec::with_capacity(4 + kind.len() + id.len());
    key.put_u8(LETTER);
    put_text(&mut key, kind);
    put_text(&mut key, id);
    key.put_u8(0);
    key.into()
}

pub(crate) fn piece(first: &Bytes, chunk: u8) -> Bytes {
    let mut key = first.to_vec();
    if let Some(last) = key.last_mut() {
        *last = chunk;
    }
    key.into()
}

/// All documents of a type, in order of their ids.
pub(crate) fn all(kind: &str) -> Range<Bytes> {
    let mut prefix = vec![LETTER];
    put_text(&mut prefix, kind);
    prefix_range(&prefix)
}

/// The id and the chunk.
pub(crate) fn parse(key: &[u8]) -> Option<(&str, u8)> {
    let mut parts = key.get(1..)?.splitn(3, |byte| *byte == 0);
    let (_, id) = (parts.next()?, parts.next()?);
    let [chunk] = parts.next()? else { return None };
    Some((std::str::from_utf8(id).ok()?, *chunk))
}

impl Record {
    /// The values of all pieces.
    pub fn pieces(&self) -> Vec<Bytes> {
        let mut all = encode_after(vec![0], self);
        let count = all.len().div_ceil(CHUNK_BYTES);
        debug_assert!(count <= usize::from(u8::MAX), "an aggregate has at most 1 MB");
        all[0] = count as u8;
        let all = Bytes::from(all);
        (0..count).map(|at| all.slice(at * CHUNK_BYTES..((at + 1) * CHUNK_BYTES).min(all.len()))).collect()
    }

    /// In memory, in bytes, about.
    pub fn weight(&self) -> usize {
        256 + 48 * self.values.len() + self.conflicts.len() + self.values.iter().map(nested).sum::<usize>()
    }

    /// How many pieces a document has whose first one this is.
    pub fn count(first: &[u8]) -> u8 {
        first.first().copied().unwrap_or_default()
    }

    pub fn decode(pieces: &[Bytes]) -> Result<Self, Unreadable> {
        let cut = || Unreadable { what: "document", why: "pieces are missing".to_owned() };
        let [first, ..] = pieces else { return Err(cut()) };
        if usize::from(Self::count(first)) != pieces.len() {
            return Err(cut());
        }
        match pieces {
            [only] => decode("document", &only[1..]),
            pieces => decode("document", &pieces.concat()[1..]),
        }
    }
}

fn nested(value: &Value) -> usize {
    match value {
        Value::Str(text) => text.len(),
        Value::List(items) => items.iter().map(|item| 32 + nested(item)).sum(),
        Value::Object(members) => members.iter().map(|(name, value)| 48 + name.len() + nested(value)).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_of_any_size_are_joined_again() {
        for bytes in [0, 10, CHUNK_BYTES - 40, CHUNK_BYTES, 3 * CHUNK_BYTES, 1_000_000] {
            let record = Record {
                layout: 3,
                present: true,
                created: Clock(1),
                updated: Clock(2),
                seen: VersionVector::default(),
                voided: 0,
                values: vec![Value::Null, Value::str(&"x".repeat(bytes))],
                conflicts: "".into(),
            };
            let pieces = record.pieces();
            assert_eq!(usize::from(Record::count(&pieces[0])), pieces.len());
            assert!(pieces.iter().all(|piece| piece.len() <= CHUNK_BYTES));
            assert_eq!(Record::decode(&pieces), Ok(record));
            assert!(pieces.len() == 1 || Record::decode(&pieces[1..]).is_err());
        }
    }

    #[test]
    fn keys_are_in_order_of_types_and_ids_and_tell_both() {
        let keys = [key("cart", "a"), piece(&key("cart", "a"), 1), key("cart", "a.b"), key("cart", "b"), key("carts", "a")];
        assert!(keys.is_sorted());
        assert_eq!(parse(&keys[1]), Some(("a", 1)));
        assert!(keys[..4].iter().all(|key| all("cart").contains(key)) && !all("cart").contains(&keys[4]));
    }
}
