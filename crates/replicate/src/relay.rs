//! Publishes this region's log to its stream.
//!
//! One task for all shards. Each shard's frames are in order and without a gap from where the log ended when the relay started; what is
//! older, followers read from a copy. A heartbeat follows soon after others' entries were applied here, and every shard has one a
//! second, or peers could not tell a quiet region from a dead one.

use crate::limits::{
    FRAME_BYTES, FRAMES_PER_TURN_MAX, HEARTBEAT_EVERY, PUBLISH_PAUSE_FIRST, PUBLISH_PAUSE_MAX, PUBLISH_WAIT, SEAL_EVERY, SETTLE_WITHIN,
};
use crate::metrics::Metrics;
use crate::source::{Seal, Source};
use futures::future::join_all;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use sterna_crdt::RegionId;
use sterna_env::{Backoff, Env, Instant};
use sterna_log::{Applied, Frame, LogId, Position, ShardId};
use sterna_stream::{PublishError, Stream};
use sterna_write::Writer;
use tokio::sync::watch;

pub(crate) struct Relay {
    pub writer: Arc<Writer>,
    pub stream: Arc<dyn Stream>,
    pub source: Arc<Source>,
    pub metrics: Metrics,
    pub troubles: Arc<Troubles>,
}

/// Why shards' frames are not taken by the stream at present.
#[derive(Default)]
pub(crate) struct Troubles(Mutex<BTreeMap<ShardId, String>>);

impl Troubles {
    pub fn any(&self) -> Option<String> {
        self.0.lock().values().next().cloned()
    }

    fn note(&self, shard: ShardId, error: &str) {
        self.0.lock().insert(shard, error.to_owned());
    }

    fn forget(&self, shard: ShardId) {
        self.0.lock().remove(&shard);
    }
}

/// One shard's log, as published.
struct ShardRelay {
    relay: Arc<Relay>,
    id: ShardId,
    changed: watch::Receiver<u64>,
    /// Up to where entries are published.
    at: Position,
    /// What others' logs this region had applied when it last named a seal.
    said: Applied,
    sealed_at: Instant,
    /// When there is something to do, if nothing changes before.
    due: Instant,
    /// Until a frame is taken again.
    failing: bool,
    backoff: Backoff,
    bytes_max: usize,
}

impl Relay {
    pub async fn run(self: Arc<Self>) {
        let board = &self.writer.region().board;
        let mut any = board.subscribe_any();
        let mut shards = Vec::new();
        for id in board.shards() {
            shards.push(ShardRelay::new(Arc::clone(&self), id).await);
        }
        loop {
            any.borrow_and_update();
            let now = self.env().now();
            join_all(shards.iter_mut().filter_map(|shard| (shard.has_work(now) && shard.is_mine()).then_some(shard)).map(ShardRelay::turn))
                .await;
            let due = shards.iter().map(|shard| shard.due).min().unwrap_or_else(|| self.env().now() + HEARTBEAT_EVERY);
            let pause = due.saturating_duration_since(self.env().now());
            self.env().timeout(pause, any.changed()).await;
        }
    }

    fn env(&self) -> &Env {
        &self.writer.region().env
    }
}

impl ShardRelay {
    async fn new(relay: Arc<Relay>, id: ShardId) -> Self {
        let region = relay.writer.region();
        let at = relay.start_of(id).await;
        let changed = region.board.subscribe(id);
        let now = region.env.now();
        Self {
            id,
            changed,
            at,
            said: Applied::default(),
            sealed_at: now,
            due: now,
            failing: false,
            backoff: Backoff::new(PUBLISH_PAUSE_FIRST, PUBLISH_PAUSE_MAX),
            bytes_max: FRAME_BYTES,
            relay,
        }
    }

    /// Where all processes of a region publish into one stream, the one with the shard's lease does. What its predecessor left out,
    /// followers read from a copy.
    fn is_mine(&mut self) -> bool {
        let region = self.relay.writer.region();
        if !self.relay.stream.is_shared() || region.leases.holds(self.id) {
            return true;
        }
        self.at = region.board.applied(self.id).get(region.me).max(self.at);
        self.due = region.env.now() + HEARTBEAT_EVERY;
        self.changed.borrow_and_update();
        false
    }

