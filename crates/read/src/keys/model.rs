//! `m/model/`, hash (16), chunk (1): the text of a model that defines a generation which answers, so that a view goes on after a
//! restart under another model until it is built anew.

use super::Unreadable;
use crate::limits::CHUNK_BYTES;
use bytes::Bytes;
use std::ops::Range;
use sterna_store::{Transaction, prefix_range};

const PREFIX: &[u8] = b"m/model/";
pub(crate) const HASH_BYTES: usize = 16;

pub(crate) type Hash = [u8; HASH_BYTES];

pub(crate) fn put(hash: &Hash, text: &str, t: &mut Transaction) {
    t.clear(of(hash));
    for (chunk, piece) in text.as_bytes().chunks(CHUNK_BYTES).enumerate() {
        t.put([PREFIX, hash, &[chunk as u8]].concat(), Bytes::copy_from_slice(piece));
    }
}

pub(crate) fn all() -> Range<Bytes> {
    prefix_range(PREFIX)
}

pub(crate) fn of(hash: &Hash) -> Range<Bytes> {
    prefix_range(&[PREFIX, hash].concat())
}

/// The texts of all models, from pairs in order.
pub(crate) fn join(pairs: &[(Bytes, Bytes)]) -> Result<Vec<(Hash, String)>, Unreadable> {
    let mut models: Vec<(Hash, Vec<u8>)> = Vec::new();
    for (key, value) in pairs {
        let hash = key.get(PREFIX.len()..).and_then(|rest| rest.first_chunk::<HASH_BYTES>());
        let hash = *hash.ok_or_else(|| Unreadable { what: "model", why: "its key is too short".to_owned() })?;
        match models.last_mut() {
            Some((last, text)) if *last == hash => text.extend_from_slice(value),
            _ => models.push((hash, value.to_vec())),
        }
    }
    let text = |(hash, text)| Ok((hash, String::from_utf8(text).map_err(|error| Unreadable { what: "model", why: error.to_string() })?));
    models.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sterna_store::Write;

    #[test]
    fn texts_of_any_size_are_joined_again() {
        let mut t = Transaction::blind();
        let texts: Vec<(Hash, String)> =
            [10, CHUNK_BYTES, 3 * CHUNK_BYTES].iter().zip(1..).map(|(bytes, at)| ([at; 16], "x".repeat(*bytes))).collect();
        texts.iter().for_each(|(hash, text)| put(hash, text, &mut t));
        let pairs: Vec<_> = t
            .writes
            .into_iter()
            .filter_map(|write| if let Write::Put { key, value } = write { Some((key, value)) } else { None })
            .collect();
        assert_eq!(join(&pairs), Ok(texts));
    }
}
