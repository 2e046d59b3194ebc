//! `[stream]`, and `[peer.stream]`: how logs get from region to region.

use serde::Deserialize;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StreamConfig {
    pub engine: StreamEngine,
    /// `host:port` of the controller of this region's Fluvio cluster. This and all that follows is for the engine `fluvio`.
    pub endpoint: Option<String>,
    pub tls: Option<TlsConfig>,
    #[serde(rename = "unit")]
    pub units: Vec<UnitConfig>,
    /// What topics' names begin with, the same in all regions.
    pub topic: Option<String>,
    pub retention_seconds: Option<u32>,
    /// Of one shard.
    pub retention_bytes: Option<u64>,
    pub compression: Option<Compression>,
    /// Copies that the cluster keeps of each partition.
    pub replicas: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamEngine {
    /// Peers read each other's logs over HTTP/2; nothing to install.
    #[default]
    Direct,
    /// Each region has a Fluvio cluster, and the others follow it. Only in builds with the cargo feature `fluvio`.
    Fluvio,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    #[default]
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

/// A peer's Fluvio cluster.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterConfig {
    /// `host:port` of its controller.
    pub endpoint: String,
    pub tls: Option<TlsConfig>,
    #[serde(default, rename = "unit")]
    pub units: Vec<UnitConfig>,
}

/// PEM files, from the configuration's folder.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// Who may vouch for the cluster.
    pub ca: PathBuf,
    /// What this side shows, where the cluster asks for it.
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
    /// The name in the cluster's certificates, where it is not the host of the address.
    pub server_name: Option<String>,
}

/// A storage unit that is reached at another address than the one that its controller names.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitConfig {
    pub id: i32,
    /// `host:port`.
    pub address: String,
}

impl StreamEngine {
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Fluvio => "fluvio",
        }
    }
}

impl StreamConfig {
    /// This region's own cluster, if it has one.
    pub fn cluster(&self) -> Option<ClusterConfig> {
        let endpoint = self.endpoint.clone()?;
        Some(ClusterConfig { endpoint, tls: self.tls.clone(), units: self.units.clone() })
    }

    /// What is wrong with it, and with what each peer says of its cluster.
    pub(super) fn check<'a>(&self, peers: impl Iterator<Item = (&'a str, Option<&'a ClusterConfig>)>) -> Result<(), String> {
        match self.engine {
            StreamEngine::Direct => self.check_direct(peers),
            StreamEngine::Fluvio => self.check_fluvio(peers),
        }
    }

    fn check_direct<'a>(&self, mut peers: impl Iterator<Item = (&'a str, Option<&'a ClusterConfig>)>) -> Result<(), String> {
        let Self { engine: _, endpoint, tls, units, topic, retention_seconds, retention_bytes, compression, replicas } = self;
        let said = [
            ("endpoint", endpoint.is_some()),
            ("tls", tls.is_some()),
            ("unit", !units.is_empty()),
            ("topic", topic.is_some()),
            ("retention_seconds", retention_seconds.is_some()),
            ("retention_bytes", retention_bytes.is_some()),
            ("compression", compression.is_some()),
            ("replicas", replicas.is_some()),
        ];
        let of_fluvio = |what: String| Err(format!("{what} is for the engine fluvio; remove it, or set engine = \"fluvio\" in [stream]"));
        if let Some((key, _)) = said.iter().find(|(_, said)| *said) {
            return of_fluvio(format!("stream.{key}"));
        }
        match peers.find(|(_, cluster)| cluster.is_some()) {
            Some((name, _)) => of_fluvio(format!("[peer.stream] of `{name}`")),
            None => Ok(()),
        }
    }

    fn check_fluvio<'a>(&self, peers: impl Iterator<Item = (&'a str, Option<&'a ClusterConfig>)>) -> Result<(), String> {
        let own = self.cluster().ok_or(
            "the engine fluvio needs stream.endpoint: host:port of the controller of this region's Fluvio cluster, such as 10.1.0.5:9003",
        )?;
        own.check().map_err(|text| format!("[stream]: {text}"))?;
        for (name, cluster) in peers {
            let cluster = cluster.ok_or_else(|| {
                format!("the engine fluvio needs the cluster of peer `{name}`: add [peer.stream] with its endpoint below that [[peer]]")
            })?;
            cluster.check().map_err(|text| format!("[peer.stream] of `{name}`: {text}"))?;
        }
        Ok(())
    }

    pub(super) fn paths_from(&mut self, folder: &Path) {
        self.tls.iter_mut().for_each(|tls| tls.paths_from(folder));
    }
}

