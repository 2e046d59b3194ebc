//! What a router is made of.

use crate::{Limits, Metrics};
use prometheus::Registry;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use sterna_env::Scope;
use sterna_log::TokenKey;
use sterna_read::Reads;
use sterna_replicate::Replication;
use sterna_write::Writer;
use tokio::sync::watch;

/// One region's services. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    pub writer: Arc<Writer>,
    pub reads: Arc<Reads>,
    pub replication: Arc<Replication>,
    pub store: StoreInfo,
    pub stream: StreamInfo,
    pub tokens: TokenKey,
    /// What `/metrics` shows.
    pub registry: Registry,
    pub metrics: Metrics,
    /// Streams end when it stops.
    pub scope: Scope,
    pub readiness: Arc<Readiness>,
    pub limits: Arc<Limits>,
    /// Links that can be cut and healed on request; only where a developer asked for it.
    pub links: Option<Arc<dyn Links>>,
}

/// The store's engine, for people.
#[derive(Clone)]
pub struct StoreInfo {
    pub engine: &'static str,
    clusters: watch::Sender<Vec<ClusterHealth>>,
}

/// How a cluster does, by its own account.
#[derive(Clone, Debug, Serialize)]
pub struct ClusterHealth {
    pub cluster: String,
    /// Those that are in it.
    pub shards: String,
    pub available: bool,
    pub healthy: bool,
    /// Machines that may fail without losing data.
    pub fault_tolerance: Option<u64>,
    /// What the fullest of its disks has left.
    pub free_bytes: Option<u64>,
    pub redundancy: Option<String>,
    pub version: Option<String>,
    pub troubles: Vec<String>,
}

impl StoreInfo {
    pub fn new(engine: &'static str) -> Self {
        Self { engine, clusters: watch::Sender::new(Vec::new()) }
    }

    pub fn set_clusters(&self, clusters: Vec<ClusterHealth>) {
        self.clusters.send_replace(clusters);
    }

    pub(crate) fn clusters(&self) -> Vec<ClusterHealth> {
        self.clusters.borrow().clone()
    }
}

/// The stream's engine, for people.
#[derive(Clone, Debug)]
pub struct StreamInfo {
    pub engine: &'static str,
    /// Where it is, if it is not in this process.
    pub endpoint: Option<String>,
}

/// What the process says of itself, beside what its services say.
#[derive(Debug, Default)]
pub struct Readiness {
    started: AtomicBool,
    draining: AtomicBool,
}

impl Readiness {
    /// Everything is set up.
    pub fn start(&self) {
        self.started.store(true, Ordering::Relaxed);
    }

    /// Clients should go elsewhere: the process stops soon, and serves until then.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_started(&self) -> bool {
        self.started.load(Ordering::Relaxed)
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

/// The links between this region and its peers, for demonstrations and tests.
pub trait Links: Send + Sync {
    fn links(&self) -> Vec<LinkState>;
    /// Nothing passes in either direction until it is healed. Cutting a cut link changes nothing.
    fn cut(&self, peer: &str) -> Result<(), UnknownPeer>;
    fn heal(&self, peer: &str) -> Result<(), UnknownPeer>;
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkState {
    pub peer: String,
    pub cut: bool,
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("there is no peer `{0}`")]
pub struct UnknownPeer(pub String);
