//! How fast a follower catches up over loopback: `cargo run --release -p sterna-stream-direct --example throughput`.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints")]

#[allow(dead_code)]
#[path = "../tests/cluster/mod.rs"]
mod cluster;

use cluster::{A, Config, cluster};
use sterna_env::Env;
use sterna_log::{LogId, Position, ShardId};
use sterna_stream::Stream;

const ENTRIES: u64 = 200_000;
const ENTRY_BYTES: usize = 1_000;

#[tokio::main(worker_threads = 2)]
async fn main() {
    let regions = cluster(&Config::of(&["a", "b"])).await;
    let log = LogId { origin: A, shard: ShardId(0) };
    let payload = bytes::Bytes::from(vec![7; ENTRY_BYTES]);
    (1..=ENTRIES).for_each(|n| regions[0].log.append(log, place(n), payload.clone()));
    let began = Env::real().now();
    let mut follower = regions[1].direct.follow(log, Position::ZERO).await.unwrap();
    while follower.next().await.unwrap().end() < place(ENTRIES) {}
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{:.0} entries/s of {ENTRY_BYTES} bytes, {:.0} MB/s",
        ENTRIES as f64 / seconds,
        (ENTRIES as usize * ENTRY_BYTES) as f64 / seconds / 1e6
    );
}

fn place(n: u64) -> Position {
    let mut commit = [0; 10];
    commit[..8].copy_from_slice(&n.to_be_bytes());
    Position::new(1, commit, 0)
}
