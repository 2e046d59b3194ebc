//! Heartbeats wait here so that they don't fill the topic: only the latest matters, and where frames with entries say as much, none does.

use crate::append::Appender;
use crate::envelope;
use crate::limits::HEARTBEAT_GAP;
use crate::metrics::Metrics;
use parking_lot::Mutex;
use std::sync::Arc;
use sterna_env::{Env, Instant};
use sterna_log::Frame;
use sterna_stream::PublishError;
use tokio::sync::Notify;

/// One shard's.
pub(crate) struct Heartbeats {
    env: Env,
    appender: Arc<Appender>,
    metrics: Arc<Metrics>,
    state: Mutex<State>,
    offered: Notify,
}

#[derive(Default)]
struct State {
    /// When a record that says how complete the log is was appended last.
    said: Option<Instant>,
    waiting: Option<Frame>,
}

impl Heartbeats {
    pub fn new(env: Env, appender: Arc<Appender>, metrics: Arc<Metrics>) -> Self {
        Self { env, appender, metrics, state: Mutex::default(), offered: Notify::new() }
    }

    /// Appends a heartbeat, or keeps it until its time has come; it replaces one that waits.
    pub async fn offer(&self, heartbeat: Frame) -> Result<(), PublishError> {
        let now = self.env.now();
        {
            let mut state = self.state.lock();
            if state.waiting.take().is_some() {
                self.metrics.heartbeats_replaced.inc();
            }
            if state.said.is_some_and(|said| now < said + HEARTBEAT_GAP) {
                state.waiting = Some(heartbeat);
                self.offered.notify_one();
                return Ok(());
            }
            state.said = Some(now);
        }
        self.append(&heartbeat).await
    }

    /// A frame with entries was appended: a heartbeat that waits and says no more than it is dropped.
    pub fn appended(&self, frame: &Frame) {
        if frame.sent_ms == 0 {
            return;
        }
        let mut state = self.state.lock();
        state.said = Some(self.env.now());
        if state.waiting.as_ref().is_some_and(|waiting| waiting.sent_ms <= frame.sent_ms) {
            state.waiting = None;
            self.metrics.heartbeats_replaced.inc();
        }
    }

    /// Appends what waits when its time has come. One that can't be appended is dropped: the next one is never far.
    pub async fn run(self: Arc<Self>) {
        loop {
            self.offered.notified().await;
            while let Some(pause) = self.pause() {
                self.env.sleep(pause).await;
                let Some(heartbeat) = self.due() else { continue };
                if let Err(error) = self.append(&heartbeat).await {
                    tracing::debug!(shard = heartbeat.log.shard.0, %error, "a heartbeat is lost");
                }
            }
        }
    }

    /// How long what waits has still to wait.
    fn pause(&self) -> Option<std::time::Duration> {
        let state = self.state.lock();
        state.waiting.as_ref()?;
        let due = state.said.map_or(self.env.now(), |said| said + HEARTBEAT_GAP);
        Some(due.saturating_duration_since(self.env.now()))
    }

    fn due(&self) -> Option<Frame> {
        let mut state = self.state.lock();
        let now = self.env.now();
        if state.said.is_some_and(|said| now < said + HEARTBEAT_GAP) {
            return None;
        }
        let heartbeat = state.waiting.take()?;
        state.said = Some(now);
        Some(heartbeat)
    }

    async fn append(&self, heartbeat: &Frame) -> Result<(), PublishError> {
        self.appender.append(&envelope::records(heartbeat, self.env.random_u64())).await
    }
}
