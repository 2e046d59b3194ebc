//! Events of 1 KB through the engine, and through the bare client on the same clusters in the same run.
//!
//! `FLUVIO_BIN=… cargo bench -p sterna-stream-fluvio`. Rates are those of one partition, which is one shard. Lag is from a command's
//! answer in one region to its merge in the next, with writer, relay and resolver on memory stores, at 1,000 commands a second. With
//! `-- mirroring` it measures Fluvio's mirroring beside following directly instead.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "it measures by the real clock"
)]

mod bare;
mod engine;
mod lag;
mod mirror;

#[path = "../../tests/lane/cluster.rs"]
mod cluster;
#[path = "../../tests/lane/load.rs"]
#[allow(dead_code, reason = "the lane uses the rest")]
mod load;
#[path = "../../tests/lane/region.rs"]
#[allow(dead_code, reason = "the lane uses the rest")]
mod region;

use cluster::{Binaries, Cluster};
use std::time::Duration;

/// An event.
pub const EVENT_BYTES: usize = 1_000;
pub const EVENTS: u64 = 200_000;
/// Of each throughput; the median is printed.
const ROUNDS: usize = 3;

#[tokio::main(worker_threads = 2)]
async fn main() {
    let Some(binaries) = Binaries::find() else {
        eprintln!("{}", sterna_test_engines::fluvio::SKIPPED);
        return;
    };
    if std::env::args().any(|argument| argument == "mirroring") {
        return mirror::measure(&binaries).await;
    }
    let clusters = [Cluster::start(&binaries), Cluster::start(&binaries)];
    println!("{EVENTS} events of {EVENT_BYTES} B, median of {ROUNDS} rounds, one partition; load {}", machine());
    let (mut produced, mut consumed, mut published, mut followed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // In turn, so that what else runs on the machine meets both.
        let bare = bare::rates(&clusters[0], &format!("bare{round}")).await;
        let engine = engine::rates(&clusters, &format!("engine{round}")).await;
        println!(
            "  round {round}: bare {:.0} produced/s, {:.0} consumed/s, {} of {EVENTS} came; engine {:.0} published/s, {:.0} followed/s, all came",
            bare.produced, bare.consumed, bare.came, engine.published, engine.followed
        );
        produced.push(bare.produced);
        consumed.push(bare.consumed);
        published.push(engine.published);
        followed.push(engine.followed);
    }
    let [produced, consumed, published, followed] = [produced, consumed, published, followed].map(median);
    println!("published {published:.0}/s, {:.2} of the bare client's {produced:.0}/s", published / produced);
    println!("followed {followed:.0}/s, {:.2} of the bare client's {consumed:.0}/s", followed / consumed);
    let client = bare::client(&clusters[0]).await;
    bare::make(&client, "barelag").await;
    let bare = bare::lag(&client, &client, "barelag").await;
    println!("bare client at {RATE}/s, from send to receipt: {bare}");
    let lag = lag::regions(clusters).await;
    println!("regions at {RATE}/s, from answer to merge: {lag}; load {}", machine());
}

/// A second, in the measurements of lag.
pub const RATE: u64 = 1_000;
pub const LAG_EVENTS: u64 = 20_000;

/// Waits until the `n`-th of events at [`RATE`] is due.
pub async fn due(start: std::time::Instant, n: u64) {
    let at = start + Duration::from_secs(1) * u32::try_from(n).unwrap() / u32::try_from(RATE).unwrap();
    tokio::time::sleep_until(at.into()).await;
}

pub struct Lag(pub Vec<Duration>);

impl std::fmt::Display for Lag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut sorted = self.0.clone();
        sorted.sort();
        let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize].as_secs_f64() * 1_000.0;
        write!(f, "p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms ({} events)", at(0.5), at(0.99), at(1.0), sorted.len())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn machine() -> String {
    std::fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').next().unwrap_or_default().to_owned()
}
