//! `stream.engine = "fluvio"`.

use crate::config::{ClusterConfig, Compression, Config, StreamConfig, TlsConfig};
use anyhow::{Context, Result};
use std::sync::Arc;
use sterna_crdt::RegionId;
use sterna_env::Env;
use sterna_log::Membership;
use sterna_stream::Stream;
use sterna_stream_fluvio::{ClusterAddress, Fluvio, Options, Retention, Tls};

const TOPIC: &str = "sterna";
const REPLICAS: u32 = 1;

pub async fn open(
    config: &Config,
    env: &Env,
    membership: &Arc<Membership>,
    me: RegionId,
    registry: &prometheus::Registry,
) -> Result<Arc<dyn Stream>> {
    let StreamConfig { topic, retention_seconds, retention_bytes, compression, replicas, .. } = config.stream.clone();
    let peer = |peer: &crate::config::PeerConfig| {
        let region = membership.region(&peer.region).expect("members are made from the peers");
        Some((region, address(peer.stream.clone()?)))
    };
    let usual = Retention::default();
    let options = Options {
        me,
        membership: Arc::clone(membership),
        own: address(config.stream.cluster().context("the engine fluvio needs stream.endpoint")?),
        peers: config.peers.iter().filter_map(peer).collect(),
        topic: topic.unwrap_or_else(|| TOPIC.to_owned()),
        retention: Retention { seconds: retention_seconds.unwrap_or(usual.seconds), bytes_max: retention_bytes.unwrap_or(usual.bytes_max) },
        compression: codec(compression.unwrap_or_default()),
        replicas: replicas.unwrap_or(REPLICAS),
        registry: Some(registry),
    };
    Ok(Fluvio::open(env.clone(), options).await?)
}

fn address(cluster: ClusterConfig) -> ClusterAddress {
    let tls = cluster.tls.map(|TlsConfig { ca, certificate, key, server_name }| Tls { ca, certificate: certificate.zip(key), server_name });
    let units = cluster.units.into_iter().map(|unit| (unit.id, unit.address)).collect();
    ClusterAddress { endpoint: cluster.endpoint, tls, units }
}

fn codec(compression: Compression) -> sterna_stream_fluvio::Compression {
    match compression {
        Compression::None => sterna_stream_fluvio::Compression::None,
        Compression::Gzip => sterna_stream_fluvio::Compression::Gzip,
        Compression::Snappy => sterna_stream_fluvio::Compression::Snappy,
        Compression::Lz4 => sterna_stream_fluvio::Compression::Lz4,
        Compression::Zstd => sterna_stream_fluvio::Compression::Zstd,
    }
}
