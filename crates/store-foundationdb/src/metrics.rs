//! What a store tells Prometheus. Every metric has the label `store`: `write` or `read`.

use crate::Kind;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry, core::Collector, exponential_buckets};
use sterna_store::CommitError;

/// Shared by the clusters of one store.
#[derive(Clone)]
pub struct Metrics {
    commits: IntCounter,
    refusals: IntCounterVec,
    transaction_bytes: Histogram,
    pub(crate) commit_seconds: Histogram,
    pub(crate) read_version_seconds: Histogram,
}

impl Metrics {
    pub fn new(kind: Kind, registry: Option<&Registry>) -> Result<Self, prometheus::Error> {
        let opts = |name: &str, help: &str| Opts::new(format!("sterna_store_{name}"), help).const_label("store", kind.name());
        let histogram = |name: &str, help: &str, buckets| Histogram::with_opts(HistogramOpts { common_opts: opts(name, help), buckets });
        let seconds = || exponential_buckets(0.000_25, 2.0, 16);
        let metrics = Self {
            commits: IntCounter::with_opts(opts("commits_total", "Transactions committed."))?,
            refusals: IntCounterVec::new(opts("refusals_total", "Transactions not committed, by reason."), &["reason"])?,
            transaction_bytes: histogram("transaction_bytes", "Bytes of committed transactions.", exponential_buckets(256.0, 4.0, 9)?)?,
            commit_seconds: histogram("commit_seconds", "Time of a commit, whatever became of it.", seconds()?)?,
            read_version_seconds: histogram("read_version_seconds", "Time to get a read version.", seconds()?)?,
        };
        if let Some(registry) = registry {
            metrics.collectors().into_iter().try_for_each(|collector| registry.register(collector))?;
        }
        Ok(metrics)
    }

    pub(crate) fn committed(&self, bytes: usize) {
        self.commits.inc();
        self.transaction_bytes.observe(bytes as f64);
    }

    /// Counts a transaction that was not, or perhaps not, committed.
    pub(crate) fn refused(&self, error: &CommitError) {
        self.refusals.with_label_values(&[error.reason()]).inc();
    }

    fn collectors(&self) -> [Box<dyn Collector>; 5] {
        [
            Box::new(self.commits.clone()),
            Box::new(self.refusals.clone()),
            Box::new(self.transaction_bytes.clone()),
            Box::new(self.commit_seconds.clone()),
            Box::new(self.read_version_seconds.clone()),
        ]
    }
}
