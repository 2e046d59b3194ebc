//! The FoundationDB lane: everything here runs against real servers, started for it from the folder `FDB_BIN` or from `PATH`.
//!
//! Without them nothing is run, and nothing counts as passed.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::disallowed_methods, reason = "a test's own main")]

mod cluster;
mod conformance;
mod contention;
mod faults;
mod opening;

use libtest_mimic::Arguments;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use sterna_env::Env;
use sterna_store_foundationdb::{FoundationDb, Kind, Metrics, OpenError, Options, Part};
use sterna_test_engines::foundationdb::{Binaries, Cluster, SKIPPED, Storage};
use sterna_test_engines::{block_on, trial};

/// The cluster that tests share which break nothing; each test has a store of its own in it.
pub struct Lane {
    binaries: Binaries,
    shared: OnceLock<Cluster>,
    stores: AtomicU64,
}

impl Lane {
    pub fn shared(&self) -> &Cluster {
        self.shared.get_or_init(|| Cluster::start(&self.binaries, Storage::Ssd))
    }

    pub fn own_cluster(&self) -> Cluster {
        Cluster::start(&self.binaries, Storage::Ssd)
    }

    /// A store that nobody had.
    pub fn options(&self, cluster: &Cluster) -> Options {
        let name = format!("t-{}", self.stores.fetch_add(1, Ordering::Relaxed));
        self.options_of(cluster.cluster_file(), name)
    }

    pub fn options_of(&self, cluster_file: PathBuf, name: String) -> Options {
        let metrics = Metrics::new(Kind::Write, None).unwrap();
        let (env, library, kind) = (Env::real(), self.binaries.library(), Kind::Write);
        Options { env, cluster_file, library, name, kind, part: Part::whole(4), metrics }
    }

    pub async fn open(&self, cluster: &Cluster) -> Arc<FoundationDb> {
        FoundationDb::open(self.options(cluster)).await.unwrap()
    }

    pub async fn refused(&self, options: Options) -> OpenError {
        FoundationDb::open(options).await.err().expect("it should be refused")
    }
}

pub type Test = fn(&Lane);

fn main() {
    let mut arguments = Arguments::from_args();
    // Clusters are processes: few at a time, so that what is tried is the engine.
    arguments.test_threads.get_or_insert(2);
    let binaries = Binaries::find();
    if binaries.is_none() {
        eprintln!("\n{SKIPPED}\n");
    }
    let tests = [opening::tests(), conformance::tests(), contention::tests(), cluster::tests(), faults::tests()];
    let ignored = binaries.is_none();
    let lane = binaries.map(|binaries| Arc::new(Lane { binaries, shared: OnceLock::new(), stores: AtomicU64::new(0) }));
    let trials = tests.into_iter().flatten().map(|(name, test)| trial(name, test, lane.clone(), ignored)).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !ignored && !arguments.list {
        eprintln!("FoundationDB lane: {} passed, {} failed", conclusion.num_passed, conclusion.num_failed);
    }
    // The trials are gone, and with the lane goes the cluster that they shared.
    drop(lane);
    sterna_store_foundationdb::shutdown();
    conclusion.exit();
}
