//! Ports for processes that are started a little later.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below what systems hand out to connections, so that none takes the port of a region that is down.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;
static TAKEN: AtomicU16 = AtomicU16::new(0);

/// A port that nobody listens on, and that this process gives out once.
pub fn free_port() -> u16 {
    // Test processes that run beside each other begin elsewhere.
    let first = (std::process::id().wrapping_mul(2_654_435_761) % u32::from(COUNT)) as u16;
    (0..COUNT)
        .map(|_| FIRST + (first + TAKEN.fetch_add(1, Ordering::Relaxed)) % COUNT)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a port is free")
}