    fn has_work(&self, now: Instant) -> bool {
        self.due <= now || !self.failing && self.changed.has_changed().unwrap_or(false)
    }

    /// Does what is due.
    async fn turn(&mut self) {
        let now = self.env().now();
        self.changed.borrow_and_update();
        for _ in 0..FRAMES_PER_TURN_MAX {
            let applied = self.relay.writer.region().board.applied(self.id);
            let entries = applied.get(self.me()) > self.at;
            if !entries && self.due > now {
                return self.settle(&applied);
            }
            let seal = if !entries || now >= self.sealed_at + SEAL_EVERY { Seal::Yes } else { Seal::No };
            let from = self.at;
            if !self.publish(seal).await {
                return;
            }
            if entries && self.at == from {
                // The log is not there yet as far as the board says; to ask again at once would go on for as long as that lasts.
                self.due = self.due.max(now + SETTLE_WITHIN);
                return;
            }
        }
        self.due = now;
    }

    /// A heartbeat is soon due if others' entries were applied.
    fn settle(&mut self, applied: &Applied) {
        if applied.without(self.me()) != self.said {
            self.due = self.due.min(self.env().now() + SETTLE_WITHIN);
        }
    }

    /// False if the stream did not take the frame.
    async fn publish(&mut self, seal: Seal) -> bool {
        let frame = match self.relay.source.own(self.id, self.at, self.bytes_max, seal).await {
            Ok(frame) => frame,
            Err(error) => return self.failed(&format!("the store can't be read: {error}")),
        };
        let (end, entries) = (frame.end(), frame.entries.len());
        let (sealed, said) = (frame.sent_ms > 0, frame.applied.without(self.me()));
        match self.hand_over(frame).await {
            Ok(()) => {}
            Err(PublishError::TooLarge { .. }) if entries > 1 => {
                self.bytes_max = (self.bytes_max / 2).max(1);
                return true;
            }
            Err(error @ PublishError::TooLarge { .. }) => {
                tracing::warn!(shard = self.id.0, position = %end, %error, "left out; the peers will fetch it");
                self.relay.metrics.publish_failures.inc();
            }
            Err(PublishError::Unavailable(error)) => return self.failed(&error),
        }
        self.backoff.reset();
        if std::mem::take(&mut self.failing) {
            self.relay.troubles.forget(self.id);
        }
        self.bytes_max = FRAME_BYTES;
        self.at = end;
        self.relay.metrics.frames_published.inc();
        self.relay.metrics.entries_published.inc_by(entries as u64);
        let now = self.env().now();
        if sealed {
            (self.said, self.sealed_at) = (said, now);
            self.due = now + HEARTBEAT_EVERY;
        } else {
            self.due = now + SEAL_EVERY;
        }
        true
    }

    async fn hand_over(&self, frame: Frame) -> Result<(), PublishError> {
        let late = || Err(PublishError::Unavailable(format!("it took longer than {PUBLISH_WAIT:?}")));
        self.env().timeout(PUBLISH_WAIT, self.relay.stream.publish(frame)).await.unwrap_or_else(late)
    }

    fn failed(&mut self, error: &str) -> bool {
        if !self.failing {
            tracing::warn!(shard = self.id.0, error, "not publishing; trying again");
        }
        self.relay.metrics.publish_failures.inc();
        self.failing = true;
        self.relay.troubles.note(self.id, error);
        let relay = Arc::clone(&self.relay);
        self.due = relay.env().now() + self.backoff.next(relay.env());
        false
    }

    fn me(&self) -> RegionId {
        self.relay.writer.region().me
    }

    fn env(&self) -> &Env {
        self.relay.env()
    }
}

impl Relay {
    /// Where the log ends now.
    async fn start_of(&self, shard: ShardId) -> Position {
        let log = LogId { origin: self.writer.region().me, shard };
        self.writer.region().board.applied(shard).get(log.origin)
    }
}
