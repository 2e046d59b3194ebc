//! `[store]`: where a region's data is.

use serde::Deserialize;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    pub engine: StoreEngine,
    /// The folder of what is embedded.
    pub path: PathBuf,
    /// Where projections are. They can be made anew from the write store at any time.
    pub read: StoreEngine,
    /// For the engine `foundationdb`: each cluster has a range of shards.
    pub clusters: Vec<FoundationDbConfig>,
    /// What this region's keys in the clusters are told by, where several deployments share them. Its own name, usually.
    pub name: Option<String>,
    /// libfdb_c, where the system's linker does not find it.
    pub library: Option<PathBuf>,
    /// What the embedded stores of the region keep in memory of their files and of what is still to be written to them; about, without what
    /// waits for the disk.
    pub memory_mb: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreEngine {
    /// In a folder; nothing to install.
    #[default]
    Embedded,
    /// In FoundationDB clusters, for any number of processes. Only in builds with the cargo feature `foundationdb`.
    FoundationDb,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FoundationDbConfig {
    /// The cluster file.
    pub file: PathBuf,
    /// The shards that are there; all, if there is one cluster.
    pub shards: Option<ShardRange>,
}

/// Written `"0-7"`: both ends included.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct ShardRange {
    pub first: u16,
    pub last: u16,
}

impl TryFrom<String> for ShardRange {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let ends = text.split_once('-').unwrap_or((&text, &text));
        match (ends.0.trim().parse(), ends.1.trim().parse()) {
            (Ok(first), Ok(last)) if first <= last => Ok(Self { first, last }),
            _ => Err(format!("`{text}` is no range of shards; write it like \"0-7\"")),
        }
    }
}

impl StoreEngine {
    pub fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::FoundationDb => "foundationdb",
        }
    }
}

const MEMORY_MB: u32 = 256;
const MEMORY_MB_MIN: u32 = 16;

impl StoreConfig {
    /// Everything in a folder.
    pub fn embedded(path: PathBuf) -> Self {
        Self { path, ..Self::default() }
    }

    pub(super) fn paths_from(&mut self, folder: &Path) {
        if self.has_path() {
            self.path = folder.join(&self.path);
        }
        self.clusters.iter_mut().for_each(|cluster| cluster.file = folder.join(&cluster.file));
        // A bare name is for the system's linker.
        if let Some(library) = self.library.as_mut().filter(|library| library.components().count() > 1) {
            *library = folder.join(&library);
        }
    }

    pub fn memory_bytes(&self) -> u64 {
        u64::from(self.memory_mb.unwrap_or(MEMORY_MB)) << 20
    }

    fn has_path(&self) -> bool {
        !self.path.as_os_str().is_empty()
    }

    /// What is wrong with it, for so many shards.
    pub(super) fn check(&self, shards: u16) -> Result<(), String> {
        let on_clusters = [self.engine, self.read].contains(&StoreEngine::FoundationDb);
        let embedded = [self.engine, self.read].contains(&StoreEngine::Embedded);
        if embedded && !self.has_path() {
            let what = if self.engine == StoreEngine::Embedded { "the engine embedded" } else { "the read store, which is embedded," };
            return Err(format!("{what} needs store.path, a folder"));
        }
        match self.memory_mb {
            Some(memory_mb) if !embedded => {
                return Err(format!("store.memory_mb = {memory_mb} is for embedded stores, and there are none: remove it"));
            }
            Some(memory_mb) if memory_mb < MEMORY_MB_MIN => {
                return Err(format!(
                    "store.memory_mb = {memory_mb}; it must be at least {MEMORY_MB_MIN}, and is {MEMORY_MB} where it is not given"
                ));
            }
            _ => {}
        }
        match (on_clusters, self.clusters.is_empty()) {
            (true, true) => Err("the engine foundationdb needs store.clusters = [{ file = \"/etc/foundationdb/fdb.cluster\" }]".to_owned()),
            (false, false) => Err("store.clusters is for the engine foundationdb: set store.engine, or remove it".to_owned()),
            _ => self.ranges(shards).map(drop),
        }
    }

