//! What this crate counts.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};

#[derive(Clone)]
pub struct Metrics {
    /// By outcome: accepted, replayed, or the code of the refusal's kind.
    pub commands: IntCounterVec,
    pub command_seconds: Histogram,
    pub batch_commands: Histogram,
    pub batch_retries: IntCounter,
    pub merged_events: IntCounter,
    pub conflicts: IntCounterVec,
    pub future_clocks: IntCounter,
    pub parked: IntCounter,
    /// Commands that take rights of a bounded counter, by how they were answered: local, moved (after another region was asked),
    /// refused, refused-after-asking.
    pub bounded: IntCounterVec,
    /// Rights of bounded counters that this region gave to others.
    pub transfers: IntCounter,
    /// By type, and by what became void: command or reaction.
    pub voided: IntCounterVec,
    pub tail_events: IntGaugeVec,
}

impl Metrics {
    /// Registers with `registry`, if there is one.
    pub fn new(registry: Option<&Registry>) -> Self {
        let seconds = prometheus::exponential_buckets(0.000_25, 2.0, 16).expect("the arguments are valid");
        let sizes = prometheus::exponential_buckets(1.0, 2.0, 11).expect("the arguments are valid");
        let counter = |name: &str, help: &str| IntCounter::new(name, help).expect("the name is valid");
        let counters =
            |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels).expect("the name is valid");
        let histogram = |name: &str, help: &str, buckets| {
            Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets)).expect("the name is valid")
        };
        let metrics = Self {
            commands: counters("sterna_write_commands_total", "Commands answered, by outcome.", &["outcome"]),
            command_seconds: histogram("sterna_write_command_duration_seconds", "From a command's arrival to its durable answer.", seconds),
            batch_commands: histogram("sterna_write_batch_commands", "Commands in a committed batch.", sizes),
            batch_retries: counter("sterna_write_batch_retries_total", "Batches prepared again after a conflict or an unknown result."),
            merged_events: counter("sterna_write_merged_events_total", "Events of other regions merged here."),
            conflicts: counters("sterna_write_conflicts_total", "New ledger rows, by type, field and rule.", &["type", "field", "rule"]),
            future_clocks: counter("sterna_write_future_clocks_total", "Events whose clock was too far ahead to be believed."),
            parked: counter("sterna_write_parked_total", "Aggregates parked because an event of theirs could not be applied."),
            bounded: counters(
                "sterna_write_bounded_commands_total",
                "Commands that take rights of a bounded counter, by answer: local, moved, refused, refused-after-asking.",
                &["answer"],
            ),
            transfers: counter("sterna_write_rights_transfers_total", "Transfers of a bounded counter's rights to other regions."),
            voided: counters("sterna_write_voided_total", "Events found to be void here, by type and kind of event.", &["type", "event"]),
            tail_events: IntGaugeVec::new(
                Opts::new(
                    "sterna_write_tail_events",
                    "Events that something concurrent may still join, in aggregates written by this process.",
                ),
                &["type"],
            )
            .expect("the name is valid"),
        };
        if let Some(registry) = registry {
            metrics.register(registry);
        }
        metrics
    }

    fn register(&self, registry: &Registry) {
        let all: [Box<dyn prometheus::core::Collector>; 12] = [
            Box::new(self.commands.clone()),
            Box::new(self.command_seconds.clone()),
            Box::new(self.batch_commands.clone()),
            Box::new(self.batch_retries.clone()),
            Box::new(self.merged_events.clone()),
            Box::new(self.conflicts.clone()),
            Box::new(self.future_clocks.clone()),
            Box::new(self.parked.clone()),
            Box::new(self.bounded.clone()),
            Box::new(self.transfers.clone()),
            Box::new(self.voided.clone()),
            Box::new(self.tail_events.clone()),
        ];
        for collector in all {
            registry.register(collector).expect("each metric is registered once");
        }
    }
}
