//! The store's engines, as they are configured.

#[cfg(feature = "foundationdb")]
mod foundationdb;

use crate::config::{Config, StoreEngine};
use anyhow::{Result, bail};
use std::sync::Arc;
use sterna_env::{Env, Scope};
use sterna_http::StoreInfo;
use sterna_model::{AggregateType, Model};
use sterna_store::{Memory, Store};
use sterna_store_embedded::{Embedded, Options as Folder};
use sterna_write::Stores;

/// A larger memtable holds up writers for longer when it is full.
const MEMTABLE_BYTES_MAX: u64 = 64 << 20;
/// Keys kept for conflict checks: what is written between a batch's snapshot and its commit, with room.
const WRITE_WINDOW_KEYS: usize = 1 << 16;
/// The projector alone writes the read store.
const READ_WINDOW_KEYS: usize = 1 << 14;

#[cfg(not(feature = "foundationdb"))]
const ABSENT: &str = "the store's engine foundationdb is not in this build; build with `cargo build --release -p sterna --features foundationdb`, or set engine = \"embedded\" in [store]";

/// A region's stores, open.
pub struct Opened {
    pub write: Stores,
    read: Arc<dyn Store>,
    /// Other processes of the region can reach the read store.
    pub read_is_shared: bool,
    /// The write store is a copy of another folder.
    pub copied: bool,
    pub folders: Vec<Arc<Embedded>>,
    #[cfg(feature = "foundationdb")]
    clusters: Vec<Arc<sterna_store_foundationdb::FoundationDb>>,
}

/// Fails if this build has not got the engine.
pub fn check(config: &Config) -> Result<()> {
    match [config.store.engine, config.store.read].contains(&StoreEngine::FoundationDb) {
        #[cfg(not(feature = "foundationdb"))]
        true => bail!(ABSENT),
        _ => Ok(()),
    }
}

/// A process that only takes commands shares its stores with others.
pub fn check_role(config: &Config, write_only: bool) -> Result<()> {
    if write_only && config.store.engine == StoreEngine::Embedded {
        bail!(
            "--role write is for further processes of a region on FoundationDB; the store's engine is embedded, which one process has to itself: leave --role out"
        );
    }
    Ok(())
}

/// A void cause is told to what it caused in one transaction, which can't span clusters.
pub fn check_reactions(config: &Config, model: &Model) -> Result<()> {
    let reacts = |of: &AggregateType| of.commands().iter().any(|command| !model.reactions(&of.name, &command.name).is_empty());
    if config.store.clusters.len() > 1 && !config.peers.is_empty() && model.aggregates().iter().any(reacts) {
        bail!(
            "the model has reactions, and store.clusters has several clusters: with other regions, reactions need all shards in one cluster for now"
        );
    }
    Ok(())
}

#[cfg_attr(not(feature = "foundationdb"), allow(unused_variables, clippy::unused_async, reason = "other engines need these"))]
pub async fn open(config: &Config, env: &Env, registry: &prometheus::Registry, write_only: bool) -> Result<Opened> {
    check(config)?;
    let mut folders = Vec::new();
    let memory = config.store.memory_bytes();
    let mut folder = |options: Folder| -> Result<Arc<Embedded>> {
        let store = Embedded::open(Folder { registry: Some(registry.clone()), cache_bytes: memory / 4, ..options })?;
        folders.push(Arc::clone(&store));
        Ok(store)
    };
    #[cfg(feature = "foundationdb")]
    let mut clusters = Vec::new();
    let (write, copied) = match config.store.engine {
        StoreEngine::Embedded => {
            let path = config.store.path.join("store");
            let memtable_bytes = (memory / 4).min(MEMTABLE_BYTES_MAX);
            let store = folder(Folder { window_keys: WRITE_WINDOW_KEYS, memtable_bytes, ..Folder::write(path) })?;
            let copied = store.copied();
            (Stores::from(store), copied)
        }
        #[cfg(feature = "foundationdb")]
        StoreEngine::FoundationDb => {
            let opened = foundationdb::write(config, env, registry).await?;
            clusters.extend(opened.iter().cloned());
            (Stores::new(opened.into_iter().map(|store| (store.part().first, store as Arc<dyn Store>)).collect()), false)
        }
        #[cfg(not(feature = "foundationdb"))]
        StoreEngine::FoundationDb => bail!(ABSENT),
    };
    let read: Arc<dyn Store> = match config.store.read {
        _ if write_only => Arc::new(Memory::default()),
        StoreEngine::Embedded => {
            let path = config.store.path.join("read");
            let memtable_bytes = (memory / 8).min(MEMTABLE_BYTES_MAX);
            folder(Folder { window_keys: READ_WINDOW_KEYS, memtable_bytes, ..Folder::read(path) })?
        }
        #[cfg(feature = "foundationdb")]
        StoreEngine::FoundationDb => {
            let store = foundationdb::read(config, env, registry).await?;
            clusters.push(Arc::clone(&store));
            store
        }
        #[cfg(not(feature = "foundationdb"))]
        StoreEngine::FoundationDb => bail!(ABSENT),
    };
    Ok(Opened {
        write,
        read,
        read_is_shared: config.store.read == StoreEngine::FoundationDb && !write_only,
        copied,
        folders,
        #[cfg(feature = "foundationdb")]
        clusters,
    })
}

impl Opened {
    pub fn read(&self) -> Arc<dyn Store> {
        Arc::clone(&self.read)
    }

    /// The caller has dealt with the copy: from now on the folders are originals.
    pub fn accept_copy(&self) -> Result<()> {
        self.folders.iter().try_for_each(|folder| folder.accept_copy())?;
        Ok(())
    }

    /// What `/v1/status` says of them, kept up to date until the scope stops.
    #[cfg_attr(not(feature = "foundationdb"), allow(unused_variables, reason = "clusters need these"))]
    pub fn info(&self, config: &Config, env: &Env, scope: &Scope) -> StoreInfo {
        let info = StoreInfo::new(config.store.engine.name());
        #[cfg(feature = "foundationdb")]
        foundationdb::watch_health(&self.clusters, &info, env, scope);
        info
    }

    /// Finishes what was enqueued.
    pub fn close(&self) {
        self.folders.iter().for_each(|folder| folder.close());
        #[cfg(feature = "foundationdb")]
        self.clusters.iter().for_each(|cluster| cluster.close());
    }
}

/// At the end of the process, behind everything.
pub fn shutdown() {
    #[cfg(feature = "foundationdb")]
    sterna_store_foundationdb::shutdown();
}
