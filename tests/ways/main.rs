//! The three ways in which people meet Sterna: a balancer before the regions, dashboards and alerts, `terraform apply`. With the real
//! programs; where one is missing, its lane says so and is skipped.

mod balancer;
mod load;
mod prometheus;
mod terraform;
