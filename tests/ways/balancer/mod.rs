//! HAProxy before regions.

mod haproxy;
mod killing;
mod retrying;
mod routing;

pub use haproxy::{Balancer, PREFIXES};
