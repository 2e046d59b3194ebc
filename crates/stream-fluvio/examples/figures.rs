//! What the engine reaches, and what the bare client reaches on the same clusters in the same run:
//! `FLUVIO_BIN=folder cargo run --release -p sterna-stream-fluvio --example figures`.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::disallowed_methods, reason = "a benchmark prints")]

#[allow(dead_code)]
#[path = "../tests/lane/cluster.rs"]
mod cluster;
#[allow(dead_code)]
#[path = "../tests/lane/load.rs"]
mod load;
#[allow(dead_code)]
#[path = "../tests/lane/region.rs"]
mod region;

use cluster::{Binaries, Cluster};
use fluvio::consumer::{ConsumerConfigExtBuilder, RetryMode};
use fluvio::metadata::topic::TopicSpec;
use fluvio::{FluvioClusterConfig, Offset, RecordKey, TopicProducerConfigBuilder};
use futures::{StreamExt, join};
use load::{A, B, LOG, frame, heartbeat, open, place, publish};
use region::World;
use std::time::{Duration, Instant};
use sterna_log::ShardId;
use sterna_stream::Stream;

const EVENTS: u64 = 300_000;
const EVENT_BYTES: usize = 1_000;
const RATE_SECONDS: u64 = 20;

#[tokio::main(worker_threads = 2)]
async fn main() {
    let Some(binaries) = Binaries::find() else {
        println!("no fluvio-run: set FLUVIO_BIN to the folder with fluvio-run and fluvio");
        return;
    };
    let clusters = [Cluster::start(&binaries), Cluster::start(&binaries)];
    for frame_events in [1, 10, 250] {
        frames(&clusters, frame_events).await;
    }
    bare(&clusters[0]).await;
    lag(&clusters).await;
    drop(clusters);
    commit_to_merge(World::new([Cluster::start(&binaries), Cluster::start(&binaries)])).await;
}

fn say(what: &str, events: u64, frames: u64, took: Duration) {
    let seconds = took.as_secs_f64();
    println!("{what}: {:.0} events/s of {EVENT_BYTES} bytes, {:.0} records/s", events as f64 / seconds, frames as f64 / seconds);
}

/// One shard's log, frame after frame, each acknowledged before the next; then all of it, followed from the beginning.
async fn frames(clusters: &[Cluster; 2], frame_events: u64) {
    let topic = format!("figures-{frame_events}");
    let (publisher, follower) = (open(A, clusters, &topic).await, open(B, clusters, &topic).await);
    let frames = (EVENTS / frame_events).min(100_000);
    let events = frames * frame_events;
    let began = Instant::now();
    for n in 0..frames {
        publish(&*publisher, frame(n * frame_events, (n + 1) * frame_events, EVENT_BYTES)).await;
    }
    say(&format!("published, {frame_events} to a frame"), events, frames, began.elapsed());
    let began = Instant::now();
    let mut following = follower.follow(LOG, place(0)).await.unwrap();
    while following.next().await.unwrap().end() < place(events) {}
    say(&format!("followed, {frame_events} to a frame"), events, frames, began.elapsed());
}

/// The client's own producer and consumer, with large batches.
async fn bare(cluster: &Cluster) {
    let config = FluvioClusterConfig::new(cluster.address().endpoint);
    let client = fluvio::Fluvio::connect_with_config(&config).await.unwrap();
    client.admin().await.create("bare".to_owned(), false, TopicSpec::new_computed(1, 1, None)).await.unwrap();
    let producing = TopicProducerConfigBuilder::default().batch_size(256 << 10).linger(Duration::from_millis(5)).build().unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let producer = client.topic_producer_with_config("bare", producing).await.unwrap();
    let value = vec![7_u8; EVENT_BYTES];
    let began = Instant::now();
    for _ in 0..EVENTS {
        producer.send(RecordKey::NULL, value.clone()).await.unwrap();
    }
    producer.flush().await.unwrap();
    say("the bare client, produced", EVENTS, EVENTS, began.elapsed());
    let mut consuming = ConsumerConfigExtBuilder::default();
    consuming.topic("bare").partition(0).offset_start(Offset::beginning()).retry_mode(RetryMode::Disabled).max_bytes(4 << 20);
    let mut consumer = client.consumer_with_config(consuming.build().unwrap()).await.unwrap();
    let (mut read, mut last, mut left_out) = (0, -1, 0);
    let began = Instant::now();
    while last + 1 < EVENTS as i64 {
        let Ok(Some(Ok(record))) = tokio::time::timeout(Duration::from_secs(5), consumer.next()).await else { break };
        left_out += record.offset - last - 1;
        last = record.offset;
        read += 1;
    }
    say("the bare client, consumed", read, read, began.elapsed());
    println!("  of {EVENTS} records it left out {left_out} in between, and {} at the end, without an error", EVENTS as i64 - 1 - last);
}

