//! What one fjall batch will hold: the writes of many transactions, each key once.

use std::{collections::BTreeMap, ops::Range};

use bytes::Bytes;
use sterna_store::{Committed, Stamp, Transaction, Version, Write};

/// Finds the keys that are now in a range: what a clear removes.
pub(crate) trait Keys {
    /// Why it may fail.
    type Error;

    /// The keys of `range`, in order.
    fn keys(&self, range: &Range<Bytes>) -> Result<Vec<Bytes>, Self::Error>;
}

/// The transactions of one version. fjall gives a batch one sequence number, so of two writes to a
/// key only the later one may reach it.
pub(crate) struct Batch {
    version: Version,
    order: u16,
    writes: BTreeMap<Bytes, Option<Bytes>>,
}

impl Batch {
    pub(crate) fn new(version: Version) -> Self {
        Self { version, order: 0, writes: BTreeMap::new() }
    }

    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// The last write of each key, in order; `None` removes.
    pub(crate) fn writes(&self) -> &BTreeMap<Bytes, Option<Bytes>> {
        &self.writes
    }

    pub(crate) fn into_keys(self) -> Vec<Bytes> {
        self.writes.into_keys().collect()
    }

    pub(crate) fn changes_key(&self, key: &Bytes) -> bool {
        self.writes.contains_key(key)
    }

    pub(crate) fn changes_range(&self, range: &Range<Bytes>) -> bool {
        range.start < range.end && self.writes.range(range.clone()).next().is_some()
    }

    /// Adds a transaction that has no conflict. If `before`, which knows what was there before this
    /// batch, fails, nothing was added.
    ///
    /// # Panics
    /// With more transactions than a stamp can count; the queue hands out fewer.
    pub(crate) fn add<K: Keys>(&mut self, t: &Transaction, before: &K) -> Result<Committed, K::Error> {
        let cleared = t.writes.iter().map(|write| match write {
            Write::Clear(range) => before.keys(range),
            _ => Ok(Vec::new()),
        });
        let cleared = cleared.collect::<Result<Vec<_>, _>>()?;
        let stamp = Stamp::new(self.version, self.order);
        self.order = self.order.checked_add(1).expect("a batch is bounded");
        for (write, cleared) in t.writes.iter().zip(cleared) {
            self.apply(write, cleared, stamp);
        }
        let version = self.version;
        Ok(Committed { version, stamp })
    }

    fn apply(&mut self, write: &Write, cleared: Vec<Bytes>, stamp: Stamp) {
        match write {
            Write::Put { key, value } => {
                self.writes.insert(key.clone(), Some(value.clone()));
            }
            Write::PutStamped { key, value, at } => {
                let (key, value) = at.fill(key, value, stamp);
                self.writes.insert(key, Some(value));
            }
            Write::Clear(range) if range.start < range.end => {
                let own = self.writes.range_mut(range.clone());
                own.for_each(|(_, value)| *value = None);
                let cleared = cleared.into_iter().map(|key| (key, None));
                self.writes.extend(cleared);
            }
            Write::Clear(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use sterna_store::{StampAt, contains, prefix_range};

    struct Before(Vec<&'static str>);

    impl Keys for Before {
        type Error = Infallible;

        fn keys(&self, range: &Range<Bytes>) -> Result<Vec<Bytes>, Infallible> {
            let all = self.0.iter().map(|key| Bytes::from(*key));
            Ok(all.filter(|key| contains(range, key)).collect())
        }
    }

    #[test]
    fn keeps_the_last_write_of_each_key() {
        let before = Before(vec!["a1", "b1"]);
        let mut batch = Batch::new(Version(7));
        let mut first = Transaction::blind();
        first.put("a2", "x").put("c", "1").put("c", "2");
        let mut second = Transaction::blind();
        second.clear(prefix_range(b"a")).put("a3", "y");
        batch.add(&first, &before).unwrap();
        batch.add(&second, &before).unwrap();
        let expected: [(Bytes, Option<Bytes>); 4] =
            [("a1".into(), None), ("a2".into(), None), ("a3".into(), Some("y".into())), ("c".into(), Some("2".into()))];
        assert_eq!(batch.writes(), &BTreeMap::from(expected));
    }

    #[test]
    fn transactions_of_a_batch_have_stamps_in_their_order() {
        let mut batch = Batch::new(Version(7));
        let mut t = Transaction::blind();
        t.put_stamped("k----------", "v", StampAt::Key(1));
        for order in 0..3 {
            let committed = batch.add(&t, &Before(vec![])).unwrap();
            assert_eq!(committed.stamp, Stamp::new(Version(7), order));
        }
        assert_eq!(batch.into_keys().len(), 3);
    }
}
