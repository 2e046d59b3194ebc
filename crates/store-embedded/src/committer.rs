//! The one thread that writes.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use fjall::{Database, Keyspace, PersistMode, Readable as _};
use parking_lot::{Mutex, RwLock};
use sterna_store::{CommitError, Version, Watches, as_key};

use crate::{
    Durability, Options,
    batch::{Batch, Keys},
    clock,
    limits::{CLEAR_KEYS_MAX, VERSIONS_RESERVED},
    linger::Linger,
    metrics::Metrics,
    queue::{Answer, Queue, Request, Woken},
    snapshot::Visible,
    space::Space,
    store::Shared,
    window::Window,
};

/// Where the end of the reserved versions is kept: 8 bytes, big-endian.
const RESERVED_KEY: &[u8] = b"\xffsterna/versions";

pub(crate) struct Committer {
    database: Database,
    shared: Arc<Shared>,
    durability: Durability,
    /// The last version that was given out.
    version: Version,
    /// Versions up to here may be given out.
    reserved: Version,
    /// When what was written without a sync has to be synced.
    sync_due: Option<Instant>,
    linger: Linger,
    space: Space,
    metrics: Metrics,
}

impl Committer {
    /// Reserves the first versions and makes what is in the folder visible.
    pub(crate) fn start(
        options: &Options,
        database: Database,
        keyspace: Keyspace,
        metrics: Metrics,
        space: Space,
    ) -> fjall::Result<(Self, Arc<Shared>)> {
        let version = read_reserved(&keyspace)?;
        let shared = Arc::new(Shared {
            keyspace,
            queue: Queue::default(),
            watches: Watches::default(),
            visible: RwLock::new(None),
            window: Mutex::new(Window::new(options.window_keys, version)),
        });
        let mut committer = Self {
            database,
            shared: shared.clone(),
            durability: options.durability,
            version,
            reserved: version,
            sync_due: None,
            linger: Linger::default(),
            space,
            metrics,
        };
        committer.reserve()?;
        committer.publish(version);
        Ok((committer, shared))
    }

    /// Commits until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        let _closing = Closing(self.shared.clone());
        loop {
            match self.shared.queue.wait(self.sync_due) {
                Woken::Closed => break,
                Woken::Idle => {}
                Woken::Ready => {
                    if let Some((wanted, time)) = self.linger.plan() {
                        self.shared.queue.linger(wanted, time);
                    }
                    let requests = self.shared.queue.take();
                    self.metrics.queue_transactions.set(requests.len() as i64);
                    self.commit(requests);
                }
            }
            self.sync_if_due();
        }
        if let Err(error) = self.database.persist(PersistMode::SyncAll) {
            tracing::error!(%error, "the last sync of the store failed");
        }
    }

    fn commit(&mut self, requests: Vec<Request>) {
        let bytes: usize = requests.iter().map(|r| r.transaction.bytes()).sum();
        if !self.space.has_room(bytes as u64) {
            return self.refuse(requests, &CommitError::Full);
        }
        if let Err(error) = self.reserve_if_needed() {
            return self.refuse(requests, &unavailable(&error));
        }
        let mut batch = Batch::new(Version(self.version.0 + 1));
        let answers = self.fill(&mut batch, requests);
        let committed = answers.iter().filter(|(_, answer)| answer.is_ok()).count();
        let written = if committed > 0 { self.write(batch, committed) } else { Ok(()) };
        self.answer(answers, written);
    }

    /// Adds to the batch what has no conflict.
    fn fill(&self, batch: &mut Batch, requests: Vec<Request>) -> Vec<(Request, Answer)> {
        let window = self.shared.window.lock();
        let before = Before { keyspace: &self.shared.keyspace, visible: self.shared.visible.read().clone() };
        let commit = |request: Request| {
            let checked = window.check(&request.transaction, batch);
            let answer = checked.and_then(|()| batch.add(&request.transaction, &before));
            (request, answer)
        };
        requests.into_iter().map(commit).collect()
    }

    /// Makes the batch durable, then visible.
    fn write(&mut self, batch: Batch, committed: usize) -> Result<(), CommitError> {
        self.version = batch.version();
        let began = clock::now();
        let mut writes = self.database.batch().durability(Some(self.mode()));
        for (key, value) in batch.writes() {
            match value {
                Some(value) => writes.insert(&self.shared.keyspace, &key[..], &value[..]),
                None => writes.remove(&self.shared.keyspace, &key[..]),
            }
        }
        let keys = batch.into_keys();
        self.metrics.batch_keys.observe(keys.len() as f64);
        self.shared.window.lock().record(self.version, &keys);
        writes.commit().map_err(|error| {
            tracing::error!(%error, "the store can't commit any more");
            match error {
                fjall::Error::Poisoned => unavailable(&error),
                _ => CommitError::MaybeCommitted,
            }
        })?;
        self.publish(self.version);
        for key in &keys {
            self.shared.watches.notify(key);
        }
        self.measure(clock::now() - began, committed);
        Ok(())
    }

    fn measure(&mut self, took: Duration, committed: usize) {
        self.metrics.commits.inc_by(committed as u64);
        self.metrics.batch_transactions.observe(committed as f64);
        self.metrics.sync_seconds.observe(took.as_secs_f64());
        match self.durability {
            Durability::Sync => self.linger.record(took, committed, self.shared.queue.len()),
            Durability::Relaxed { sync_interval } => {
                self.sync_due.get_or_insert(clock::now() + sync_interval);
            }
        }
    }

    /// Shows readers what fjall holds now, as `version`.
    fn publish(&self, version: Version) {
        let snapshot = self.database.snapshot();
        let visible = Visible { version, snapshot };
        let old = self.shared.visible.write().replace(Arc::new(visible));
        drop(old);
    }

    fn answer(&self, answers: Vec<(Request, Answer)>, written: Result<(), CommitError>) {
        for (request, answer) in answers {
            let answer = answer.and_then(|committed| written.clone().map(|()| committed));
            if let Err(error) = &answer {
                self.metrics.refused(error);
            }
            let _gone = request.answer.send(answer);
        }
    }

    fn refuse(&self, requests: Vec<Request>, error: &CommitError) {
        let refused = requests.into_iter().map(|r| (r, Err(error.clone())));
        self.answer(refused.collect(), Ok(()));
    }

    fn sync_if_due(&mut self) {
        if self.sync_due.is_none_or(|due| clock::now() < due) {
            return;
        }
        self.sync_due = None;
        if let Err(error) = self.database.persist(PersistMode::SyncData) {
            tracing::error!(%error, "the store can't be synced");
        }
    }

    fn mode(&self) -> PersistMode {
        match self.durability {
            Durability::Sync => PersistMode::SyncData,
            Durability::Relaxed { .. } => PersistMode::Buffer,
        }
    }

    fn reserve_if_needed(&mut self) -> fjall::Result<()> {
        if self.version < self.reserved {
            return Ok(());
        }
        self.reserve()
    }

    /// Reserves a block of versions, durably, whatever the mode: a start after a crash skips it.
    fn reserve(&mut self) -> fjall::Result<()> {
        let reserved = Version(self.reserved.0 + VERSIONS_RESERVED);
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncAll));
        batch.insert(&self.shared.keyspace, RESERVED_KEY, reserved.0.to_be_bytes());
        batch.commit()?;
        self.reserved = reserved;
        Ok(())
    }
}

