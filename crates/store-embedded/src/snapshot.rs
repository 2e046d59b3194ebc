use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use fjall::{Keyspace, Readable as _};
use sterna_store::{Boxed, Page, Pair, ReadError, Snapshot, Version};

/// The newest durable version: published by the committer, after a sync, as one.
pub(crate) struct Visible {
    pub(crate) version: Version,
    pub(crate) snapshot: fjall::Snapshot,
}

pub(crate) struct EmbeddedSnapshot {
    pub(crate) visible: Arc<Visible>,
    pub(crate) keyspace: Keyspace,
}

impl EmbeddedSnapshot {
    fn get(&self, key: &Bytes) -> Result<Option<Bytes>, ReadError> {
        if key.first().is_none_or(|byte| *byte == 0xff) {
            return Ok(None);
        }
        let value = self.visible.snapshot.get(&self.keyspace, key);
        Ok(value.map_err(unreadable)?.map(|value| copy(&value)))
    }

    fn page(&self, range: Range<Bytes>, page: Page) -> Result<Vec<Pair>, ReadError> {
        let end = range.end.min(Bytes::from_static(&[0xff]));
        if range.start >= end || page.limit == 0 {
            return Ok(Vec::new());
        }
        let mut guards = self.visible.snapshot.range(&self.keyspace, range.start..end);
        let (mut pairs, mut bytes) = (Vec::new(), 0);
        loop {
            let guard = if page.reverse { guards.next_back() } else { guards.next() };
            let Some(guard) = guard else {
                return Ok(pairs);
            };
            let (key, value) = guard.into_inner().map_err(unreadable)?;
            bytes += key.len() + value.len();
            pairs.push((copy(&key), copy(&value)));
            if pairs.len() >= page.limit || bytes >= page.bytes {
                return Ok(pairs);
            }
        }
    }
}

impl Snapshot for EmbeddedSnapshot {
    fn version(&self) -> Version {
        self.visible.version
    }

    fn get_many<'a>(&'a self, keys: &'a [Bytes]) -> Boxed<'a, Result<Vec<Option<Bytes>>, ReadError>> {
        Box::pin(async move { keys.iter().map(|key| self.get(key)).collect() })
    }

    fn scan<'a>(&'a self, range: Range<Bytes>, page: Page) -> Boxed<'a, Result<Vec<Pair>, ReadError>> {
        Box::pin(async move { self.page(range, page) })
    }
}

/// A copy, so that a value that is kept doesn't keep its whole block in memory.
fn copy(slice: &fjall::Slice) -> Bytes {
    Bytes::copy_from_slice(slice)
}

fn unreadable(error: fjall::Error) -> ReadError {
    tracing::error!(%error, "the store can't be read");
    ReadError::Unavailable(format!("the store can't be read: {error}"))
}
