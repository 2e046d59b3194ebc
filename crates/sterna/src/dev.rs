//! Several regions in one process, on the embedded engines.

use crate::config::{Config, PeerConfig, StoreConfig, StreamConfig, TelemetryConfig};
use crate::home::{DevRegion, DevRegions};
use crate::region::{Extras, RunningRegion, parse_model};
use anyhow::{Context, Result, bail};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use sterna_crdt::Name;
use sterna_env::Env;
use sterna_model::Model;
use sterna_write::{Gate, OpenError};
use tempfile::TempDir;

pub const SHOP: &str = include_str!("../../../examples/shop.toml");
pub const SHOP_NAME: &str = "examples/shop.toml";
pub const REGIONS: [&str; 3] = ["us-east", "eu-west", "ap-south"];
/// The n-th region listens n above.
pub const PORT: u16 = 7100;
const REGIONS_MAX: usize = 16;
const SHARDS: u16 = 16;
/// For the stores of each region: all are in one process.
const MEMORY_MB: u32 = 64;
/// Regions of one process take commands within this, or say why not.
const READY_MAX: Duration = Duration::from_secs(30);
const READY_EVERY: Duration = Duration::from_millis(20);

pub struct ClusterOptions {
    pub model: String,
    /// The model's, in messages.
    pub model_name: String,
    pub regions: Vec<String>,
    /// Kept when the process ends; a temporary folder if `None`.
    pub data: Option<PathBuf>,
    /// Begin with empty regions.
    pub fresh: bool,
    /// Free ports if `None`.
    pub port: Option<u16>,
    pub shards: u16,
}

impl ClusterOptions {
    pub fn new(model: impl Into<String>, model_name: impl Into<String>, regions: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let regions = regions.into_iter().map(Into::into).collect();
        Self { model: model.into(), model_name: model_name.into(), regions, data: None, fresh: false, port: None, shards: SHARDS }
    }
}

/// Regions that replicate to each other, until they are stopped.
pub struct Cluster {
    pub regions: Vec<RunningRegion>,
    folder: Folder,
}

enum Folder {
    Kept(PathBuf),
    Temporary(TempDir),
}

impl Folder {
    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}

impl Cluster {
    /// Starts all regions, or none.
    pub async fn start(env: &Env, options: ClusterOptions) -> Result<Self> {
        let folder = match &options.data {
            Some(path) => Folder::Kept(path.clone()),
            None => Folder::Temporary(
                tempfile::Builder::new().prefix("sterna-").tempdir().context("no temporary folder can be made; give one with --data")?,
            ),
        };
        if options.fresh {
            options.regions.iter().try_for_each(|region| clear(&folder.path().join(region)))?;
        }
        let configs = configs(&options, folder.path())?;
        let mut cluster = Self { regions: Vec::new(), folder };
        let mut members: Vec<Name> = options.regions.iter().map(|region| region.as_str().into()).collect();
        members.sort();
        for config in &configs {
            let model = parse_model(&options.model, &options.model_name, &members);
            let started = match model {
                Ok(model) => RunningRegion::start(config, model, env.clone(), Extras { links: true, ..Extras::default() }).await,
                Err(error) => Err(error),
            };
            match started {
                Ok(region) => cluster.regions.push(region),
                Err(error) => {
                    cluster.stop().await;
                    let anew = matches!(
                        error.downcast_ref(),
                        Some(OpenError::ChangedModel { .. } | OpenError::OtherMembers { .. } | OpenError::OtherShards { .. })
                    );
                    let hint = if anew { " (--fresh begins anew, without the data)" } else { "" };
                    return Err(error.context(format!("region {} does not start{hint}", config.region)));
                }
            }
        }
        Ok(cluster)
    }

    /// Waits until every region takes commands.
    pub async fn ready(&self, env: &Env) -> Result<()> {
        for region in &self.regions {
            let opening = async {
                while region.region().gate() != Gate::Open {
                    env.sleep(READY_EVERY).await;
                }
            };
            if env.timeout(READY_MAX, opening).await.is_none() {
                match region.region().gate() {
                    Gate::Open => {}
                    Gate::Closed(reason) => bail!("region {} takes no commands: {reason}", region.name),
                }
            }
        }
        Ok(())
    }

    /// All regions, sorted as everywhere.
    pub fn members(&self) -> Vec<Name> {
        let mut members: Vec<Name> = self.regions.iter().map(|region| region.name.clone()).collect();
        members.sort();
        members
    }

    /// The newest model that the regions hold.
    pub fn newest_model(&self) -> Option<Arc<Model>> {
        let region = self.regions.first()?.region();
        Some(region.next_model().unwrap_or_else(|| region.model()))
    }

    /// The folder with one folder for each region; `true` if it stays.
    pub fn folder(&self) -> (&Path, bool) {
        (self.folder.path(), matches!(self.folder, Folder::Kept(_)))
    }

    /// What the command line finds them by.
    pub fn known(&self, env: &Env) -> DevRegions {
        let region = |region: &RunningRegion| DevRegion { region: region.name.to_string(), url: region.url() };
        DevRegions { run: format!("{:016x}", env.random_u64()), regions: self.regions.iter().map(region).collect() }
    }

    pub async fn stop(self) {
        futures::future::join_all(self.regions.into_iter().map(RunningRegion::stop)).await;
    }
}

fn configs(options: &ClusterOptions, folder: &Path) -> Result<Vec<Config>> {
    if let Some(twice) = options.regions.iter().enumerate().find_map(|(at, name)| options.regions[..at].contains(name).then_some(name)) {
        bail!("--regions: `{twice}` is named twice");
    }
    if options.regions.len() > REGIONS_MAX {
        bail!("--regions: {} regions are more than one process should run; {REGIONS_MAX} at most", options.regions.len());
    }
    let ports = match options.port {
        Some(base) => (1..=options.regions.len()).map(|n| base + n as u16).collect(),
        None => free_ports(options.regions.len()).context("no port is free")?,
    };
    let url = |port: u16| format!("http://127.0.0.1:{port}");
    let all: Vec<(&String, u16)> = options.regions.iter().zip(ports).collect();
    let peers = |name: &String| {
        let others = all.iter().filter(|(region, _)| *region != name);
        others.map(|(region, port)| PeerConfig { region: (*region).clone(), url: url(*port), stream: None }).collect()
    };
    let config = |(name, port): &(&String, u16)| Config {
        region: (*name).clone(),
        secret: None,
        listen: format!("127.0.0.1:{port}"),
        model: PathBuf::from(&options.model_name),
        shards: options.shards,
        store: StoreConfig { memory_mb: Some(MEMORY_MB), ..StoreConfig::embedded(folder.join(name)) },
        ready: crate::config::ReadyConfig::default(),
        stream: StreamConfig::default(),
        peers: peers(name),
        telemetry: TelemetryConfig::default(),
    };
    let configs: Vec<Config> = all.iter().map(config).collect();
    configs.iter().try_for_each(|config| config.check("--regions"))?;
    Ok(configs)
}

fn free_ports(count: usize) -> std::io::Result<Vec<u16>> {
    let listeners: Vec<TcpListener> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
    listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}

/// Takes away a region's stores, and nothing else that is in its folder.
fn clear(region: &Path) -> Result<()> {
    for store in ["store", "read"] {
        let path = region.join(store);
        if path.exists() {
            fs::remove_dir_all(&path).with_context(|| format!("{} can't be removed", path.display()))?;
        }
    }
    Ok(())
}
