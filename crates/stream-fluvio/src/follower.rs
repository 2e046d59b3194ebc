//! Following a peer's cluster.

use crate::cluster::{Cluster, Trouble};
use crate::envelope::Joiner;
use crate::hints::Hints;
use crate::limits::{FETCH_BYTES, FRAMES_AHEAD_MAX};
use crate::locate::{Search, Start};
use crate::metrics::OriginMetrics;
use crate::partition::{Partition, Refused};
use crate::reader::Reader;
use std::sync::Arc;
use sterna_env::{Boxed, Env};
use sterna_log::{Frame, LogId, Position};
use sterna_stream::{FollowError, Follower};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A peer's cluster, and what is remembered of its partitions.
pub(crate) struct Peer {
    cluster: Arc<Cluster>,
    hints: Vec<Arc<Hints>>,
    metrics: OriginMetrics,
}

impl Peer {
    pub fn new(cluster: Cluster, partitions: u32, metrics: OriginMetrics) -> Self {
        Self { cluster: Arc::new(cluster), hints: (0..partitions).map(|_| Arc::default()).collect(), metrics }
    }

    /// Of a shard of the cluster.
    pub fn hints(&self, log: LogId) -> Option<&Hints> {
        self.hints.get(usize::from(log.shard.0)).map(|hints| &**hints)
    }

    /// `log` is this peer's, and its shard is one of the cluster's.
    pub async fn follow(&self, env: &Env, log: LogId, after: Position) -> Result<FluvioFollower, FollowError> {
        let partition = Partition { topic: self.cluster.topic.clone(), number: u32::from(log.shard.0) };
        let hints = Arc::clone(&self.hints[usize::from(log.shard.0)]);
        let mut connection = self.cluster.connect(partition.number).await.map_err(|trouble| match trouble {
            Trouble::Unreachable(text) => FollowError::Unreachable(text),
            Trouble::Partitions(text) => FollowError::Refused(text),
        })?;
        let mut search = Search { connection: &mut connection, partition: &partition, hints: &hints, metrics: &self.metrics, after };
        let next = match search.run().await {
            Ok(Start::At(offset)) => offset,
            Ok(Start::Expired) | Err(Refused::Evicted(_)) => {
                self.metrics.expired.inc();
                return Err(FollowError::Expired(after));
            }
            Err(refused) => {
                self.cluster.forget_leaders().await;
                return Err(FollowError::Unreachable(refused.to_string()));
            }
        };
        let (frames, taken) = mpsc::channel(FRAMES_AHEAD_MAX);
        let reader = Reader {
            env: env.clone(),
            cluster: Arc::clone(&self.cluster),
            partition,
            log,
            hints,
            metrics: self.metrics.clone(),
            frames,
            after,
            holed: false,
            next,
            joiner: Joiner::default(),
            fetch_bytes: FETCH_BYTES,
            suspect: None,
        };
        Ok(FluvioFollower { frames: taken, reading: env.spawn(reader.run(connection)) })
    }
}

pub(crate) struct FluvioFollower {
    frames: mpsc::Receiver<Result<Frame, FollowError>>,
    reading: JoinHandle<()>,
}

impl Follower for FluvioFollower {
    fn next(&mut self) -> Boxed<'_, Result<Frame, FollowError>> {
        Box::pin(async move {
            let ended = || Err(FollowError::Unreachable("following has ended".to_owned()));
            self.frames.recv().await.unwrap_or_else(ended)
        })
    }
}

impl Drop for FluvioFollower {
    fn drop(&mut self) {
        self.reading.abort();
    }
}