impl ClusterConfig {
    fn check(&self) -> Result<(), String> {
        for address in std::iter::once(&self.endpoint).chain(self.units.iter().map(|unit| &unit.address)) {
            let port = address.rsplit_once(':').and_then(|(host, port)| (!host.is_empty()).then_some(port)?.parse::<u16>().ok());
            if port.is_none() {
                return Err(format!("`{address}` is no address; write it like 10.1.0.5:9003"));
            }
        }
        match &self.tls {
            Some(TlsConfig { certificate: Some(_), key: None, .. } | TlsConfig { certificate: None, key: Some(_), .. }) => {
                Err("tls has one of certificate and key; it needs both, or neither".to_owned())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn paths_from(&mut self, folder: &Path) {
        self.tls.iter_mut().for_each(|tls| tls.paths_from(folder));
    }
}

impl TlsConfig {
    fn paths_from(&mut self, folder: &Path) {
        for path in [Some(&mut self.ca), self.certificate.as_mut(), self.key.as_mut()].into_iter().flatten() {
            *path = folder.join(&*path);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Config;

    const TEXT: &str = "region = 'a'\nlisten = '0.0.0.0:1'\nmodel = 'm'\n[store]\npath = 'd'\n";
    const PEER: &str = "[[peer]]\nregion = 'b'\nurl = 'http://h:1'\n";

    fn parse(stream: &str, peer: &str, env: &[(&str, &str)]) -> Result<Config, String> {
        let env: Vec<_> = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Config::parse("region.toml", &format!("{TEXT}{stream}{PEER}{peer}"), &env).map_err(|error| error.to_string())
    }

    #[test]
    fn clusters_are_named_in_the_file_or_by_the_environment() {
        let stream = "[stream]\nengine = 'fluvio'\nendpoint = 'f:9003'\ncompression = 'lz4'\nretention_seconds = 60\n";
        let config = parse(stream, "[peer.stream]\nendpoint = 'g:9003'\ntls = { ca = 'ca.pem' }\n", &[]).expect("it is valid");
        assert_eq!(config.stream.compression, Some(super::Compression::Lz4));
        let env = [
            ("STERNA_STREAM__ENGINE", "fluvio"),
            ("STERNA_STREAM__ENDPOINT", "f:9003"),
            ("STERNA_PEER__0__STREAM__ENDPOINT", "g:9003"),
            ("STERNA_PEER__0__STREAM__UNIT__0__ID", "5001"),
            ("STERNA_PEER__0__STREAM__UNIT__0__ADDRESS", "[::1]:9010"),
        ];
        let config = parse("", "", &env).expect("it is valid");
        let cluster = config.peers[0].stream.as_ref().expect("it is named");
        assert_eq!((cluster.endpoint.as_str(), cluster.units[0].id), ("g:9003", 5001));
    }

    #[test]
    fn mistakes_say_what_to_do() {
        let fluvio = "[stream]\nengine = 'fluvio'\nendpoint = 'f:9003'\n";
        let peer = "[peer.stream]\nendpoint = 'g:9003'\n";
        let cases = [
            ("[stream]\nengine = 'kafka'\n".to_owned(), "", "unknown variant `kafka`, expected `direct` or `fluvio`"),
            ("[stream]\nengine = 'fluvio'\n".to_owned(), peer, "needs stream.endpoint: host:port"),
            (fluvio.to_owned(), "", "needs the cluster of peer `b`: add [peer.stream]"),
            (String::new(), peer, "[peer.stream] of `b` is for the engine fluvio"),
            ("[stream]\ntopic = 't'\n".to_owned(), "", "stream.topic is for the engine fluvio; remove it"),
            (fluvio.replace("f:9003", "http://f"), peer, "`http://f` is no address"),
            (format!("{fluvio}tls = {{ ca = 'c', key = 'k' }}\n"), peer, "it needs both, or neither"),
            (format!("{fluvio}compression = 'brotli'\n"), peer, "unknown variant `brotli`"),
        ];
        for (stream, peer, expected) in cases {
            let error = parse(&stream, peer, &[]).expect_err(expected);
            assert!(error.contains(expected) && error.starts_with("region.toml"), "{error}");
        }
    }
}
