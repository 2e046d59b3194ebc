//! `region.toml`, and every key of it by environment.
//!
//! `STERNA_STORE__PATH` is `store.path`, `STERNA_PEER__0__URL` the first peer's `url`. Unknown keys are refused.

mod store;
mod stream;

pub use store::{FoundationDbConfig, ShardRange, StoreConfig, StoreEngine};
pub use stream::{ClusterConfig, Compression, StreamConfig, StreamEngine, TlsConfig, UnitConfig};

use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use sterna_telemetry::LogFormat;
use toml::{Table, Value};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub region: String,
    /// The same in all regions; `env:NAME` takes it from the environment.
    pub secret: Option<String>,
    /// `host:port`.
    pub listen: String,
    /// The model's file.
    pub model: PathBuf,
    /// Fixed for the life of the cluster.
    #[serde(default = "default_shards")]
    pub shards: u16,
    pub store: StoreConfig,
    #[serde(default)]
    pub stream: StreamConfig,
    #[serde(default, rename = "peer")]
    pub peers: Vec<PeerConfig>,
    #[serde(default)]
    pub ready: ReadyConfig,
    #[serde(default)]
    pub telemetry: TelemetryConfig,
}

/// When `/readyz` sends clients to other regions because this one is behind. Without a bound it does not look.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReadyConfig {
    /// How old what is here of another region may be, while that region is heard of.
    pub lag_seconds_max: Option<u32>,
    /// How long ago a view may have had everything that is applied here.
    pub staleness_seconds_max: Option<u32>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerConfig {
    pub region: String,
    /// `http://host:port`.
    pub url: String,
    /// Its Fluvio cluster, where that is the stream's engine.
    pub stream: Option<ClusterConfig>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// Directives such as `info,sterna_write=debug`.
    pub log: String,
    pub format: LogFormat,
    /// An OTLP/HTTP collector, `http://host:4318`.
    pub otlp: Option<String>,
}

/// What the regions say; the store's engine only when something is wrong.
const LOG: &str = "info,fjall=warn,fluvio=warn,lsm_tree=warn";

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { log: LOG.to_owned(), format: LogFormat::Text, otlp: None }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{path}: {error}; give the configuration's path with --config")]
    Read { path: String, error: std::io::Error },
    #[error("{path}: {message}")]
    Parse { path: String, message: String },
    #[error("{path}: region `{region}` is named twice; name this region in `region`, and every other one once in a [[peer]]")]
    RegionTwice { path: String, region: String },
    #[error("{path}: `{name}` is no region name; use 1 to 32 of a-z 0-9 -, beginning with a letter")]
    RegionName { path: String, name: String },
    #[error("{path}: `{url}` is no peer's url; write it like http://10.1.0.5:7101")]
    PeerUrl { path: String, url: String },
    #[error("{path}: secret names the environment variable {name}, which is not set")]
    Secret { path: String, name: String },
    #[error("{path}: shards = {shards}; it must be 1 to 1024")]
    Shards { path: String, shards: u16 },
    #[error("{path}: {message}")]
    Store { path: String, message: String },
    #[error("{path}: {message}")]
    Stream { path: String, message: String },
}

fn default_shards() -> u16 {
    16
}

/// The prefix of environment variables that set keys.
pub const ENV_PREFIX: &str = "STERNA_";

impl Config {
    /// `environment` is the process's. Relative paths are from the configuration's folder.
    pub fn load(path: &Path, environment: &[(String, String)]) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Read { path: path.display().to_string(), error })?;
        let mut config = Self::parse(&path.display().to_string(), &text, environment)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        config.model = folder.join(&config.model);
        config.store.paths_from(folder);
        config.stream.paths_from(folder);
        config.peers.iter_mut().filter_map(|peer| peer.stream.as_mut()).for_each(|cluster| cluster.paths_from(folder));
        Ok(config)
    }

    /// `path` is for messages.
    pub fn parse(path: &str, text: &str, environment: &[(String, String)]) -> Result<Self, ConfigError> {
        let parse = |message: String| ConfigError::Parse { path: path.to_owned(), message };
        let keys: Vec<_> = environment.iter().filter_map(|(name, value)| Some((name.strip_prefix(ENV_PREFIX)?, value))).collect();
        let secret_variable = |name: &str| text.contains(&format!("env:{ENV_PREFIX}{name}"));
        let mut config: Self = if keys.is_empty() {
            toml::from_str(text).map_err(|e| parse(e.to_string()))?
        } else {
            let mut table: Table = toml::from_str(text).map_err(|e| parse(e.to_string()))?;
            for (name, value) in keys.into_iter().filter(|(name, _)| !secret_variable(name)) {
                let key: Vec<String> = name.to_lowercase().split("__").map(str::to_owned).collect();
                set(&mut table, &key, value).map_err(|message| parse(format!("{ENV_PREFIX}{name}: {message}")))?;
            }
            Value::Table(table)
                .try_into()
                .map_err(|e: toml::de::Error| parse(format!("with the environment's {ENV_PREFIX}…: {}", e.message())))?
        };
        config.check(path)?;
        if let Some(name) = config.secret.as_deref().and_then(|secret| secret.strip_prefix("env:")) {
            let found = environment.iter().find(|(variable, _)| variable == name);
            let (_, secret) = found.ok_or_else(|| ConfigError::Secret { path: path.to_owned(), name: name.to_owned() })?;
            config.secret = Some(secret.clone());
        }
        Ok(config)
    }

    /// `path` is for messages.
    pub(crate) fn check(&self, path: &str) -> Result<(), ConfigError> {
        let path = || path.to_owned();
        let mut names = BTreeSet::new();
        for name in std::iter::once(&self.region).chain(self.peers.iter().map(|peer| &peer.region)) {
            let valid = name.len() <= 32
                && name.starts_with(|c: char| c.is_ascii_lowercase())
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            if !valid {
                return Err(ConfigError::RegionName { path: path(), name: name.clone() });
            }
            if !names.insert(name) {
                return Err(ConfigError::RegionTwice { path: path(), region: name.clone() });
            }
        }
        let bad = |url: &&PeerConfig| !url.url.starts_with("http://") || url.url.len() == "http://".len();
        if let Some(peer) = self.peers.iter().find(bad) {
            return Err(ConfigError::PeerUrl { path: path(), url: peer.url.clone() });
        }
        if !(1..=1024).contains(&self.shards) {
            return Err(ConfigError::Shards { path: path(), shards: self.shards });
        }
        self.store.check(self.shards).map_err(|message| ConfigError::Store { path: path(), message })?;
        let peers = self.peers.iter().map(|peer| (peer.region.as_str(), peer.stream.as_ref()));
        self.stream.check(peers).map_err(|message| ConfigError::Stream { path: path(), message })
    }
}

