//! What this crate counts.

use prometheus::core::Collector;
use prometheus::{Gauge, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// From one region to another.
const WAY: [&str; 2] = ["origin", "destination"];

#[derive(Clone)]
pub struct Metrics {
    pub frames_published: IntCounter,
    pub entries_published: IntCounter,
    pub publish_failures: IntCounter,
    pub frames: IntCounterVec,
    pub entries: IntCounterVec,
    pub holes: IntCounterVec,
    pub repairs: IntCounterVec,
    pub carried: IntCounterVec,
    pub damaged: IntCounterVec,
    pub repeated: IntCounterVec,
    pub reconnects: IntCounterVec,
    /// By origin and destination, this region. Brought up to date every second; grows while the origin is silent.
    lag_seconds: GaugeVec,
    /// By origin, this region, and destination.
    lag_events: IntGaugeVec,
    heartbeat_age_seconds: GaugeVec,
    pub connected: IntGaugeVec,
    pub clock_skew_seconds: GaugeVec,
    pub recovered_entries: IntCounterVec,
    pub lives_begun: IntCounter,
    /// By outcome: delivered, replayed, compensated, refused, too-deep.
    pub reactions: IntCounterVec,
    pub reactions_pending: IntGauge,
    /// By type, field, bound and the region that has them, as of the last look.
    pub rights_left: IntGaugeVec,
    /// Requests for rights, by what came: given, nothing, failed.
    pub rights_asked: IntCounterVec,
    pub rights_spread: IntCounter,
    pub rights_inherited: IntCounter,
    /// Commands sent to their home, by what came: accepted, refused, home-away.
    pub forwarded: IntCounterVec,
}

impl Metrics {
    pub fn lag_seconds(&self, origin: &str, destination: &str) -> Gauge {
        self.lag_seconds.with_label_values(&[origin, destination])
    }

    pub fn lag_events(&self, origin: &str, destination: &str) -> IntGauge {
        self.lag_events.with_label_values(&[origin, destination])
    }

    pub fn heartbeat_age_seconds(&self, origin: &str, destination: &str) -> Gauge {
        self.heartbeat_age_seconds.with_label_values(&[origin, destination])
    }

    /// Every series of these peers begins with 0: the first of its kind is seen as an increase.
    pub fn declare<'a>(&self, peers: impl Iterator<Item = &'a str>) {
        for peer in peers {
            for counters in [&self.frames, &self.entries, &self.holes, &self.damaged, &self.repeated, &self.reconnects] {
                counters.with_label_values(&[peer]);
            }
            for counters in [&self.repairs, &self.carried, &self.recovered_entries] {
                counters.with_label_values(&[peer]);
            }
        }
        for answer in ["given", "nothing", "failed"] {
            self.rights_asked.with_label_values(&[answer]);
        }
        for outcome in ["accepted", "refused", "home-away"] {
            self.forwarded.with_label_values(&[outcome]);
        }
        for outcome in ["delivered", "replayed", "compensated", "refused", "too-deep"] {
            self.reactions.with_label_values(&[outcome]);
        }
    }

    /// Registers with `registry`, if there is one.
    pub fn new(registry: Option<&Registry>) -> Self {
        let counter = |name: &str, help: &str| IntCounter::new(name, help).expect("the name is valid");
        let counters =
            |name: &str, help: &str, label: &str| IntCounterVec::new(Opts::new(name, help), &[label]).expect("the name is valid");
        let gauges = |name: &str, help: &str, label: &str| GaugeVec::new(Opts::new(name, help), &[label]).expect("the name is valid");
        let metrics = Self {
            frames_published: counter(
                "sterna_replicate_frames_published_total",
                "Frames of this region's logs published, heartbeats included.",
            ),
            entries_published: counter("sterna_replicate_entries_published_total", "Entries of this region's logs published."),
            publish_failures: counter("sterna_replicate_publish_failures_total", "Frames that the stream did not take."),
            frames: counters("sterna_replicate_frames_total", "Frames received, heartbeats included, by origin.", "origin"),
            entries: counters("sterna_replicate_entries_total", "Entries copied here, by origin.", "origin"),
            holes: counters("sterna_replicate_holes_total", "Frames that came before what they follow, by origin.", "origin"),
            repairs: counters("sterna_replicate_repairs_total", "Requests that filled a hole, by the region that answered.", "from"),
            carried: counters(
                "sterna_replicate_carried_entries_total",
                "Entries fetched while the origin's stream was silent, by the region that had them.",
                "from",
            ),
            damaged: counters("sterna_replicate_damaged_frames_total", "Frames whose bytes were damaged, by origin.", "origin"),
            repeated: counters(
                "sterna_replicate_repeated_entries_total",
                "Entries that came again and were passed over, by origin.",
                "origin",
            ),
            reconnects: counters("sterna_replicate_reconnects_total", "Times that following a log began anew, by origin.", "origin"),
            lag_seconds: GaugeVec::new(
                Opts::new(
                    "sterna_replicate_lag_seconds",
                    "Age of what the destination, this region, has of an origin, in its shard that is furthest behind.",
                ),
                &WAY,
            )
            .expect("the name is valid"),
            lag_events: IntGaugeVec::new(
                Opts::new(
                    "sterna_replicate_lag_events",
                    "Events of the origin, this region, that the destination's heartbeats have not named as applied.",
                ),
                &WAY,
            )
            .expect("the name is valid"),
            heartbeat_age_seconds: GaugeVec::new(
                Opts::new(
                    "sterna_replicate_heartbeat_age_seconds",
                    "Since the origin itself was last heard of by the destination, this region, whatever others carry.",
                ),
                &WAY,
            )
            .expect("the name is valid"),
            connected: IntGaugeVec::new(Opts::new("sterna_replicate_connected", "1 if every log of the origin is followed."), &["origin"])
                .expect("the name is valid"),
            clock_skew_seconds: gauges(
                "sterna_replicate_clock_skew_seconds",
                "This region's wall clock minus the peer's, latency included.",
                "peer",
            ),
            recovered_entries: counters(
                "sterna_replicate_recovered_entries_total",
                "Own entries copied back after a restore, by peer.",
                "from",
            ),
            lives_begun: counter("sterna_replicate_lives_begun_total", "Incarnations begun because the store may be an old copy."),
            reactions: counters("sterna_replicate_reactions_total", "Reactions, by outcome.", "outcome"),
            reactions_pending: IntGauge::new("sterna_replicate_reactions_pending", "Reactions under way.").expect("the name is valid"),
            rights_left: IntGaugeVec::new(
                Opts::new("sterna_replicate_rights_left", "Rights of bounded counters that each region has left, as this region knows."),
                &["type", "field", "bound", "holder"],
            )
            .expect("the name is valid"),
            rights_asked: counters("sterna_replicate_rights_asked_total", "Requests to other regions for rights, by what came.", "answer"),
            forwarded: counters(
                "sterna_replicate_forwarded_total",
                "Commands sent to the region that is their home, by outcome.",
                "outcome",
            ),
            rights_inherited: counter("sterna_replicate_rights_inherited_total", "Times that rights of a lost region were taken over."),
            rights_spread: counter("sterna_replicate_rights_spread_total", "Times that rights were given to others before they asked."),
        };
        if let Some(registry) = registry {
            metrics.register(registry);
        }
        metrics
    }

    fn register(&self, registry: &Registry) {
        let all: [Box<dyn Collector>; 25] = [
            Box::new(self.frames_published.clone()),
            Box::new(self.entries_published.clone()),
            Box::new(self.publish_failures.clone()),
            Box::new(self.frames.clone()),
            Box::new(self.entries.clone()),
            Box::new(self.holes.clone()),
            Box::new(self.repairs.clone()),
            Box::new(self.carried.clone()),
            Box::new(self.damaged.clone()),
            Box::new(self.repeated.clone()),
            Box::new(self.reconnects.clone()),
            Box::new(self.lag_seconds.clone()),
            Box::new(self.lag_events.clone()),
            Box::new(self.heartbeat_age_seconds.clone()),
            Box::new(self.connected.clone()),
            Box::new(self.clock_skew_seconds.clone()),
            Box::new(self.recovered_entries.clone()),
            Box::new(self.lives_begun.clone()),
            Box::new(self.reactions.clone()),
            Box::new(self.reactions_pending.clone()),
            Box::new(self.rights_left.clone()),
            Box::new(self.rights_asked.clone()),
            Box::new(self.rights_spread.clone()),
            Box::new(self.rights_inherited.clone()),
            Box::new(self.forwarded.clone()),
        ];
        for collector in all {
            registry.register(collector).expect("each metric is registered once");
        }
    }
}
