use std::{future::Future, ops::Range, pin::Pin};

use bytes::Bytes;

use crate::{CommitError, Committed, Limits, ReadError, Transaction, Version};

/// A boxed future: the traits stay dyn-safe, at one allocation a batch and none a key.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A key and its value.
pub type Pair = (Bytes, Bytes);

/// A transactional ordered key-value store.
pub trait Store: Send + Sync {
    /// What a transaction may be, and whether this process is the only writer.
    fn limits(&self) -> &Limits;

    /// The newest durable version of everything. It shows every commit that resolved before the call.
    fn snapshot(&self) -> Boxed<'_, Result<Box<dyn Snapshot>, ReadError>>;

    /// Commits `t` if nothing it read changed after `t.read_version`.
    ///
    /// Enqueued before this returns, so that on a `sole_writer` engine two calls in program order
    /// commit in that order; dropping the future cancels nothing. It resolves when the writes are
    /// durable. A transaction without writes is checked like any other, and gets a version.
    fn commit(&self, t: Transaction) -> Boxed<'static, Result<Committed, CommitError>>;

    /// Resolves when `key` was, perhaps, changed after `seen`. A hint: it may resolve without a
    /// change, and engines may drop one on failure, so a follower also looks by itself now and then.
    /// Registered before this returns; dropping the future removes it.
    fn watch(&self, key: Bytes, seen: Version) -> Boxed<'static, Result<(), ReadError>>;
}

/// One consistent, durable version of everything.
///
/// Readable for at least [`Limits::transaction_ms_max`]; later reads may fail with
/// [`ReadError::TooOld`].
pub trait Snapshot: Send + Sync {
    /// The version of the newest commit it shows.
    fn version(&self) -> Version;

    /// The values of `keys`, in their order.
    fn get_many<'a>(&'a self, keys: &'a [Bytes]) -> Boxed<'a, Result<Vec<Option<Bytes>>, ReadError>>;

    /// The first pairs of `range` (the last ones, from its end, if `page.reverse`), cut as `page` says.
    /// An empty range has no pairs.
    fn scan<'a>(&'a self, range: Range<Bytes>, page: Page) -> Boxed<'a, Result<Vec<Pair>, ReadError>>;
}

/// How much of a range to return at once.
///
/// A page is cut only after the pair that makes it `limit` pairs or at least `bytes` bytes of keys
/// and values, so a page that is [short](Page::is_short) is the last one, and one that is not empty
/// always makes progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Pairs at most. With 0 a page is empty.
    pub limit: usize,
    /// Bytes after which a page ends.
    pub bytes: usize,
    /// From the end of the range to its start.
    pub reverse: bool,
}

impl Page {
    /// Pairs and bytes of a [`Page::default`].
    pub const DEFAULT: Self = Self { limit: 1_000, bytes: 1_000_000, reverse: false };

    /// At most `limit` pairs from the start.
    pub fn first(limit: usize) -> Self {
        Self { limit, ..Self::DEFAULT }
    }

    /// At most `limit` pairs from the end.
    pub fn last(limit: usize) -> Self {
        Self { limit, reverse: true, ..Self::DEFAULT }
    }

    /// Whether `pairs`, an answer to this page, is the end of its range.
    pub fn is_short(&self, pairs: &[Pair]) -> bool {
        let bytes: usize = pairs.iter().map(|(k, v)| k.len() + v.len()).sum();
        pairs.len() < self.limit && (pairs.is_empty() || bytes < self.bytes)
    }

    /// What of `range` comes after `pairs`, an answer to this page.
    pub fn rest(&self, range: &Range<Bytes>, pairs: &[Pair]) -> Range<Bytes> {
        match pairs.last() {
            None => range.end.clone()..range.end.clone(),
            Some((key, _)) if self.reverse => range.start.clone()..key.clone(),
            Some((key, _)) => crate::key_range(key).end..range.end.clone(),
        }
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::DEFAULT
    }
}
