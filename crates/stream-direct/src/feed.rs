//! What one follower is sent: this region's own log of one shard, from the tail if it keeps up, else read from its source.

use crate::Shared;
use crate::limits::{FOLLOW_READ_BYTES, HEARTBEAT_MS_MAX};
use crate::links::Closed;
use crate::metrics::PeerMetrics;
use crate::tail::{Behind, Encoded};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use sterna_crdt::RegionId;
use sterna_env::Instant;
use sterna_log::{LogId, Position};
use sterna_stream::FollowError;
use tokio::sync::watch;

pub(crate) struct Feed {
    shared: Arc<Shared>,
    peer: RegionId,
    log: LogId,
    after: Position,
    published: watch::Receiver<()>,
    /// The last published heartbeat that was sent.
    beat: u64,
    /// The source is to be read until it has nothing more.
    behind: bool,
    /// When the source is read next, if nothing is published.
    due: Instant,
    metrics: PeerMetrics,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum FeedEnd {
    #[error(transparent)]
    Closed(#[from] Closed),
    #[error(transparent)]
    Source(#[from] FollowError),
}

impl Feed {
    pub(crate) fn new(shared: Arc<Shared>, peer: RegionId, log: LogId, after: Position) -> Self {
        let metrics = shared.metrics(peer);
        metrics.followers.inc();
        let published = shared.tail(log.shard).subscribe();
        let due = shared.env.now();
        Self { shared, peer, log, after, published, beat: 0, behind: true, due, metrics }
    }

    /// The next frame with its length before it, a heartbeat at least every [`HEARTBEAT_MS_MAX`].
    pub(crate) async fn next(&mut self) -> Result<Bytes, FeedEnd> {
        loop {
            self.shared.links.check(self.peer)?;
            self.published.borrow_and_update();
            if let Some(frame) = self.look().await? {
                return Ok(self.sent(frame));
            }
            self.wait().await?;
        }
    }

    async fn look(&mut self) -> Result<Option<Encoded>, FeedEnd> {
        let heartbeat = match self.shared.tail(self.log.shard).behind(self.after, self.beat) {
            Behind::Frame(frame) => return Ok(Some(frame)),
            Behind::Nothing(heartbeat) => heartbeat,
            Behind::Older => {
                self.behind = true;
                None
            }
        };
        let unconfirmed = heartbeat.as_ref().is_some_and(|(_, heartbeat)| heartbeat.after > self.after);
        let due = self.shared.env.now() >= self.due;
        let read = if self.behind || unconfirmed || due { self.read().await? } else { None };
        match (read, heartbeat) {
            (Some(frame), _) if self.behind => Ok(Some(frame)),
            (_, Some((beat, heartbeat))) => {
                self.beat = beat;
                Ok(Some(heartbeat))
            }
            (read, None) => Ok(read.filter(|_| due)),
        }
    }

    async fn read(&mut self) -> Result<Option<Encoded>, FeedEnd> {
        let frame = self.shared.source.read(self.log, self.after, FOLLOW_READ_BYTES).await?;
        self.behind = !frame.is_heartbeat();
        Ok(Some(Encoded::new(&frame)))
    }

    fn sent(&mut self, frame: Encoded) -> Bytes {
        self.after = self.after.max(frame.end);
        self.due = self.shared.env.now() + Duration::from_millis(HEARTBEAT_MS_MAX);
        self.metrics.frames_sent.inc();
        self.metrics.bytes_sent.inc_by(frame.bytes.len() as u64);
        frame.bytes
    }

    async fn wait(&mut self) -> Result<(), FeedEnd> {
        let pause = self.due.saturating_duration_since(self.shared.env.now());
        tokio::select! {
            biased;
            closed = self.shared.links.closed(self.peer) => Err(closed.into()),
            _ = self.published.changed() => Ok(()),
            () = self.shared.env.sleep(pause) => Ok(()),
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.metrics.followers.dec();
    }
}
