//! How the engine is told of a cluster that runs.

pub use sterna_test_engines::fluvio::{Binaries, Cluster};

use sterna_stream_fluvio::{ClusterAddress, Tls};

pub fn address(cluster: &Cluster) -> ClusterAddress {
    let file = |name| cluster.folder().join(name);
    let tls = cluster.is_secure().then(|| Tls {
        ca: file("ca.pem"),
        certificate: Some((file("cert.pem"), file("key.pem"))),
        server_name: Some("fluvio.test".to_owned()),
    });
    ClusterAddress { endpoint: cluster.endpoint(), tls, units: Vec::new() }
}
