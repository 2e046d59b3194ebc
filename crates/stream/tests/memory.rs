//! The memory engine: the conformance suite, and its faults.
#![allow(clippy::unwrap_used, reason = "in a test")]

use std::sync::Arc;
use std::time::Duration;
use sterna_crdt::{Incarnation, RegionId};
use sterna_env::Env;
use sterna_log::{Applied, Frame, FrameEntry, LogId, Position, ShardId};
use sterna_stream::conformance::Fixture;
use sterna_stream::{Faults, FollowError, Hub, MemoryLog, Retention};

const A: RegionId = RegionId(0);
const B: RegionId = RegionId(1);
const LOG: LogId = LogId { origin: A, shard: ShardId(0) };

async fn fixture() -> Fixture {
    let env = Env::real();
    let hub = Hub::with_shards(env.clone(), 4);
    Fixture {
        env,
        origin: A,
        shards: 4,
        publisher: hub.region(A),
        follower: hub.region(B),
        source: Arc::new(MemoryLog::default()),
        hold: Box::new(()),
    }
}

sterna_stream::stream_conformance!(fixture());

fn place(n: u64) -> Position {
    Position::new(1, [[0; 2], [0; 2], [0; 2], [0; 2], (n as u16).to_be_bytes()].concat().try_into().unwrap(), 0)
}

fn frame(n: u64) -> Frame {
    let after = if n == 0 { Position::ZERO } else { place(n) };
    let entries = vec![FrameEntry { position: place(n + 1), bytes: vec![n as u8; 10].into() }];
    Frame { after, entries, ..heartbeat() }
}

fn heartbeat() -> Frame {
    Frame {
        log: LOG,
        after: Position::ZERO,
        entries: Vec::new(),
        sealed: Position::ZERO,
        applied: Applied::default(),
        incarnation: Incarnation(1),
        models: Vec::new(),
        membership_number: 1,
        membership_hash: 1,
        sent_ms: 0,
    }
}

/// What one follower gets of 100 frames, by number, until nothing more comes.
async fn delivered(faults: Faults) -> Vec<u64> {
    let env = Env::real();
    let hub = Hub::new(env.clone());
    hub.set_faults(faults);
    let (publisher, mut follower) = (hub.region(A), hub.region(B).follow(LOG, Position::ZERO).await.unwrap());
    let mut got = Vec::new();
    for n in 0..100 {
        publisher.publish(frame(n)).await.unwrap();
        while let Some(next) = env.timeout(Duration::from_millis(10), follower.next()).await {
            got.push(u64::from(next.unwrap().entries[0].bytes[0]));
        }
    }
    while let Some(next) = env.timeout(Duration::from_secs(5), follower.next()).await {
        got.push(u64::from(next.unwrap().entries[0].bytes[0]));
    }
    got
}

