//! What this crate counts.

use prometheus::core::Collector;
use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

#[derive(Clone)]
pub struct Metrics {
    /// By route (the path's pattern, `unmatched` for none), method and status.
    pub requests: IntCounterVec,
    /// From the head of a request to the head of its answer.
    pub request_seconds: HistogramVec,
    pub in_flight: IntGauge,
    pub feeds: IntGauge,
    pub bulks: IntGauge,
    pub bulk_lines: IntCounterVec,
    pub connections: IntGauge,
    pub panics: IntCounter,
}

impl Metrics {
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let seconds = prometheus::exponential_buckets(0.000_25, 2.0, 16)?;
        let duration = HistogramOpts::new("sterna_http_request_duration_seconds", "From the head of a request to the head of its answer.");
        let metrics = Self {
            requests: IntCounterVec::new(Opts::new("sterna_http_requests_total", "Requests answered."), &["route", "method", "status"])?,
            request_seconds: HistogramVec::new(duration.buckets(seconds), &["route"])?,
            in_flight: IntGauge::new("sterna_http_requests_in_flight", "Requests without an answer yet.")?,
            feeds: IntGauge::new("sterna_http_feeds", "Followers of the change feed.")?,
            bulks: IntGauge::new("sterna_http_bulk_requests_in_flight", "Bulk requests under way.")?,
            bulk_lines: IntCounterVec::new(Opts::new("sterna_http_bulk_lines_total", "Lines of bulk requests answered."), &["outcome"])?,
            connections: IntGauge::new("sterna_http_connections", "Open connections.")?,
            panics: IntCounter::new("sterna_http_panics_total", "Requests that found a defect.")?,
        };
        for outcome in ["accepted", "refused"] {
            metrics.bulk_lines.with_label_values(&[outcome]);
        }
        let all: [Box<dyn Collector>; 8] = [
            Box::new(metrics.requests.clone()),
            Box::new(metrics.request_seconds.clone()),
            Box::new(metrics.in_flight.clone()),
            Box::new(metrics.feeds.clone()),
            Box::new(metrics.bulks.clone()),
            Box::new(metrics.bulk_lines.clone()),
            Box::new(metrics.connections.clone()),
            Box::new(metrics.panics.clone()),
        ];
        all.into_iter().try_for_each(|collector| registry.register(collector))?;
        Ok(metrics)
    }
}

/// Counts up, and down when dropped.
pub(crate) struct Gauged(IntGauge);

impl Gauged {
    pub fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Gauged {
    fn drop(&mut self) {
        self.0.dec();
    }
}
