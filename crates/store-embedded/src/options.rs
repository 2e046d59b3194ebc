use std::{path::PathBuf, time::Duration};

/// What a folder is for; it can't be opened as another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The store of state, logs and ledger: the truth.
    Write,
    /// The read store, which can be rebuilt.
    Read,
}

impl Kind {
    /// Its name in the marker file and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Read => "read",
        }
    }
}

/// When a commit resolves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// After its writes are on the disk. A power loss takes nothing that was answered.
    Sync,
    /// When the operating system has its writes, which it syncs later. A killed process loses
    /// nothing; a power loss may take the last commits, of all of them the newest.
    Relaxed {
        /// The longest time between a commit and a sync, while the store is used.
        sync_interval: Duration,
    },
}

/// How to open an [`Embedded`](crate::Embedded).
#[derive(Clone)]
pub struct Options {
    /// The folder, with everything in it. Created if it is missing.
    pub path: PathBuf,
    /// What it is for.
    pub kind: Kind,
    /// When a commit resolves.
    pub durability: Durability,
    /// Memory for blocks of files.
    pub cache_bytes: u64,
    /// Memory for writes before they become a file. Up to four of them wait for the disk.
    pub memtable_bytes: u64,
    /// Recently written keys kept for conflict checks. An older read version is too old.
    pub window_keys: usize,
    /// Commits are refused as full when less of the disk is free: fjall's flushes and compactions
    /// need space to go on, and one that fails ends all commits until a restart. A compaction may
    /// need several hundred megabytes on a large store.
    pub reserve_bytes: u64,
    /// fjall's threads for flushes and compactions. With more than one, the first spins while the others compact: it takes each
    /// compaction from the queue and puts it back (`worker_tick` of 3.1.13).
    pub worker_threads: usize,
    /// Where to register metrics.
    pub registry: Option<prometheus::Registry>,
}

impl Options {
    /// A write store in this folder: every commit is synced.
    pub fn write(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            kind: Kind::Write,
            durability: Durability::Sync,
            cache_bytes: 64 << 20,
            memtable_bytes: 16 << 20,
            window_keys: 1 << 18,
            reserve_bytes: 256 << 20,
            worker_threads: 1,
            registry: None,
        }
    }

    /// A read store in this folder: synced once a second.
    pub fn read(path: impl Into<PathBuf>) -> Self {
        Self { kind: Kind::Read, durability: Durability::Relaxed { sync_interval: Duration::from_secs(1) }, ..Self::write(path) }
    }
}
