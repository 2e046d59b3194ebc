//! With `STERNA_TEST_STREAM=fluvio`, tests run over real Fluvio clusters, one for each region.
//!
//! They are started once for all tests of a process, each of which has topics of its own, and end with it.

use crate::{Relay, say};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use sterna_test_engines::fluvio::{Binaries, Cluster, SKIPPED, UNIT};

/// What a region is told of the stream.
#[derive(Clone, Debug)]
pub struct FluvioStream {
    pub endpoint: String,
    pub topic: String,
    /// The folder with `ca.pem`, `cert.pem` and `key.pem`, if the cluster wants TLS.
    pub certificates: Option<PathBuf>,
}

/// The way to a peer's cluster: to its controller, and to its storage unit.
#[derive(Clone, Debug)]
pub struct PeerCluster {
    pub controller: u16,
    pub unit: u16,
    /// As in [`FluvioStream`].
    pub certificates: Option<PathBuf>,
}

#[allow(clippy::disallowed_methods, reason = "what a lane runs the tests with")]
pub fn stream_is_fluvio() -> bool {
    match std::env::var("STERNA_TEST_STREAM").as_deref() {
        Ok("fluvio") => true,
        Ok("direct") | Err(_) => false,
        Ok(other) => panic!("STERNA_TEST_STREAM={other}: it is direct or fluvio"),
    }
}

/// A test's share of the clusters.
pub(crate) struct Fluvio {
    clusters: Vec<Arc<Cluster>>,
    topic: String,
}

impl Fluvio {
    /// For so many regions, if tests run with this engine.
    pub fn wanted(regions: usize) -> Option<Self> {
        static TESTS: AtomicU32 = AtomicU32::new(0);
        if !stream_is_fluvio() {
            return None;
        }
        let number = TESTS.fetch_add(1, Ordering::Relaxed);
        Some(Self { clusters: clusters(regions), topic: format!("t{}-{number}", std::process::id()) })
    }

    pub fn of(&self, region: usize) -> FluvioStream {
        FluvioStream { endpoint: self.clusters[region].endpoint(), topic: self.topic.clone(), certificates: None }
    }

    /// Two relays: to its controller, and to its storage unit.
    pub async fn relays_to(&self, region: usize) -> [Relay; 2] {
        let [controller, unit] = self.clusters[region].public_ports();
        [Relay::start(controller).await, Relay::start(unit).await]
    }
}

/// The first so many.
fn clusters(count: usize) -> Vec<Arc<Cluster>> {
    static STARTED: Mutex<Vec<Arc<Cluster>>> = Mutex::new(Vec::new());
    let mut started = STARTED.lock().expect("no test ended while it started a cluster");
    while started.len() < count {
        let binaries = Binaries::find().unwrap_or_else(|| panic!("STERNA_TEST_STREAM=fluvio: {SKIPPED}"));
        started.push(Arc::new(Cluster::start(&binaries)));
        say(&format!("a Fluvio cluster at {}", started.last().map(|cluster| cluster.endpoint()).unwrap_or_default()));
    }
    started[..count].to_vec()
}

impl FluvioStream {
    pub(crate) fn toml(&self) -> String {
        let Self { endpoint, topic, certificates } = self;
        let text = format!("[stream]\nengine = \"fluvio\"\nendpoint = {endpoint:?}\ntopic = {topic:?}\ncompression = \"lz4\"\n");
        text + &tls(certificates.as_deref())
    }
}

impl PeerCluster {
    pub(crate) fn toml(&self) -> String {
        let Self { controller, unit, certificates } = self;
        let text =
            format!("[peer.stream]\nendpoint = \"127.0.0.1:{controller}\"\nunit = [{{ id = {UNIT}, address = \"127.0.0.1:{unit}\" }}]\n");
        text + &tls(certificates.as_deref())
    }
}

fn tls(certificates: Option<&Path>) -> String {
    let Some(folder) = certificates else { return String::new() };
    let [ca, certificate, key] = ["ca.pem", "cert.pem", "key.pem"].map(|name| folder.join(name));
    format!("tls = {{ ca = {ca:?}, certificate = {certificate:?}, key = {key:?} }}\n")
}
