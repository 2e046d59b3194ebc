//! The embedded engine, as the suite of its contract sees it, in both modes.

use std::{ops::Deref, sync::Arc};

use bytes::Bytes;
use sterna_store::{Boxed, CommitError, Committed, Limits, ReadError, Snapshot, Store, Transaction, Version};
use sterna_store_embedded::{Embedded, Options};
use tempfile::TempDir;

/// A store that takes its folder along when it goes.
struct Temporary(Arc<Embedded>, #[expect(dead_code)] TempDir);

impl Temporary {
    fn open(options: fn(&std::path::Path) -> Options) -> Arc<dyn Store> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Embedded::open(options(folder.path())).expect("a new store");
        Arc::new(Self(store, folder))
    }
}

impl Deref for Temporary {
    type Target = Embedded;

    fn deref(&self) -> &Embedded {
        &self.0
    }
}

impl Store for Temporary {
    fn limits(&self) -> &Limits {
        self.0.limits()
    }

    fn snapshot(&self) -> Boxed<'_, Result<Box<dyn Snapshot>, ReadError>> {
        self.0.snapshot()
    }

    fn commit(&self, t: Transaction) -> Boxed<'static, Result<Committed, CommitError>> {
        self.0.commit(t)
    }

    fn watch(&self, key: Bytes, seen: Version) -> Boxed<'static, Result<(), ReadError>> {
        self.0.watch(key, seen)
    }
}

mod synced {
    use super::*;

    async fn open() -> Arc<dyn Store> {
        Temporary::open(|path| Options::write(path))
    }

    sterna_store::conformance!(open);
}

mod relaxed {
    use super::*;

    async fn open() -> Arc<dyn Store> {
        Temporary::open(|path| Options::read(path))
    }

    sterna_store::conformance!(open);
}
