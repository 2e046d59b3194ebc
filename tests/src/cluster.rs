//! Regions, and the links between them.

use crate::fluvio::Fluvio;
use crate::foundationdb::FoundationDb;
use crate::{LinkMode, Peer, PeerCluster, Region, RegionConfig, Relay, eventually, free_port, say};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::ops::{Index, IndexMut};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub struct Cluster {
    regions: Vec<Region>,
    /// By who connects and who is connected to.
    relays: BTreeMap<(String, String), Way>,
    folder: TempDir,
}

/// From one region to another.
struct Way {
    region: Relay,
    /// To controller and storage unit, where the stream is Fluvio.
    fluvio: Option<[Relay; 2]>,
}

#[derive(Clone)]
pub struct Options {
    pub model: String,
    pub shards: u16,
}

/// Names of views and fields that tests use are in these.
const SHOP: &str = include_str!("../../examples/shop.toml");
const STRICT: &str = include_str!("../models/strict.toml");
const MARKS: &str = include_str!("../models/marks.toml");
/// Enough to have several, and few enough for a busy machine.
const SHARDS: u16 = 4;
/// Of what a failed test shows of each region.
const LOG_LINES_SHOWN: usize = 60;

impl Options {
    /// The carts of the example.
    pub fn shop() -> Self {
        Self { model: SHOP.to_owned(), shards: SHARDS }
    }

    /// A bounded stock.
    pub fn strict() -> Self {
        Self { model: STRICT.to_owned(), shards: SHARDS }
    }

    /// Bags that know each mark they were given, and how many: what is lost or doubled can be seen.
    pub fn marks() -> Self {
        Self { model: MARKS.to_owned(), shards: SHARDS }
    }
}

impl Cluster {
    /// Running regions that take commands.
    pub async fn start(options: Options, regions: &[&str]) -> Self {
        let mut cluster = Self::prepare(options, regions).await;
        cluster.regions.iter_mut().for_each(Region::spawn);
        for region in &mut cluster.regions {
            region.ready().await;
        }
        cluster
    }

    /// Regions that were not started yet; a test may still change their configurations.
    pub async fn prepare(options: Options, names: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("sterna-it-").tempdir().expect("there is a temporary folder");
        let model = folder.path().join("model.toml");
        fs::write(&model, &options.model).expect("a temporary folder takes files");
        let ports: Vec<(&str, u16)> = names.iter().map(|name| (*name, free_port())).collect();
        let (foundationdb, fluvio) = (FoundationDb::wanted(names.len()), Fluvio::wanted(names.len()));
        let mut relays = BTreeMap::new();
        for (from, _) in &ports {
            for (at, (to, port)) in ports.iter().enumerate().filter(|(_, (to, _))| to != from) {
                let clusters = match &fluvio {
                    Some(fluvio) => Some(fluvio.relays_to(at).await),
                    None => None,
                };
                let way = Way { region: Relay::start(*port).await, fluvio: clusters };
                relays.insert(((*from).to_owned(), (*to).to_owned()), way);
            }
        }
        let peers = |from: &str| {
            let theirs = relays.iter().filter(|((near, _), _)| near == from);
            theirs.map(|((_, far), way)| way.peer(far)).collect()
        };
        let region = |(at, (name, port)): (usize, &(&str, u16))| {
            let home = folder.path().join(name);
            let config = RegionConfig {
                region: (*name).to_owned(),
                port: *port,
                model: model.clone(),
                shards: options.shards,
                data: home.join("data"),
                secret: None,
                ready: None,
                peers: peers(name),
                foundationdb: foundationdb.as_ref().map(|foundationdb| foundationdb.of(at, name)),
                fluvio: fluvio.as_ref().map(|fluvio| fluvio.of(at)),
            };
            Region::new(home, config)
        };
        let regions = ports.iter().enumerate().map(region).collect();
        Self { regions, relays, folder }
    }

    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    pub fn regions_mut(&mut self) -> &mut [Region] {
        &mut self.regions
    }

    /// For what a test keeps beside the regions.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Nothing goes between these two, in either direction.
    pub fn cut(&self, a: &str, b: &str) {
        self.link(a, b, LinkMode::Cut);
    }

    pub fn heal(&self, a: &str, b: &str) {
        self.link(a, b, LinkMode::Up);
    }

    /// All links of a region.
    pub fn isolate(&self, region: &str, mode: LinkMode) {
        self.regions.iter().filter(|other| other.name != region).for_each(|other| self.link(region, &other.name, mode));
    }

    pub fn link(&self, a: &str, b: &str, mode: LinkMode) {
        self.link_one_way(a, b, mode);
        self.link_one_way(b, a, mode);
    }

    /// What `from` asks `to`, and the answers.
    pub fn link_one_way(&self, from: &str, to: &str, mode: LinkMode) {
        let way = self.relays.get(&(from.to_owned(), to.to_owned()));
        way.unwrap_or_else(|| panic!("there is no link between {from} and {to}")).set(mode);
    }

    /// From now on other regions reach this one at another of its processes.
    pub fn point_to(&self, region: &str, port: u16) {
        let ways = self.relays.iter().filter(|((_, to), _)| to == region);
        ways.for_each(|(_, way)| way.region.point_to(port));
    }

    /// Between two regions' Fluvio clusters only, in both directions.
    pub fn cut_streams(&self, a: &str, b: &str, mode: LinkMode) {
        let ways = self.relays.iter().filter(|((from, to), _)| [(a, b), (b, a)].contains(&(from.as_str(), to.as_str())));
        ways.flat_map(|(_, way)| way.fluvio.iter().flatten()).for_each(|relay| relay.set(mode));
    }

    /// Polls until every region answers this path with the same bytes, which fit. Gives the answer.
    pub async fn agree(&self, path: &str, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("{what}: {path} in every region"), async || {
            let mut first: Option<String> = None;
            for region in &self.regions {
                let answer = region.get(path).try_send().await?;
                let told = || format!("{} says {} {}", region.name, answer.status, answer.text());
                if !answer.status.is_success() || !fits(&answer.json()) {
                    return Err(told());
                }
                match &first {
                    Some(first) if *first != answer.text() => return Err(format!("{} but {} says {first}", told(), self.regions[0].name)),
                    Some(_) => {}
                    None => first = Some(answer.text()),
                }
            }
            first.as_deref().and_then(|text| serde_json::from_str(text).ok()).ok_or_else(|| "there are no regions".to_owned())
        })
        .await
    }
}

impl Way {
    fn peer(&self, region: &str) -> Peer {
        let fluvio =
            self.fluvio.as_ref().map(|[controller, unit]| PeerCluster { controller: controller.port, unit: unit.port, certificates: None });
        Peer { region: region.to_owned(), port: self.region.port, fluvio }
    }

    fn set(&self, mode: LinkMode) {
        std::iter::once(&self.region).chain(self.fluvio.iter().flatten()).for_each(|relay| relay.set(mode));
    }
}

impl Index<&str> for Cluster {
    type Output = Region;

    fn index(&self, name: &str) -> &Region {
        self.regions.iter().find(|region| region.name == name).unwrap_or_else(|| panic!("there is no region {name}"))
    }
}

impl IndexMut<&str> for Cluster {
    fn index_mut(&mut self, name: &str) -> &mut Region {
        self.regions.iter_mut().find(|region| region.name == name).unwrap_or_else(|| panic!("there is no region {name}"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for region in &self.regions {
                let log = region.log();
                let lines: Vec<&str> = log.lines().collect();
                let last = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
                say(&format!("---- the last that {} said ----\n{}", region.name, last.join("\n")));
            }
        }
    }
}
