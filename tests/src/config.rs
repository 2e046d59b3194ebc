//! A region's configuration file.

use crate::{FluvioStream, FoundationDbStore, PeerCluster};
use std::fmt::Write;
use std::path::PathBuf;

#[derive(Clone, Debug)]
pub struct RegionConfig {
    pub region: String,
    pub port: u16,
    pub model: PathBuf,
    pub shards: u16,
    pub data: PathBuf,
    pub secret: Option<String>,
    /// `[ready]`, if there are bounds.
    pub ready: Option<Ready>,
    pub peers: Vec<Peer>,
    /// The engine `embedded` if there is none.
    pub foundationdb: Option<FoundationDbStore>,
    /// The engine `direct` if there is none.
    pub fluvio: Option<FluvioStream>,
}

#[derive(Clone, Copy, Debug)]
pub struct Ready {
    pub lag_seconds_max: u32,
    pub staleness_seconds_max: u32,
}

#[derive(Clone, Debug)]
pub struct Peer {
    pub region: String,
    pub port: u16,
    pub fluvio: Option<PeerCluster>,
}

impl RegionConfig {
    pub fn toml(&self) -> String {
        let Self { region, port, model, shards, data, secret, ready, peers, foundationdb, fluvio } = self;
        let mut text = format!("region = {region:?}\nlisten = \"127.0.0.1:{port}\"\nmodel = {model:?}\nshards = {shards}\n");
        if let Some(secret) = secret {
            _ = writeln!(text, "secret = {secret:?}");
        }
        _ = writeln!(text, "[store]\npath = {data:?}");
        text += &foundationdb.as_ref().map(FoundationDbStore::toml).unwrap_or_default();
        if let Some(Ready { lag_seconds_max, staleness_seconds_max }) = ready {
            _ = writeln!(text, "[ready]\nlag_seconds_max = {lag_seconds_max}\nstaleness_seconds_max = {staleness_seconds_max}");
        }
        if let Some(fluvio) = fluvio {
            text += &fluvio.toml();
        }
        for Peer { region, port, fluvio } in peers {
            _ = writeln!(text, "[[peer]]\nregion = {region:?}\nurl = \"http://127.0.0.1:{port}\"");
            text += &fluvio.as_ref().map(PeerCluster::toml).unwrap_or_default();
        }
        text
    }
}
