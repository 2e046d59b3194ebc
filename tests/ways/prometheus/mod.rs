//! Prometheus with the configuration of `infra/prometheus`: its rules, and the queries of every dashboard.

mod dashboards;
mod draw;
mod panels;
mod rules;
mod server;