#[tokio::test(start_paused = true)]
async fn without_faults_every_frame_comes_once_in_order() {
    assert_eq!(delivered(Faults::default()).await, (0..100).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn faults_drop_double_and_reorder() {
    let faults = Faults { seed: 5, drop_permille: 200, duplicate_permille: 200, reorder_permille: 300, delay_ms: (0, 20) };
    let got = delivered(faults).await;
    let mut distinct = got.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert!(distinct.len() < 95, "some are dropped");
    assert!(got.len() > distinct.len(), "some come twice");
    assert!(!got.is_sorted(), "some are overtaken");
}

#[tokio::test(start_paused = true)]
async fn one_seed_gives_one_history() {
    let faults = |seed| Faults { seed, drop_permille: 100, duplicate_permille: 100, reorder_permille: 300, delay_ms: (0, 50) };
    let first = delivered(faults(9)).await;
    assert_eq!(first, delivered(faults(9)).await);
    assert_ne!(first, delivered(faults(10)).await);
}

#[tokio::test(start_paused = true)]
async fn a_cut_stops_one_way_only() {
    let env = Env::real();
    let hub = Hub::new(env.clone());
    let source = Arc::new(MemoryLog::default());
    source.append(LOG, place(1), vec![1]);
    hub.serve(A, source);
    let mut follower = hub.region(B).follow(LOG, Position::ZERO).await.unwrap();
    hub.region(A).publish(frame(0)).await.unwrap();
    follower.next().await.unwrap();

    hub.cut(A, B);
    assert!(matches!(follower.next().await, Err(FollowError::Unreachable(_))));
    assert!(matches!(hub.region(B).follow(LOG, Position::ZERO).await, Err(FollowError::Unreachable(_))));
    let there = LogId { origin: B, ..LOG };
    hub.region(B).publish(Frame { log: there, ..frame(0) }).await.unwrap();
    hub.region(A).follow(there, Position::ZERO).await.unwrap().next().await.unwrap();
    assert!(matches!(hub.repair(B).fetch(A, LOG, Position::ZERO).await, Err(FollowError::Unreachable(_))));

    hub.heal(A, B);
    let mut follower = hub.region(B).follow(LOG, Position::ZERO).await.unwrap();
    assert_eq!(follower.next().await.unwrap(), frame(0));
    assert_eq!(hub.repair(B).fetch(A, LOG, Position::ZERO).await.unwrap().end(), place(1));
}

#[tokio::test(start_paused = true)]
async fn a_cut_wakes_who_waits() {
    let env = Env::real();
    let hub = Hub::new(env.clone());
    let mut follower = hub.region(B).follow(LOG, Position::ZERO).await.unwrap();
    let (next, ()) = futures::join!(follower.next(), async {
        env.sleep(Duration::from_millis(1)).await;
        hub.cut(A, B);
    });
    assert!(matches!(next, Err(FollowError::Unreachable(_))));
}

#[tokio::test(start_paused = true)]
async fn what_retention_took_is_expired() {
    let hub = Hub::new(Env::real());
    hub.set_retention(Retention { frames_max: 3, bytes_max: 1 << 20 });
    let slow = hub.region(B).follow(LOG, Position::ZERO).await;
    for n in 0..10 {
        hub.region(A).publish(frame(n)).await.unwrap();
    }
    assert_eq!(slow.unwrap().next().await, Err(FollowError::Expired(Position::ZERO)));
    assert!(matches!(hub.region(B).follow(LOG, place(3)).await, Err(FollowError::Expired(_))));
    let mut follower = hub.region(B).follow(LOG, place(7)).await.unwrap();
    assert_eq!(follower.next().await.unwrap(), frame(7));
}

#[tokio::test]
async fn of_heartbeats_the_latest_is_kept() {
    let hub = Hub::new(Env::real());
    for n in 0..5 {
        hub.region(A).publish(Frame { sent_ms: n, ..heartbeat() }).await.unwrap();
    }
    let mut follower = hub.region(B).follow(LOG, Position::ZERO).await.unwrap();
    assert_eq!(follower.next().await.unwrap().sent_ms, 4);
}

#[tokio::test]
async fn a_memory_log_says_nothing_of_what_it_left_out() {
    let log = MemoryLog::default();
    for n in 1..=10 {
        log.append(LOG, place(n), vec![0; 100]);
    }
    let seal = Applied(vec![(B, place(9))]);
    log.heartbeat(&Frame { sealed: place(20), applied: seal.clone(), ..heartbeat() });
    let part = log.frame(LOG, place(2), 250).unwrap();
    assert_eq!((part.after, part.end(), part.sealed), (place(2), place(4), place(4)));
    assert_eq!(part.applied, Applied::default());
    let rest = log.frame(LOG, place(4), 1 << 20).unwrap();
    assert_eq!((rest.end(), rest.sealed, rest.applied), (place(10), place(20), seal));
    log.trim(LOG, place(5));
    assert_eq!(log.frame(LOG, place(4), 1), Err(FollowError::Expired(place(4))));
}
