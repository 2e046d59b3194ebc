//! What the engine is told.

use crate::limits::{RETENTION_SECONDS_MIN, SEGMENT_BYTES_MIN, SEGMENTS};
use std::path::PathBuf;
use std::sync::Arc;
use sterna_crdt::RegionId;
use sterna_log::Membership;

pub struct Options<'a> {
    pub me: RegionId,
    /// Each region's topic has one partition for each of its shards.
    pub membership: Arc<Membership>,
    /// This region's cluster: its log is published there.
    pub own: ClusterAddress,
    pub peers: Vec<(RegionId, ClusterAddress)>,
    /// What topics' names begin with, the same in all regions; lower-case letters, digits and `-`.
    pub topic: String,
    pub retention: Retention,
    pub compression: Compression,
    /// Copies that a cluster keeps of each partition.
    pub replicas: u32,
    pub registry: Option<&'a prometheus::Registry>,
}

/// A Fluvio cluster, by its controller.
#[derive(Clone, Debug)]
pub struct ClusterAddress {
    /// `host:port`. The controller names the storage units' addresses, which must be reachable too.
    pub endpoint: String,
    /// Storage units that are reached at another address than the one that the controller names, by number: behind a tunnel or a
    /// translated address, say.
    pub units: Vec<(i32, String)>,
    /// Without it, connections are in the clear.
    pub tls: Option<Tls>,
}

/// PEM files.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Who may vouch for the cluster.
    pub ca: PathBuf,
    /// What this side shows: a certificate and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// The name in the cluster's certificates, where it is not the host of the address.
    pub server_name: Option<String>,
}

/// What a topic keeps. What is gone is asked of a region that has a copy, so this decides only how much comes over the stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    pub seconds: u32,
    /// Of one partition.
    pub bytes_max: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { seconds: 6 * 3600, bytes_max: 1 << 30 }
    }
}

impl Retention {
    pub(crate) fn segment_bytes(self) -> u32 {
        let segment = (self.bytes_max / SEGMENTS).clamp(u64::from(SEGMENT_BYTES_MIN), 64 << 20);
        u32::try_from(segment).unwrap_or(SEGMENT_BYTES_MIN)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Compression {
    #[default]
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

/// Why the engine can't begin. A cluster that is out of reach is no reason: the region works, and the relay goes on trying.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("stream: {0}")]
    Configuration(String),
    #[error("stream: {0}")]
    Tls(String),
    /// Somebody has to choose: the number of shards is fixed for the life of a cluster, and so is a topic's number of partitions.
    #[error("stream: {0}")]
    Partitions(String),
}

impl Options<'_> {
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        let wrong = |text: String| Err(OpenError::Configuration(text));
        let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.topic.is_empty() || !self.topic.chars().all(valid) || self.topic.starts_with('-') {
            return wrong(format!("a topic can't be named {:?}: lower-case letters, digits and `-`, beginning with no `-`", self.topic));
        }
        if self.retention.seconds < RETENTION_SECONDS_MIN {
            return wrong(format!("a retention of {} s is less than {RETENTION_SECONDS_MIN} s", self.retention.seconds));
        }
        let bytes_min = 2 * u64::from(SEGMENT_BYTES_MIN);
        if self.retention.bytes_max < bytes_min {
            return wrong(format!("a retention of {} bytes is less than {bytes_min}", self.retention.bytes_max));
        }
        match self.replicas {
            0 => wrong("a topic needs at least one replica".to_owned()),
            _ => Ok(()),
        }
    }

    /// The topic of a region's log. Names that a topic can't have give way to the region's number.
    pub(crate) fn topic_of(&self, region: RegionId) -> String {
        let name = self.membership.name(region);
        match name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && !name.starts_with('-')
            && !name.ends_with('-')
        {
            true => format!("{}-{name}", self.topic),
            false => format!("{}--{}", self.topic, region.0),
        }
    }
}