/// From publish to follow, one event to a frame, 1,000 a second.
async fn lag(clusters: &[Cluster; 2]) {
    let (publisher, follower) = (open(A, clusters, "lag").await, open(B, clusters, "lag").await);
    publish(&*publisher, heartbeat(0)).await;
    let mut following = follower.follow(LOG, place(0)).await.unwrap();
    let events = RATE_SECONDS * 1_000;
    let began = Instant::now();
    let publishing = async {
        for n in 0..events {
            tokio::time::sleep_until((began + Duration::from_millis(n)).into()).await;
            publish(&*publisher, frame(n, n + 1, EVENT_BYTES)).await;
        }
    };
    let following = async {
        let mut lags = Vec::new();
        while (lags.len() as u64) < events {
            let frame = following.next().await.unwrap();
            for entry in frame.entries {
                let due = began + Duration::from_millis(load::number(entry.position) - 1);
                lags.push(due.elapsed());
            }
        }
        lags
    };
    let ((), lags) = join!(publishing, following);
    percentiles("from publish to follow at 1,000 frames/s", lags);
}

/// From a commit in one region to its merge in the next, 1,000 commands a second.
async fn commit_to_merge(world: World) {
    let nodes = world.nodes().await;
    let [a, b] = [&nodes[0], &nodes[1]];
    let began = Instant::now();
    let writing = async {
        for n in 0..RATE_SECONDS * 1_000 {
            tokio::time::sleep_until((began + Duration::from_millis(n)).into()).await;
            a.add(&format!("c-{}", n % 500), "tea").await;
        }
        world.settled(&nodes).await;
    };
    let (mut committed, mut merged) = (Vec::new(), Vec::new());
    let watching = async {
        loop {
            for shard in (0..load::SHARDS).map(ShardId) {
                let now = Instant::now();
                committed.push((shard, a.writer.region().board.applied(shard).get(a.me), now));
                merged.push((shard, b.writer.region().board.applied(shard).get(a.me), now));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! { () = writing => {}, () = watching => {} }
    let mut lags = Vec::new();
    for shard in (0..load::SHARDS).map(ShardId) {
        let mut there = merged.iter().filter(|(s, ..)| *s == shard).peekable();
        let mut last = None;
        for (_, position, at) in committed.iter().filter(|(s, ..)| *s == shard) {
            if last.replace(*position) == Some(*position) {
                continue;
            }
            while there.next_if(|(_, reached, _)| reached < position).is_some() {}
            let Some((_, _, when)) = there.peek() else { break };
            lags.push(when.saturating_duration_since(*at));
        }
    }
    percentiles("from commit to merge in the next region at 1,000 writes/s (to the millisecond)", lags);
    println!("  carried by request: {} entries", b.metric("sterna_replicate_carried_entries_total"));
}

fn percentiles(what: &str, mut lags: Vec<Duration>) {
    lags.sort_unstable();
    let at = |permille: usize| lags[(lags.len() * permille / 1_000).min(lags.len() - 1)];
    println!("{what}: p50 {:?}, p99 {:?}, p99.9 {:?}", at(500), at(990), at(999));
}
