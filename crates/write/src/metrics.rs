//! What this crate counts.

use crate::command::OUTCOMES;
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
use std::time::Duration;
use sterna_crdt::conflicts::Rule;
use sterna_crdt::{FieldKind, Policy};
use sterna_model::Model;

#[derive(Clone)]
pub struct Metrics {
    /// By outcome: accepted, replayed, or the code of the refusal's kind.
    commands: IntCounterVec,
    command_seconds: HistogramVec,
    pub batch_commands: Histogram,
    pub batch_retries: IntCounter,
    pub merged_events: IntCounter,
    pub conflicts: IntCounterVec,
    pub future_clocks: IntCounter,
    pub parked: IntCounter,
    pub parked_aggregates: IntGauge,
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
            command_seconds: HistogramVec::new(
                HistogramOpts::new("sterna_write_command_duration_seconds", "From a command's arrival to its durable answer, by outcome.")
                    .buckets(seconds),
                &["outcome"],
            )
            .expect("the name is valid"),
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
            parked_aggregates: IntGauge::new("sterna_write_parked_aggregates", "Aggregates that are parked now.")
                .expect("the name is valid"),
            voided: counters("sterna_write_voided_total", "Events found to be void here, by type and kind of event.", &["type", "event"]),
            tail_events: IntGaugeVec::new(
                Opts::new(
                    "sterna_write_tail_events",
                    "Events that something concurrent may still join, by type. After a start it takes a while to count what was there before.",
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

    /// A command was answered, so long after it came.
    pub(crate) fn answered(&self, outcome: &str, after: Duration) {
        self.commands.with_label_values(&[outcome]).inc();
        self.command_seconds.with_label_values(&[outcome]).observe(after.as_secs_f64());
    }

    /// Every series that the model allows begins with 0: the first of its kind is seen as an increase.
    pub(crate) fn declare(&self, model: &Model) {
        for outcome in OUTCOMES {
            self.commands.with_label_values(&[outcome]);
        }
        for answer in ["local", "moved", "refused", "refused-after-asking"] {
            self.bounded.with_label_values(&[answer]);
        }
        for of in model.aggregates() {
            for event in ["command", "reaction"] {
                self.voided.with_label_values(&[&*of.name, event]);
            }
            self.tail_events.with_label_values(&[&*of.name]);
            let whole = if of.delete_wins { Rule::DeleteWins } else { Rule::Delete };
            for rule in [whole, Rule::Void, Rule::OnVoid] {
                self.conflicts.with_label_values(&[&of.name, "", rule.name()]);
            }
            for field in of.fields() {
                for rule in rules(&field.kind) {
                    self.conflicts.with_label_values(&[&of.name, &field.name, rule.name()]);
                }
            }
        }
    }

    fn register(&self, registry: &Registry) {
        let all: [Box<dyn prometheus::core::Collector>; 13] = [
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
            Box::new(self.parked_aggregates.clone()),
            Box::new(self.voided.clone()),
            Box::new(self.tail_events.clone()),
        ];
        for collector in all {
            registry.register(collector).expect("each metric is registered once");
        }
    }
}

/// By which rules concurrent updates of a field can be decided.
fn rules(kind: &FieldKind) -> Vec<Rule> {
    match kind {
        FieldKind::Register(policy) => vec![match policy {
            Policy::Latest => Rule::Latest,
            Policy::Keep => Rule::Keep,
            Policy::Max => Rule::Max,
            Policy::Min => Rule::Min,
            Policy::Prefer(_) => Rule::Prefer,
            Policy::MaxBy => Rule::MaxBy,
            Policy::MinBy => Rule::MinBy,
        }],
        FieldKind::Counter | FieldKind::Bounded { .. } => Vec::new(),
        FieldKind::Flag => vec![Rule::TrueWins],
        FieldKind::Set => vec![Rule::AddWins],
        FieldKind::Map(inner) => {
            let mut all = rules(inner);
            all.push(Rule::AddWins);
            all.dedup();
            all
        }
    }
}
