use std::{ops::Range, sync::Arc};

use bytes::Bytes;

use super::Shared;
use crate::{Boxed, Page, Pair, ReadError, Snapshot, Version};

struct MemorySnapshot {
    shared: Arc<Shared>,
    version: Version,
}

pub(super) fn open(shared: &Arc<Shared>) -> Result<impl Snapshot + use<>, ReadError> {
    let state = shared.state.lock();
    state.readable()?;
    Ok(MemorySnapshot { shared: shared.clone(), version: state.data.visible() })
}

impl super::State {
    fn readable(&self) -> Result<(), ReadError> {
        if self.closed {
            return Err(ReadError::Closed);
        }
        self.faults.readable()
    }
}

impl MemorySnapshot {
    fn read<T>(&self, read: impl FnOnce(&super::Data) -> T) -> Result<T, ReadError> {
        let state = self.shared.state.lock();
        state.readable()?;
        if state.data.is_too_old(self.version) {
            return Err(ReadError::TooOld);
        }
        Ok(read(&state.data))
    }
}

impl Snapshot for MemorySnapshot {
    fn version(&self) -> Version {
        self.version
    }

    fn get_many<'a>(&'a self, keys: &'a [Bytes]) -> Boxed<'a, Result<Vec<Option<Bytes>>, ReadError>> {
        let get = |data: &super::Data| keys.iter().map(|key| data.get(key, self.version)).collect();
        Box::pin(async move { self.read(get) })
    }

    fn scan<'a>(&'a self, range: Range<Bytes>, page: Page) -> Boxed<'a, Result<Vec<Pair>, ReadError>> {
        Box::pin(async move { self.read(|data| data.scan(&range, page, self.version)) })
    }
}
