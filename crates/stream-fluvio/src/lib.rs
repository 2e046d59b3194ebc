//! Region-to-region streams over each region's own Fluvio cluster.
//!
//! The log in the store is the truth; Fluvio is transport. It may double (there is no idempotent producer), lose what a storage unit
//! had not written to its disk, and forget what nobody read in time: the resolver sees each by its frame's `after`, and repairs it.
//! Each region publishes to a topic of its own cluster, one partition for each shard, and the others follow that cluster directly.

mod append;
mod cluster;
mod connector;
mod envelope;
mod follower;
mod heartbeats;
mod hints;
pub mod limits;
mod locate;
mod metrics;
mod options;
mod partition;
mod reader;
mod record;
mod wire;

pub use options::{ClusterAddress, Compression, OpenError, Options, Retention, Tls};

use append::Appender;
use cluster::{Cluster, Trouble};
use fluvio::metadata::topic::{CleanupPolicy, SegmentBasedPolicy, TopicSpec, TopicStorageConfig};
use follower::Peer;
use heartbeats::Heartbeats;
use metrics::Metrics;
use std::collections::BTreeMap;
use std::sync::Arc;
use sterna_crdt::RegionId;
use sterna_env::{Boxed, Env};
use sterna_log::{Frame, LogId, Membership, Position};
use sterna_stream::{FollowError, Follower, Places, PublishError, Stream};
use tokio::task::JoinHandle;

/// The stream of one region, as publisher to its own cluster and as follower of its peers'. Ends what it has spawned when it is dropped.
pub struct Fluvio {
    env: Env,
    me: RegionId,
    membership: Arc<Membership>,
    shards: Vec<Shard>,
    peers: BTreeMap<RegionId, Peer>,
}

/// One shard's way to this region's topic.
struct Shard {
    appender: Arc<Appender>,
    heartbeats: Arc<Heartbeats>,
    heartbeating: JoinHandle<()>,
}

impl Fluvio {
    /// Makes the topic if it is missing. If the cluster can't be reached that is left to the first publish: a region starts without it.
    pub async fn open(env: Env, options: Options<'_>) -> Result<Arc<Self>, OpenError> {
        options.check()?;
        let metrics = Arc::new(Metrics::new(options.registry));
        let partitions = u32::from(options.membership.shards);
        let own = Cluster::new(&env, &options.own, options.topic_of(options.me), partitions, Some(topic_spec(&options)))?;
        let own = Arc::new(own);
        let mut peers = BTreeMap::new();
        for (region, address) in &options.peers {
            let cluster = Cluster::new(&env, address, options.topic_of(*region), partitions, None)?;
            peers.insert(*region, Peer::new(cluster, partitions, metrics.of(&options.membership.name(*region))));
        }
        match own.leaders().await {
            Ok(_) => {}
            Err(Trouble::Partitions(text)) => return Err(OpenError::Partitions(text)),
            Err(Trouble::Unreachable(text)) => tracing::warn!(text, "the stream is not there yet"),
        }
        let shard = |partition| Shard::new(&env, &own, partition, options.compression, &metrics);
        let shards = (0..partitions).map(shard).collect();
        Ok(Arc::new(Self { env, me: options.me, membership: options.membership, shards, peers }))
    }

    fn shard(&self, frame: &Frame) -> Result<&Shard, PublishError> {
        let shard = self.shards.get(usize::from(frame.log.shard.0)).filter(|_| frame.log.origin == self.me);
        shard.ok_or_else(|| PublishError::Unavailable(format!("region {} does not write {:?}", self.membership.name(self.me), frame.log)))
    }
}

fn topic_spec(options: &Options<'_>) -> TopicSpec {
    let mut spec = TopicSpec::new_computed(u32::from(options.membership.shards), options.replicas, None);
    spec.set_cleanup_policy(CleanupPolicy::Segment(SegmentBasedPolicy { time_in_seconds: options.retention.seconds }));
    spec.set_compression_type(options.compression.of_topic());
    let segment_size = Some(options.retention.segment_bytes());
    spec.set_storage(TopicStorageConfig { segment_size, max_partition_size: Some(options.retention.bytes_max) });
    spec
}

impl Shard {
    fn new(env: &Env, own: &Arc<Cluster>, partition: u32, compression: Compression, metrics: &Arc<Metrics>) -> Self {
        let appender = Arc::new(Appender::new(env.clone(), Arc::clone(own), partition, compression, Arc::clone(metrics)));
        let heartbeats = Arc::new(Heartbeats::new(env.clone(), Arc::clone(&appender), Arc::clone(metrics)));
        let heartbeating = env.spawn(Arc::clone(&heartbeats).run());
        Self { appender, heartbeats, heartbeating }
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        self.heartbeating.abort();
    }
}

impl Stream for Fluvio {
    fn is_shared(&self) -> bool {
        true
    }

    fn meets_peers(&self) -> bool {
        false
    }

    fn places(&self) -> Option<&dyn Places> {
        Some(self)
    }

    fn publish(&self, frame: Frame) -> Boxed<'_, Result<(), PublishError>> {
        Box::pin(async move {
            let shard = self.shard(&frame)?;
            if frame.is_heartbeat() {
                return shard.heartbeats.offer(frame).await;
            }
            let records = envelope::records(&frame, self.env.random_u64());
            let bytes: usize = records.iter().map(bytes::Bytes::len).sum();
            if bytes > limits::FRAME_BYTES_MAX {
                return Err(PublishError::TooLarge { bytes, bytes_max: limits::FRAME_BYTES_MAX });
            }
            shard.appender.append(&records).await?;
            shard.heartbeats.appended(&frame);
            Ok(())
        })
    }

    fn follow(&self, log: LogId, after: Position) -> Boxed<'_, Result<Box<dyn Follower>, FollowError>> {
        Box::pin(async move {
            let shards = self.membership.shards;
            if log.shard.0 >= shards {
                return Err(FollowError::Refused(format!("there is no shard {}, the cluster has {shards}", log.shard.0)));
            }
            let peer = self.peers.get(&log.origin).ok_or_else(|| {
                FollowError::Refused(format!("no Fluvio cluster is configured for region {}", self.membership.name(log.origin)))
            })?;
            Ok(Box::new(peer.follow(&self.env, log, after).await?) as Box<dyn Follower>)
        })
    }
}

impl Places for Fluvio {
    fn place(&self, log: LogId, after: Position) -> Option<bytes::Bytes> {
        self.peers.get(&log.origin)?.hints(log)?.encode_near(after)
    }

    fn recall(&self, log: LogId, place: &[u8]) {
        let hints = self.peers.get(&log.origin).and_then(|peer| peer.hints(log));
        if hints.is_some_and(|hints| !hints.note_encoded(place)) {
            tracing::debug!(shard = log.shard.0, "a kept place of another release");
        }
    }
}