    /// Each cluster with its shards, in order: all shards, and none twice.
    pub fn ranges(&self, shards: u16) -> Result<Vec<(&FoundationDbConfig, ShardRange)>, String> {
        let whole = ShardRange { first: 0, last: shards - 1 };
        let mut ranges = Vec::new();
        for cluster in &self.clusters {
            match cluster.shards {
                Some(range) => ranges.push((cluster, range)),
                None if self.clusters.len() == 1 => ranges.push((cluster, whole)),
                None => {
                    return Err(format!("store.clusters: {} names no shards; with several clusters each one does", cluster.file.display()));
                }
            }
        }
        ranges.sort_by_key(|(_, range)| range.first);
        let mut next = 0;
        for (cluster, range) in &ranges {
            let file = cluster.file.display();
            if range.last >= shards {
                return Err(format!("store.clusters: {file} has shards up to {}, and the last one is {}", range.last, shards - 1));
            }
            if range.first < next {
                return Err(format!("store.clusters: shard {} is in two clusters, one of them {file}", range.first));
            }
            if range.first > next {
                return Err(format!("store.clusters: shards {next} to {} are in no cluster", range.first - 1));
            }
            next = range.last + 1;
        }
        if !ranges.is_empty() && next < shards {
            return Err(format!("store.clusters: shards {next} to {} are in no cluster", shards - 1));
        }
        Ok(ranges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clusters(ranges: &[&str]) -> StoreConfig {
        let cluster = |(at, range): (usize, &&str)| FoundationDbConfig {
            file: format!("{at}.cluster").into(),
            shards: (!range.is_empty()).then(|| ShardRange::try_from((*range).to_owned()).unwrap()),
        };
        let clusters = ranges.iter().enumerate().map(cluster).collect();
        StoreConfig { engine: StoreEngine::FoundationDb, path: "data".into(), clusters, ..StoreConfig::default() }
    }

    #[test]
    fn every_shard_is_in_one_cluster() {
        for good in [&["0-15"][..], &[""], &["8-15", "0-7"], &["0", "1-14", "15"]] {
            assert_eq!(clusters(good).check(16), Ok(()), "{good:?}");
        }
        for (bad, told) in [
            (&["0-7"][..], "shards 8 to 15 are in no cluster"),
            (&["1-15"], "shards 0 to 0 are in no cluster"),
            (&["0-7", "9-15"], "shards 8 to 8 are in no cluster"),
            (&["0-8", "8-15"], "shard 8 is in two clusters, one of them 1.cluster"),
            (&["0-16"], "0.cluster has shards up to 16, and the last one is 15"),
            (&["0-7", ""], "1.cluster names no shards"),
            (&[], "needs store.clusters"),
        ] {
            let error = clusters(bad).check(16).unwrap_err();
            assert!(error.contains(told), "{bad:?}: {error}");
        }
    }

    #[test]
    fn what_does_not_belong_together_is_told() {
        let embedded = StoreConfig { engine: StoreEngine::Embedded, ..clusters(&["0-15"]) };
        assert!(embedded.check(16).unwrap_err().contains("is for the engine foundationdb"));
        let nowhere = StoreConfig { path: PathBuf::new(), ..clusters(&["0-15"]) };
        assert!(nowhere.check(16).unwrap_err().contains("the read store, which is embedded, needs store.path"));
        assert_eq!(StoreConfig { read: StoreEngine::FoundationDb, ..nowhere }.check(16), Ok(()));
        assert!(ShardRange::try_from("7-0".to_owned()).is_err());
        let memory = |memory_mb, engine| StoreConfig { memory_mb: Some(memory_mb), engine, read: engine, ..clusters(&["0-15"]) }.check(16);
        assert!(memory(64, StoreEngine::FoundationDb).unwrap_err().contains("is for embedded stores"));
        let embedded = |memory_mb| StoreConfig { memory_mb: Some(memory_mb), ..StoreConfig::embedded("data".into()) }.check(16);
        assert!(embedded(15).unwrap_err().contains("must be at least 16"));
        assert_eq!(embedded(16), Ok(()));
    }
}
