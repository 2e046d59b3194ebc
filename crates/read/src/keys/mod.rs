//! The read store's keys, one file a kind. A key begins with its kind's letter; numbers are big-endian, texts end with a zero byte
//! (no type and no id holds one). Values begin with a format byte.
//!
//! | letter | key | value |
//! | --- | --- | --- |
//! | `m` | name | what the store is, the views' generations, models |
//! | `l` | type, number | a layout: the fields of a type, in the order of a document's values |
//! | `p` | shard | projected positions of every log of the shard |
//! | `d` | type, id, chunk | document |
//! | `h` | type, id, order | event of an aggregate's history |
//! | `t` | generation, path, columns, source, number | table row |
//! | `g` | generation, group | rollup group |
//! | `x` | generation, aggregation, group, value | how often a group has a value, where `min` or `max` have many |
//! | `n` | generation | failed rows |
//! | `f` | page | change feed |

pub(crate) mod document;
pub(crate) mod extreme;
pub(crate) mod failed;
pub(crate) mod feed;
pub(crate) mod group;
pub(crate) mod history;
pub(crate) mod layout;
pub(crate) mod meta;
pub(crate) mod model;
pub(crate) mod order;
pub(crate) mod progress;
pub(crate) mod row;

use bytes::{BufMut, Bytes};
use serde::{Deserialize, Serialize};

const FORMAT: u8 = 1;

/// A value was written by a newer release, or is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a {what} in the read store can't be read: {why}")]
pub(crate) struct Unreadable {
    pub what: &'static str,
    pub why: String,
}

pub(crate) fn put_text(key: &mut Vec<u8>, text: &str) {
    key.put_slice(text.as_bytes());
    key.put_u8(0);
}

/// A letter and a generation: the beginning of all its rows, groups or extremes.
pub(crate) fn generation_prefix(letter: u8, generation: u32) -> [u8; 5] {
    let [a, b, c, d] = generation.to_be_bytes();
    [letter, a, b, c, d]
}

/// The kinds of keys that a generation has.
pub(crate) const GENERATION_LETTERS: [u8; 4] = [row::LETTER, group::LETTER, extreme::LETTER, failed::LETTER];

/// The format byte, then postcard.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Bytes {
    encode_after(Vec::new(), value).into()
}

/// The same, behind what is there.
pub(crate) fn encode_after<T: Serialize + ?Sized>(mut out: Vec<u8>, value: &T) -> Vec<u8> {
    out.push(FORMAT);
    postcard::to_extend(value, out).expect("a vector grows, and every sequence knows its length")
}

pub(crate) fn decode<'a, T: Deserialize<'a>>(what: &'static str, bytes: &'a [u8]) -> Result<T, Unreadable> {
    match bytes.split_first() {
        Some((&FORMAT, body)) => postcard::from_bytes(body).map_err(|error| Unreadable { what, why: error.to_string() }),
        Some((format, _)) => Err(Unreadable { what, why: format!("format {format}, this build reads {FORMAT}") }),
        None => Err(Unreadable { what, why: "it is empty".to_owned() }),
    }
}
