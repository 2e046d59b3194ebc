//! Up to where reactions are delivered.

use crate::limits::{PROGRESS_EVERY, REACTION_PAUSE_FIRST, REACTION_PAUSE_MAX};
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use sterna_env::{Backoff, Scope};
use sterna_log::{LogId, Position};
use sterna_store::{CommitError, ReadError, Transaction};
use sterna_write::{Region, keys};
use tokio::sync::Notify;

/// This region's own logs; those of a region that it is the heir of have a name with that.
const FOLLOWER: &str = "reactor";

/// Written to the store at most every [`PROGRESS_EVERY`], and at shutdown.
pub(super) struct Done {
    region: Arc<Region>,
    /// What is not yet written.
    reached: Mutex<BTreeMap<LogId, Reached>>,
    changed: Notify,
}

#[derive(Clone, Copy)]
struct Reached {
    position: Position,
    /// It was rewound: what is written may be greater.
    rewound: bool,
}

impl Done {
    pub fn new(region: Arc<Region>) -> Self {
        Self { region, reached: Mutex::default(), changed: Notify::new() }
    }

    fn key(&self, log: LogId) -> Bytes {
        match log.origin {
            origin if origin == self.region.me => keys::follower::key(FOLLOWER, log.shard),
            lost => keys::follower::key(&format!("{FOLLOWER}/{}", self.region.membership.name(lost)), log.shard),
        }
    }

    pub async fn load(&self, log: LogId) -> Position {
        let mut backoff = Backoff::new(REACTION_PAUSE_FIRST, REACTION_PAUSE_MAX);
        loop {
            let read = async {
                let snapshot = self.region.store.snapshot().await?;
                sterna_store::get(&*snapshot, &self.key(log)).await
            };
            match read.await {
                Ok(value) => return value.and_then(|bytes| Position::from_bytes(&bytes)).unwrap_or_default(),
                Err(error) => {
                    tracing::warn!(shard = log.shard.0, %error, "the reactor's progress can't be read; trying again");
                    backoff.pause(&self.region.env).await;
                }
            }
        }
    }

    pub fn raise(&self, log: LogId, position: Position) {
        let mut reached = self.reached.lock();
        let slot = reached.entry(log).or_insert(Reached { position, rewound: false });
        slot.position = position.max(slot.position);
        drop(reached);
        self.changed.notify_one();
    }

    pub fn rewind(&self, log: LogId, position: Position) {
        self.reached.lock().insert(log, Reached { position, rewound: true });
        self.changed.notify_one();
    }

    /// Writes what changed until `scope` stops, and once more.
    pub async fn keep(&self, scope: &Scope) {
        while !scope.is_stopping() {
            tokio::select! {
                biased;
                () = scope.stopping() => {}
                () = self.changed.notified() => {}
            }
            tokio::select! {
                biased;
                () = scope.stopping() => {}
                () = self.region.env.sleep(PROGRESS_EVERY) => {}
            }
            if let Err(error) = self.write().await {
                tracing::warn!(%error, "the reactor's progress is not written; what came after it will be delivered again");
            }
        }
    }

    async fn write(&self) -> Result<(), CommitError> {
        let reached = std::mem::take(&mut *self.reached.lock());
        if reached.is_empty() {
            return Ok(());
        }
        let result = self.compare_and_set(&reached).await;
        if result.is_err() {
            let mut newer = self.reached.lock();
            for (log, reached) in reached {
                newer.entry(log).or_insert(reached);
            }
        }
        result
    }

    /// Another process may have gone on from where this one was: what it wrote stays.
    async fn compare_and_set(&self, reached: &BTreeMap<LogId, Reached>) -> Result<(), CommitError> {
        let unreadable = |error: ReadError| CommitError::Unavailable(error.to_string());
        let snapshot = self.region.store.snapshot().await.map_err(unreadable)?;
        let keys: Vec<Bytes> = reached.keys().map(|log| self.key(*log)).collect();
        let written = snapshot.get_many(&keys).await.map_err(unreadable)?;
        let mut t = Transaction::new(snapshot.version());
        for ((key, reached), written) in keys.iter().zip(reached.values()).zip(written) {
            let written = written.and_then(|bytes| Position::from_bytes(&bytes)).unwrap_or_default();
            if reached.rewound || reached.position > written {
                t.read_key(key).put(key.clone(), Bytes::copy_from_slice(&reached.position.to_bytes()));
            }
        }
        if t.writes.is_empty() {
            return Ok(());
        }
        self.region.store.commit(t).await.map(drop)
    }
}
