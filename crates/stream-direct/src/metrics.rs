//! `sterna_stream_*`, by peer.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

pub(crate) struct Metrics {
    frames_sent: IntCounterVec,
    frames_received: IntCounterVec,
    bytes_sent: IntCounterVec,
    bytes_received: IntCounterVec,
    connects: IntCounterVec,
    refusals: IntCounterVec,
    followers: IntGaugeVec,
}

/// One peer's.
#[derive(Clone)]
pub(crate) struct PeerMetrics {
    pub frames_sent: IntCounter,
    pub frames_received: IntCounter,
    pub bytes_sent: IntCounter,
    pub bytes_received: IntCounter,
    pub connects: IntCounter,
    pub refusals: IntCounter,
    pub followers: IntGauge,
}

impl Metrics {
    /// Not registered where there is no registry, or where it has these names already.
    pub(crate) fn new(registry: Option<&Registry>) -> Self {
        let counter = |name: &str, help: &str| {
            let made = IntCounterVec::new(Opts::new(name, help), &["peer"]).expect("the name and the label are valid");
            register(registry, made.clone());
            made
        };
        let followers = Opts::new("sterna_stream_followers", "Shards of this region's log that the peer follows now");
        let followers = IntGaugeVec::new(followers, &["peer"]).expect("the name and the label are valid");
        register(registry, followers.clone());
        Self {
            frames_sent: counter("sterna_stream_frames_sent_total", "Frames and heartbeats sent to the peer"),
            frames_received: counter("sterna_stream_frames_received_total", "Frames and heartbeats received from the peer"),
            bytes_sent: counter("sterna_stream_bytes_sent_total", "Bytes of frames sent to the peer"),
            bytes_received: counter("sterna_stream_bytes_received_total", "Bytes of frames received from the peer"),
            connects: counter("sterna_stream_connects_total", "Attempts to connect to the peer"),
            refusals: counter("sterna_stream_refusals_total", "Requests that the peer refused because configurations differ"),
            followers,
        }
    }

    pub(crate) fn of(&self, peer: &str) -> PeerMetrics {
        PeerMetrics {
            frames_sent: self.frames_sent.with_label_values(&[peer]),
            frames_received: self.frames_received.with_label_values(&[peer]),
            bytes_sent: self.bytes_sent.with_label_values(&[peer]),
            bytes_received: self.bytes_received.with_label_values(&[peer]),
            connects: self.connects.with_label_values(&[peer]),
            refusals: self.refusals.with_label_values(&[peer]),
            followers: self.followers.with_label_values(&[peer]),
        }
    }
}

fn register(registry: Option<&Registry>, collector: impl prometheus::core::Collector + 'static) {
    if let Some(Err(error)) = registry.map(|r| r.register(Box::new(collector))) {
        tracing::warn!(%error, "stream metrics are not shown");
    }
}
