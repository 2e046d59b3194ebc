//! With `STERNA_TEST_STORE=foundationdb`, tests run on real FoundationDB clusters, one for each region.
//!
//! They are started once for all tests of a process, each of which has keys of its own, and end with it.

use crate::say;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use sterna_test_engines::foundationdb::{Binaries, Cluster, SKIPPED, Storage};

/// What a region is told of its store.
#[derive(Clone, Debug)]
pub struct FoundationDbStore {
    /// Cluster files, each with its shards if there are several.
    pub clusters: Vec<(PathBuf, Option<&'static str>)>,
    pub library: Option<PathBuf>,
    pub name: String,
    /// Projections are there too.
    pub read: bool,
}

#[allow(clippy::disallowed_methods, reason = "what a lane runs the tests with")]
pub fn store_is_foundationdb() -> bool {
    match std::env::var("STERNA_TEST_STORE").as_deref() {
        Ok("foundationdb") => true,
        Ok("embedded") | Err(_) => false,
        Ok(other) => panic!("STERNA_TEST_STORE={other}: it is embedded or foundationdb"),
    }
}

/// A test's share of the clusters.
pub(crate) struct FoundationDb {
    clusters: Vec<Arc<Cluster>>,
    number: u32,
}

impl FoundationDb {
    /// For so many regions, if tests run with this engine.
    pub fn wanted(regions: usize) -> Option<Self> {
        static TESTS: AtomicU32 = AtomicU32::new(0);
        store_is_foundationdb().then(|| Self { clusters: clusters(regions), number: TESTS.fetch_add(1, Ordering::Relaxed) })
    }

    pub fn of(&self, region: usize, name: &str) -> FoundationDbStore {
        let cluster = &self.clusters[region];
        let name = format!("t{}-{}-{name}", std::process::id(), self.number);
        FoundationDbStore { clusters: vec![(cluster.cluster_file(), None)], library: cluster.binaries().library(), name, read: false }
    }
}

/// The cluster files of the first so many clusters, which other tests use too.
pub fn foundationdb_clusters(count: usize) -> Vec<PathBuf> {
    clusters(count).iter().map(|cluster| cluster.cluster_file()).collect()
}

/// One that a test may break.
pub fn foundationdb_cluster_of_its_own() -> Cluster {
    let binaries = Binaries::find().unwrap_or_else(|| panic!("STERNA_TEST_STORE=foundationdb: {SKIPPED}"));
    Cluster::start(&binaries, Storage::Ssd)
}

/// The first so many.
fn clusters(count: usize) -> Vec<Arc<Cluster>> {
    static STARTED: Mutex<Vec<Arc<Cluster>>> = Mutex::new(Vec::new());
    let mut started = STARTED.lock().expect("no test ended while it started a cluster");
    while started.len() < count {
        let binaries = Binaries::find().unwrap_or_else(|| panic!("STERNA_TEST_STORE=foundationdb: {SKIPPED}"));
        started.push(Arc::new(Cluster::start(&binaries, Storage::Ssd)));
        say(&format!("a FoundationDB cluster in {}", started.last().map(|c| c.folder().display().to_string()).unwrap_or_default()));
    }
    started[..count].to_vec()
}

impl FoundationDbStore {
    /// Further lines of `[store]`.
    pub(crate) fn toml(&self) -> String {
        let Self { clusters, library, name, read } = self;
        let read = if *read { "read = \"foundationdb\"\n" } else { "" };
        let library = library.as_ref().map(|path| format!("library = {path:?}\n")).unwrap_or_default();
        let cluster = |(file, shards): &(PathBuf, Option<&str>)| {
            let shards = shards.map(|shards| format!(", shards = {shards:?}")).unwrap_or_default();
            format!("{{ file = {file:?}{shards} }}")
        };
        let clusters: Vec<String> = clusters.iter().map(cluster).collect();
        format!("engine = \"foundationdb\"\nname = {name:?}\nclusters = [{}]\n{library}{read}", clusters.join(", "))
    }
}
