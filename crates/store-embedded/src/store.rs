use std::{
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
};

use bytes::Bytes;
use fjall::compaction::Leveled;
use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use parking_lot::{Mutex, RwLock};
use sterna_store::{Boxed, CommitError, Committed, Limits, ReadError, Snapshot, Store, Transaction, Version, Watches};

use crate::{
    Durability, OpenError, Options,
    committer::Committer,
    folder::Folder,
    identity::Identity,
    journal,
    limits::{JOURNAL_BYTES_MAX, L0_TABLES_MAX, TABLE_BYTES},
    metrics::Metrics,
    queue::Queue,
    snapshot::{EmbeddedSnapshot, Visible},
    space::{Probe, Space},
    window::Window,
};

/// A store in one folder, for one process. It is the sole writer.
///
/// Dropping it, or [`close`](Self::close), finishes what was enqueued. Snapshots that are still held
/// keep the folder locked.
pub struct Embedded {
    limits: Limits,
    shared: Arc<Shared>,
    metrics: Metrics,
    identity: Mutex<Identity>,
    committer: Mutex<Option<JoinHandle<()>>>,
    folder: Folder,
}

/// What the committer shares with everybody.
pub(crate) struct Shared {
    pub(crate) keyspace: Keyspace,
    pub(crate) queue: Queue,
    pub(crate) watches: Watches,
    /// `None` once closed.
    pub(crate) visible: RwLock<Option<Arc<Visible>>>,
    pub(crate) window: Mutex<Window>,
}

impl Embedded {
    /// Opens the store in `options.path`, or creates it. Blocks while journals are replayed.
    pub fn open(options: Options) -> Result<Arc<Self>, OpenError> {
        let probe = Space::of(options.path.clone());
        Self::open_with(options, probe)
    }

    pub(crate) fn open_with(options: Options, probe: Probe) -> Result<Arc<Self>, OpenError> {
        let folder = Folder::open(&options.path, options.kind)?;
        let identity = Identity::open(folder.path()).map_err(OpenError::io(&options.path))?;
        let unusable = |error| OpenError::fjall(&options.path, error);
        if folder.has_data() {
            let unsynced = options.durability != Durability::Sync;
            journal::mend(&folder.data(), unsynced).map_err(|damage| OpenError::journal(&options.path, damage))?;
        } else {
            folder.create_data(|path| open_database(path, &options).map(drop)).map_err(unusable)?;
        }
        let (database, keyspace) = open_database(&folder.data(), &options).map_err(unusable)?;
        let metrics = Metrics::new(options.kind, &options.path, options.registry.as_ref())?;
        let (committer, shared) =
            Committer::start(&options, database, keyspace, metrics.clone(), Space::new(probe, options.reserve_bytes)).map_err(unusable)?;
        let thread = thread::Builder::new()
            .name(format!("store-{}", options.kind.name()))
            .spawn(move || committer.run())
            .map_err(OpenError::io(&options.path))?;
        Ok(Arc::new(Self {
            limits: Limits { sole_writer: true, ..Limits::default() },
            shared,
            metrics,
            identity: Mutex::new(identity),
            committer: Mutex::new(Some(thread)),
            folder,
        }))
    }

    /// The folder was copied, or restored from a copy, since it was created or last accepted: what
    /// was committed after the copy was made may be known elsewhere.
    pub fn copied(&self) -> bool {
        self.identity.lock().copied
    }

    /// The folder's random id. A copy has the original's until it is accepted.
    pub fn identity(&self) -> String {
        self.identity.lock().id.clone()
    }

    /// The caller has dealt with the copy: from now on the folder is an original, with a new id.
    pub fn accept_copy(&self) -> Result<(), OpenError> {
        let mut identity = self.identity.lock();
        let path = self.folder.path();
        *identity = Identity::create(path).map_err(OpenError::io(path))?;
        Ok(())
    }

    /// Refuses new commits and snapshots, finishes what was enqueued, syncs, and ends the committer.
    /// Blocks until that is done.
    pub fn close(&self) {
        self.shared.queue.close();
        if let Some(thread) = self.committer.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the store's committer panicked");
        }
    }

    fn visible(&self) -> Result<Arc<Visible>, ReadError> {
        let visible = self.shared.visible.read();
        visible.clone().ok_or(ReadError::Closed)
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.close();
        self.metrics.unregister();
    }
}

impl Store for Embedded {
    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn snapshot(&self) -> Boxed<'_, Result<Box<dyn Snapshot>, ReadError>> {
        Box::pin(async move {
            let snapshot = EmbeddedSnapshot { visible: self.visible()?, keyspace: self.shared.keyspace.clone() };
            Ok(Box::new(snapshot) as Box<dyn Snapshot>)
        })
    }

    fn commit(&self, t: Transaction) -> Boxed<'static, Result<Committed, CommitError>> {
        let checked = t.check(&self.limits);
        let enqueued = checked.and_then(|()| self.shared.queue.push(t));
        if let Err(error) = &enqueued {
            self.metrics.refused(error);
        }
        Box::pin(async move {
            let answer = enqueued?.await;
            answer.unwrap_or(Err(CommitError::MaybeCommitted))
        })
    }

    fn watch(&self, key: Bytes, seen: Version) -> Boxed<'static, Result<(), ReadError>> {
        // Registered before looking: a change that the look misses finds the watch.
        let watch = self.shared.watches.register(key.clone());
        let changed = self.visible().map(|visible| visible.version > seen && self.shared.window.lock().changed_after(&key, seen));
        Box::pin(async move {
            let watch = watch?;
            if changed? { Ok(()) } else { watch.await }
        })
    }
}

fn open_database(path: &Path, options: &Options) -> fjall::Result<(Database, Keyspace)> {
    let database = Database::builder(path)
        .cache_size(options.cache_bytes)
        .max_journaling_size(JOURNAL_BYTES_MAX)
        .worker_threads(options.worker_threads)
        .open()?;
    let compaction = Arc::new(Leveled::default().with_l0_threshold(L0_TABLES_MAX).with_table_target_size(TABLE_BYTES));
    let create = || KeyspaceCreateOptions::default().max_memtable_size(options.memtable_bytes).compaction_strategy(compaction.clone());
    let keyspace = database.keyspace("store", create)?;
    Ok((database, keyspace))
}

#[cfg(test)]
mod tests;
