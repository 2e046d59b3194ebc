//! Regions as real processes, and the links between them, in the hands of a test.
//!
//! A [`Cluster`] is a folder with one folder for each region: its configuration, its data, and what it said. Regions reach each other
//! through relays, which a test cuts, freezes, slows and heals. Nothing here knows the product from inside: there is a binary, a
//! configuration file, and HTTP.

mod binary;
mod cluster;
mod config;
mod feed;
mod fluvio;
mod foundationdb;
mod http;
mod metrics;
mod poll;
mod program;
mod region;
mod relay;

pub use binary::{Outcome, path as binary_path, run, run_within, sterna};
pub use cluster::{Cluster, Options};
pub use config::{Peer, Ready, RegionConfig};
pub use feed::{Event, Feed};
pub use fluvio::{FluvioStream, PeerCluster, stream_is_fluvio};
pub use foundationdb::{FoundationDbStore, foundationdb_cluster_of_its_own, foundationdb_clusters, store_is_foundationdb};
pub use http::{Answer, Http, Lines, Request};
pub use metrics::{Family, Metrics, Sample};
pub use poll::{SOON, eventually, eventually_within, say};
pub use program::{Program, find};
pub use region::Region;
pub use relay::{LinkMode, Relay};
pub use sterna_test_engines::free_port;
