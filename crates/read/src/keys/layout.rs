//! `l`, type, 0, number (2): the names of a type's fields, in the order of a document's values. Numbers grow with the model.

use super::put_text;
use bytes::{BufMut, Bytes};
use sterna_crdt::Name;

pub(crate) const LETTER: u8 = b'l';

/// The value of a key.
pub(crate) type Fields = Vec<Name>;

pub(crate) fn key(kind: &str, number: u16) -> Bytes {
    let mut key = vec![LETTER];
    put_text(&mut key, kind);
    key.put_u16(number);
    key.into()
}

/// The type and the number.
pub(crate) fn parse(key: &[u8]) -> Option<(&str, u16)> {
    let (kind, number) = key.get(1..)?.split_last_chunk::<2>()?;
    Some((std::str::from_utf8(kind.strip_suffix(&[0])?).ok()?, u16::from_be_bytes(*number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_type_and_number() {
        assert_eq!(parse(&key("cart", 300)), Some(("cart", 300)));
    }
}
