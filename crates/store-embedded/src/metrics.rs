//! What a store tells Prometheus. Every metric has the label `store`: `write` or `read`.

use prometheus::core::Desc;
use prometheus::proto::MetricFamily;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry, core::Collector, exponential_buckets};
use std::path::{Path, PathBuf};
use sterna_store::CommitError;

use crate::Kind;

#[derive(Clone)]
pub(crate) struct Metrics {
    pub(crate) commits: IntCounter,
    refusals: IntCounterVec,
    pub(crate) batch_transactions: Histogram,
    pub(crate) batch_keys: Histogram,
    pub(crate) sync_seconds: Histogram,
    pub(crate) queue_transactions: IntGauge,
    disk: Disk,
    registry: Option<Registry>,
}

impl Metrics {
    pub(crate) fn new(kind: Kind, path: &Path, registry: Option<&Registry>) -> Result<Self, prometheus::Error> {
        let opts = |name: &str, help: &str| Opts::new(format!("sterna_store_{name}"), help).const_label("store", kind.name());
        let histogram = |name: &str, help: &str, buckets| Histogram::with_opts(HistogramOpts { common_opts: opts(name, help), buckets });
        let refusals = opts("refusals_total", "Transactions not committed, by reason.");
        let metrics = Self {
            commits: IntCounter::with_opts(opts("commits_total", "Transactions committed."))?,
            refusals: IntCounterVec::new(refusals, &["reason"])?,
            batch_transactions: histogram("batch_transactions", "Transactions made durable together.", exponential_buckets(1.0, 2.0, 14)?)?,
            batch_keys: histogram("batch_keys", "Keys written together.", exponential_buckets(1.0, 2.0, 16)?)?,
            sync_seconds: histogram("sync_seconds", "Time to write, sync and apply a batch.", exponential_buckets(0.000_05, 2.0, 16)?)?,
            queue_transactions: IntGauge::with_opts(opts("queue_transactions", "Transactions that waited when the last batch was taken."))?,
            disk: Disk {
                free_bytes: IntGauge::with_opts(opts("free_bytes", "What may still be written to the store's disk."))?,
                disk_bytes: IntGauge::with_opts(opts("disk_bytes", "Size of the store's disk."))?,
                path: path.to_owned(),
            },
            registry: registry.cloned(),
        };
        for reason in CommitError::REASONS {
            metrics.refusals.with_label_values(&[reason]);
        }
        if let Some(registry) = registry {
            metrics.collectors().into_iter().try_for_each(|collector| registry.register(collector))?;
        }
        Ok(metrics)
    }

    /// Counts a transaction that was not, or perhaps not, committed.
    pub(crate) fn refused(&self, error: &CommitError) {
        self.refusals.with_label_values(&[error.reason()]).inc();
    }

    /// Makes room for a store that is opened after this one.
    pub(crate) fn unregister(&self) {
        for collector in self.collectors() {
            if let Some(registry) = &self.registry
                && let Err(error) = registry.unregister(collector)
            {
                tracing::debug!(%error, "a metric of the store wasn't registered");
            }
        }
    }

    fn collectors(&self) -> [Box<dyn Collector>; 7] {
        [
            Box::new(self.commits.clone()),
            Box::new(self.refusals.clone()),
            Box::new(self.batch_transactions.clone()),
            Box::new(self.batch_keys.clone()),
            Box::new(self.sync_seconds.clone()),
            Box::new(self.queue_transactions.clone()),
            Box::new(self.disk.clone()),
        ]
    }
}

/// The disk, measured at each scrape: it also fills while this store writes nothing.
#[derive(Clone)]
struct Disk {
    free_bytes: IntGauge,
    disk_bytes: IntGauge,
    path: PathBuf,
}

impl Collector for Disk {
    fn desc(&self) -> Vec<&Desc> {
        [&self.free_bytes, &self.disk_bytes].into_iter().flat_map(Collector::desc).collect()
    }

    /// Nothing, where it can't be measured.
    fn collect(&self) -> Vec<MetricFamily> {
        let Ok(stat) = rustix::fs::statvfs(&self.path) else { return Vec::new() };
        let bytes = |blocks: u64| i64::try_from(blocks.saturating_mul(stat.f_frsize)).unwrap_or(i64::MAX);
        self.free_bytes.set(bytes(stat.f_bavail));
        self.disk_bytes.set(bytes(stat.f_blocks));
        [&self.free_bytes, &self.disk_bytes].into_iter().flat_map(Collector::collect).collect()
    }
}
