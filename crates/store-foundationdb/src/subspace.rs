//! A store's keys within a cluster's.

use bytes::Bytes;
use std::ops::Range;

/// Every key gets its prefix. What begins with `0xff` behind the prefix is the engine's.
#[derive(Clone, Debug)]
pub(crate) struct Subspace(Bytes);

impl Subspace {
    pub fn new(name: &str, kind: &str) -> Self {
        Self(format!("sterna/{name}/{kind}/").into())
    }

    pub fn prefix(&self) -> &[u8] {
        &self.0
    }

    pub fn key(&self, key: &[u8]) -> Vec<u8> {
        [&self.0, key].concat()
    }

    /// A key of the engine's own.
    pub fn own(&self, name: &str) -> Vec<u8> {
        [&self.0, &[0xff][..], name.as_bytes()].concat()
    }

    /// `None` if it holds nothing. An end that is the greatest stays within the store.
    pub fn range(&self, range: &Range<Bytes>) -> Option<(Vec<u8>, Vec<u8>)> {
        (range.start < range.end).then(|| (self.key(&range.start), self.key(&range.end)))
    }

    /// A key of the cluster as the store's callers know it.
    pub fn strip(&self, key: &[u8]) -> Bytes {
        Bytes::copy_from_slice(key.strip_prefix(&self.0[..]).unwrap_or(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_and_stores_are_apart() {
        let (a, b) = (Subspace::new("eu", "write"), Subspace::new("eu", "read"));
        assert_eq!(a.strip(&a.key(b"k")), "k");
        assert!(!a.key(b"k").starts_with(b.prefix()) && !b.key(b"k").starts_with(a.prefix()));
        let all = a.range(&(Bytes::new()..Bytes::from_static(&[0xff]))).unwrap();
        assert!(all.0 <= a.key(b"\0") && a.key(&[0xfe]) < all.1 && all.1 <= a.own("x"));
        assert_eq!(a.range(&("b".into().."a".into())), None);
    }
}
