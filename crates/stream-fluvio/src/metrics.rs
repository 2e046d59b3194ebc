//! `sterna_fluvio_*`: what this region publishes, and what it reads, by origin.

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

pub(crate) struct Metrics {
    pub records_published: IntCounter,
    pub bytes_published: IntCounter,
    pub heartbeats_replaced: IntCounter,
    pub publishes_repeated: IntCounter,
    pub producers_opened: IntCounter,
    frames_read: IntCounterVec,
    frames_repeated: IntCounterVec,
    bytes_read: IntCounterVec,
    readers_opened: IntCounterVec,
    offset_gaps: IntCounterVec,
    searches: IntCounterVec,
    probes: IntCounterVec,
    hints_refuted: IntCounterVec,
    expired: IntCounterVec,
    unreadable: IntCounterVec,
}

/// One origin's.
#[derive(Clone)]
pub(crate) struct OriginMetrics {
    pub frames_read: IntCounter,
    pub frames_repeated: IntCounter,
    pub bytes_read: IntCounter,
    pub readers_opened: IntCounter,
    pub offset_gaps: IntCounter,
    pub searches: IntCounter,
    pub probes: IntCounter,
    pub hints_refuted: IntCounter,
    pub expired: IntCounter,
    pub unreadable: IntCounter,
}

impl Metrics {
    /// Not registered where there is no registry, or where it has these names already.
    pub fn new(registry: Option<&Registry>) -> Self {
        let one = |name: &str, help: &str| {
            let made = IntCounter::new(format!("sterna_fluvio_{name}"), help).expect("the name is valid");
            register(registry, made.clone());
            made
        };
        let of = |name: &str, help: &str| {
            let options = Opts::new(format!("sterna_fluvio_{name}"), help);
            let made = IntCounterVec::new(options, &["origin"]).expect("the name and the label are valid");
            register(registry, made.clone());
            made
        };
        Self {
            records_published: one("records_published_total", "Records appended to this region's topic."),
            bytes_published: one("bytes_published_total", "Bytes of records appended to this region's topic, before compression."),
            heartbeats_replaced: one("heartbeats_replaced_total", "Heartbeats that a later one replaced before they were appended."),
            publishes_repeated: one("publishes_repeated_total", "Appends tried again, which may have happened twice."),
            producers_opened: one("producers_opened_total", "Connections opened to append."),
            frames_read: of("frames_read_total", "Frames and heartbeats read, by origin."),
            frames_repeated: of("frames_repeated_total", "Frames that came again and were passed over, by origin."),
            bytes_read: of("bytes_read_total", "Bytes of records read, by origin."),
            readers_opened: of("readers_opened_total", "Connections opened to read, by origin."),
            offset_gaps: of("offset_gaps_total", "Times that records were left out and had to be asked for again, by origin."),
            searches: of("searches_total", "Times that a position had to be searched for in a partition, by origin."),
            probes: of("probes_total", "Records looked at in searches, by origin."),
            hints_refuted: of("hints_refuted_total", "Remembered offsets at which another frame was found, by origin."),
            expired: of("expired_total", "Times that what comes next was gone from the topic, by origin."),
            unreadable: of("unreadable_total", "Records left out because they could not be read, by origin."),
        }
    }

    pub fn of(&self, origin: &str) -> OriginMetrics {
        let of = |counters: &IntCounterVec| counters.with_label_values(&[origin]);
        OriginMetrics {
            frames_read: of(&self.frames_read),
            frames_repeated: of(&self.frames_repeated),
            bytes_read: of(&self.bytes_read),
            readers_opened: of(&self.readers_opened),
            offset_gaps: of(&self.offset_gaps),
            searches: of(&self.searches),
            probes: of(&self.probes),
            hints_refuted: of(&self.hints_refuted),
            expired: of(&self.expired),
            unreadable: of(&self.unreadable),
        }
    }
}

fn register(registry: Option<&Registry>, collector: impl prometheus::core::Collector + 'static) {
    if let Some(Err(error)) = registry.map(|r| r.register(Box::new(collector))) {
        tracing::warn!(%error, "stream metrics are not shown");
    }
}
