//! What this crate counts.

use prometheus::core::Collector;
use prometheus::{GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry, exponential_buckets};

#[derive(Clone)]
pub(crate) struct Metrics {
    pub events: IntCounter,
    pub documents: IntCounter,
    pub keys: IntCounter,
    pub batch_events: Histogram,
    pub batch_seconds: Histogram,
    pub failures: IntCounter,
    pub staleness_seconds: GaugeVec,
    pub failed_rows: IntGaugeVec,
    pub built: IntCounterVec,
    pub queries: IntCounterVec,
    pub feed_items: IntCounter,
}

impl Metrics {
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counters = |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let histogram = |name: &str, help: &str, buckets| Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets));
        let metrics = Self {
            events: IntCounter::new("sterna_read_events_total", "Events projected.")?,
            documents: IntCounter::new("sterna_read_documents_total", "Documents written.")?,
            keys: IntCounter::new("sterna_read_writes_total", "Keys and ranges written or cleared by the projector.")?,
            batch_events: histogram("sterna_read_batch_events", "Events in a projected batch.", exponential_buckets(1.0, 2.0, 13)?)?,
            batch_seconds: histogram(
                "sterna_read_batch_duration_seconds",
                "From a batch's first read to its commit.",
                exponential_buckets(0.000_25, 2.0, 16)?,
            )?,
            failures: IntCounter::new("sterna_read_failures_total", "Batches that failed and were tried again.")?,
            staleness_seconds: GaugeVec::new(
                Opts::new("sterna_read_view_staleness_seconds", "How long ago the view had everything that this region had applied."),
                &["view"],
            )?,
            failed_rows: IntGaugeVec::new(
                Opts::new("sterna_read_view_failed_rows", "Rows that are missing because an expression failed."),
                &["view"],
            )?,
            built: counters("sterna_read_built_total", "Documents and events read to build a view anew.", &["view"])?,
            queries: counters("sterna_read_queries_total", "Queries answered, by kind and outcome.", &["kind", "outcome"])?,
            feed_items: IntCounter::new("sterna_read_feed_items_total", "Changes handed to followers of the feed.")?,
        };
        metrics.register(registry)?;
        Ok(metrics)
    }

    fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        let all: [Box<dyn Collector>; 11] = [
            Box::new(self.events.clone()),
            Box::new(self.documents.clone()),
            Box::new(self.keys.clone()),
            Box::new(self.batch_events.clone()),
            Box::new(self.batch_seconds.clone()),
            Box::new(self.failures.clone()),
            Box::new(self.staleness_seconds.clone()),
            Box::new(self.failed_rows.clone()),
            Box::new(self.built.clone()),
            Box::new(self.queries.clone()),
            Box::new(self.feed_items.clone()),
        ];
        all.into_iter().try_for_each(|collector| registry.register(collector))
    }
}