/// Ends what hangs on a committer that ends, or panics.
struct Closing(Arc<Shared>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.queue.close();
        self.0.visible.write().take();
        self.0.watches.close();
        loop {
            let left = self.0.queue.take();
            if left.is_empty() {
                break;
            }
            for request in left {
                let _gone = request.answer.send(Err(CommitError::Closed));
            }
        }
    }
}

/// What was visible before a batch.
struct Before<'a> {
    keyspace: &'a Keyspace,
    visible: Option<Arc<Visible>>,
}

impl Keys for Before<'_> {
    type Error = CommitError;

    fn keys(&self, range: &Range<Bytes>) -> Result<Vec<Bytes>, CommitError> {
        let Some(visible) = &self.visible else {
            return Err(CommitError::Closed);
        };
        if range.start >= range.end {
            return Ok(Vec::new());
        }
        if let Some(key) = as_key(range) {
            // A tombstone too many costs less than a look.
            return Ok(vec![key.clone()]);
        }
        let mut keys = Vec::new();
        for guard in visible.snapshot.range(self.keyspace, range.clone()) {
            if keys.len() == CLEAR_KEYS_MAX {
                return Err(CommitError::TooLarge);
            }
            let key = guard.key().map_err(|error| unavailable(&error))?;
            keys.push(Bytes::copy_from_slice(&key));
        }
        Ok(keys)
    }
}

fn read_reserved(keyspace: &Keyspace) -> fjall::Result<Version> {
    let Some(value) = keyspace.get(RESERVED_KEY)? else {
        return Ok(Version(0));
    };
    match <[u8; 8]>::try_from(&value[..]) {
        Ok(bytes) => Ok(Version(u64::from_be_bytes(bytes))),
        Err(_) => Err(fjall::Error::Unrecoverable),
    }
}

fn unavailable(error: &fjall::Error) -> CommitError {
    CommitError::Unavailable(match error {
        fjall::Error::Poisoned => "the store failed to write, and takes no commits until it is restarted".into(),
        other => format!("the store failed: {other}"),
    })
}
