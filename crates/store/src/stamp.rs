use std::fmt;

/// Bytes of a [`Stamp`].
pub const STAMP_BYTES: usize = 10;

/// A version of the whole store. Commits made durable together may share one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

/// A commit's place among all commits of a store: its version (8 bytes, big-endian) and its order
/// among those that share it (2 bytes, big-endian). Ordered as its bytes are.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(pub [u8; STAMP_BYTES]);

impl Stamp {
    /// The stamp of the `order`-th commit of `version`.
    pub fn new(version: Version, order: u16) -> Self {
        let mut bytes = [0; STAMP_BYTES];
        bytes[..8].copy_from_slice(&version.0.to_be_bytes());
        bytes[8..].copy_from_slice(&order.to_be_bytes());
        Self(bytes)
    }

    /// The version it was made of.
    pub fn version(&self) -> Version {
        let [a, b, c, d, e, f, g, h, _, _] = self.0;
        Version(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }

    /// Its order among the commits of its version.
    pub fn order(&self) -> u16 {
        u16::from_be_bytes([self.0[8], self.0[9]])
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stamp({}.{})", self.version().0, self.order())
    }
}

/// What a transaction became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The version that shows it. A snapshot of this version or a later one holds its writes.
    pub version: Version,
    /// What stands in its stamped keys and values.
    pub stamp: Stamp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_stamp_keeps_version_and_order_and_sorts_by_them(
            a: (u64, u16), b: (u64, u16),
        ) {
            let (x, y) = (Stamp::new(Version(a.0), a.1), Stamp::new(Version(b.0), b.1));
            prop_assert_eq!((x.version().0, x.order()), a);
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
        }
    }
}