/// Sets a key in a tree of tables and arrays. The text is read as a TOML value where it is one, else it is a string.
fn set(table: &mut Table, key: &[String], text: &str) -> Result<(), String> {
    let (first, rest) = key.split_first().ok_or("an empty key")?;
    if rest.is_empty() {
        let value = toml::from_str::<Table>(&format!("v = {text}")).ok().and_then(|mut t| t.remove("v"));
        table.insert(first.clone(), value.unwrap_or_else(|| Value::String(text.to_owned())));
        return Ok(());
    }
    match rest[0].parse::<usize>() {
        Ok(index) => {
            let array = table.entry(first.clone()).or_insert_with(|| Value::Array(Vec::new()));
            let array = array.as_array_mut().ok_or_else(|| format!("`{first}` is no list"))?;
            if index > array.len() || rest.len() == 1 {
                return Err(format!("`{first}` has {} items; number them from 0 without a gap, and name a key of the item", array.len()));
            }
            if index == array.len() {
                array.push(Value::Table(Table::new()));
            }
            let item = array[index].as_table_mut().ok_or_else(|| format!("`{first}` is no list of tables"))?;
            set(item, &rest[1..], text)
        }
        Err(_) => {
            let inner = table.entry(first.clone()).or_insert_with(|| Value::Table(Table::new()));
            set(inner.as_table_mut().ok_or_else(|| format!("`{first}` is no table"))?, rest, text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "region = 'eu-west'\nlisten = '0.0.0.0:7102'\nmodel = 'shop.toml'\n[store]\npath = '/var/lib/sterna'\n[[peer]]\nregion = 'us-east'\nurl = 'http://10.1.0.5:7101'\n";

    fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let pairs = [
            ("STERNA_STORE__PATH", "/data"),
            ("STERNA_SHARDS", "4"),
            ("STERNA_PEER__1__REGION", "ap-south"),
            ("STERNA_PEER__1__URL", "http://h:1"),
            ("HOME", "/"),
        ];
        let config = Config::parse("region.toml", TEXT, &env(&pairs)).expect("it is valid");
        assert_eq!((config.store.path.to_str(), config.shards, config.peers.len()), (Some("/data"), 4, 2));
        assert_eq!(config.peers[1].region, "ap-south");
    }

    #[test]
    fn a_secret_may_come_from_a_variable() {
        let text = format!("secret = 'env:STERNA_SECRET'\n{TEXT}");
        let config = Config::parse("region.toml", &text, &env(&[("STERNA_SECRET", "s")])).expect("it is valid");
        assert_eq!(config.secret.as_deref(), Some("s"));
        let missing = Config::parse("region.toml", &text, &[]).expect_err("it is not set").to_string();
        assert!(missing.contains("STERNA_SECRET, which is not set"), "{missing}");
    }

    #[test]
    fn mistakes_say_what_to_do() {
        let cases = [
            (TEXT.replace("shop.toml'", "shop.toml'\nshard = 4"), "unknown field `shard`"),
            (TEXT.replace("us-east", "eu-west"), "named twice"),
            (TEXT.replace("http://10.1.0.5:7101", "10.1.0.5"), "write it like http://"),
            (TEXT.replace("[store]", "[store]\nengine = 'redis'"), "unknown variant `redis`, expected `embedded` or `foundationdb`"),
            (TEXT.replace("'eu-west'", "'EU west'"), "is no region name"),
            (TEXT.replace("listen = '0.0.0.0:7102'\n", ""), "missing field `listen`"),
            (TEXT.replace("[store]", "shards = 0\n[store]"), "must be 1 to 1024"),
        ];
        for (text, expected) in cases {
            let error = Config::parse("region.toml", &text, &[]).expect_err(expected).to_string();
            assert!(error.contains(expected) && error.starts_with("region.toml"), "{error}");
        }
        let unknown = Config::parse("region.toml", TEXT, &env(&[("STERNA_STORE__PAHT", "x")])).expect_err("it is unknown").to_string();
        assert!(unknown.contains("unknown field `paht`"), "{unknown}");
    }
}
