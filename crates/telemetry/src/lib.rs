//! Metrics, logs, traces.
