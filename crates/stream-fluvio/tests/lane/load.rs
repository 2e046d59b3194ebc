//! A log as numbered entries: published again until it is taken, as a relay does, and followed again after every error, as a resolver does.

use crate::cluster::{Cluster, address};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use sterna_crdt::{Incarnation, Name, RegionId};
use sterna_env::Env;
use sterna_log::{Applied, Frame, FrameEntry, LogId, Membership, ModelHeld, Position, ShardId};
use sterna_stream::{FollowError, Stream};
use sterna_stream_fluvio::{Compression, Fluvio, OpenError, Options, Retention};

pub const A: RegionId = RegionId(0);
pub const B: RegionId = RegionId(1);
pub const SHARDS: u16 = 2;
pub const LOG: LogId = LogId { origin: A, shard: ShardId(0) };
/// How long a test waits for what it expects.
pub const PATIENCE: Duration = Duration::from_secs(300);

pub fn options<'a>(me: RegionId, clusters: &[Cluster; 2], topic: &str) -> Options<'a> {
    let [own, peer] = if me == A { [&clusters[0], &clusters[1]] } else { [&clusters[1], &clusters[0]] };
    Options {
        me,
        membership: Arc::new(Membership::first(["a", "b"].map(Name::from), SHARDS)),
        own: address(own),
        peers: vec![(if me == A { B } else { A }, address(peer))],
        topic: topic.to_owned(),
        retention: Retention::default(),
        compression: Compression::None,
        replicas: 1,
        registry: None,
    }
}

pub async fn try_open(options: Options<'_>) -> Result<Arc<Fluvio>, OpenError> {
    Fluvio::open(Env::real(), options).await
}

pub async fn open(me: RegionId, clusters: &[Cluster; 2], topic: &str) -> Arc<Fluvio> {
    try_open(options(me, clusters, topic)).await.expect("the clusters run")
}

/// Where the `n`-th entry is; 0 is before the first.
pub fn place(n: u64) -> Position {
    let mut commit = [0; 10];
    commit[..8].copy_from_slice(&n.to_be_bytes());
    if n == 0 { Position::ZERO } else { Position::new(1, commit, 0) }
}

pub fn number(position: Position) -> u64 {
    u64::from_be_bytes(*position.commit.first_chunk().unwrap())
}

/// Entries `from + 1` to `to`.
pub fn frame(from: u64, to: u64, size: usize) -> Frame {
    let entry = |n| FrameEntry { position: place(n), bytes: Bytes::from(vec![n as u8; size]) };
    Frame { after: place(from), entries: (from + 1..=to).map(entry).collect(), sealed: place(to), ..heartbeat(from) }
}

pub fn heartbeat(at: u64) -> Frame {
    Frame {
        log: LOG,
        after: place(at),
        entries: Vec::new(),
        sealed: place(at).end_of_commit(),
        applied: Applied::default(),
        incarnation: Incarnation::new(A, 1),
        models: vec![ModelHeld { version: 1, hash: 1 }],
        membership_number: 1,
        membership_hash: 1,
        sent_ms: Env::real().wall_ms(),
    }
}

/// Publishes until it is taken. How often that failed.
pub async fn publish(stream: &dyn Stream, frame: Frame) -> u64 {
    for failures in 0.. {
        match stream.publish(frame.clone()).await {
            Ok(()) => return failures,
            Err(error) => assert!(failures < 2_000, "it is never taken: {error}"),
        }
        Env::real().sleep(Duration::from_millis(50)).await;
    }
    unreachable!()
}

/// What a follower met on its way.
#[derive(Debug, Default)]
pub struct Followed {
    pub errors: Vec<FollowError>,
    pub doubled: u64,
    pub frames: u64,
}

/// Follows from `known` until entry `all` is there. Every entry must come, in order and unchanged.
pub async fn follow(stream: &dyn Stream, known: u64, all: u64) -> Followed {
    let (mut reached, mut followed) = (known, Followed::default());
    let following = follow_on(stream, &mut reached, all, Duration::ZERO, &mut followed);
    if Env::real().timeout(PATIENCE, following).await.is_none() {
        panic!("entry {all} did not come; it is at {reached}: {followed:?}");
    }
    followed
}

/// As [`follow`], with a pause behind each frame, and no bound in time.
pub async fn follow_slowly(stream: &dyn Stream, known: u64, all: u64, pause: Duration) -> Followed {
    let (mut reached, mut followed) = (known, Followed::default());
    follow_on(stream, &mut reached, all, pause, &mut followed).await;
    followed
}

async fn follow_on(stream: &dyn Stream, reached: &mut u64, all: u64, pause: Duration, followed: &mut Followed) {
    let env = Env::real();
    while *reached < all {
        let error = match env.timeout(Duration::from_secs(5), stream.follow(LOG, place(*reached))).await {
            None => FollowError::Unreachable("late".to_owned()),
            Some(Err(error)) => error,
            Some(Ok(mut follower)) => loop {
                match env.timeout(Duration::from_secs(3), follower.next()).await {
                    None => break FollowError::Unreachable("silent".to_owned()),
                    Some(Err(error)) => break error,
                    Some(Ok(frame)) => take(&frame, reached, followed),
                }
                if *reached >= all {
                    return;
                }
                env.sleep(pause).await;
            },
        };
        followed.errors.push(error);
        env.sleep(Duration::from_millis(100)).await;
    }
}

fn take(frame: &Frame, reached: &mut u64, followed: &mut Followed) {
    followed.frames += 1;
    assert!(frame.is_heartbeat() || frame.after <= place(*reached), "a hole: at {reached}, and {} follows", frame.after);
    for entry in &frame.entries {
        let n = number(entry.position);
        assert!(entry.bytes.iter().all(|byte| *byte == n as u8), "entry {n} is changed");
        if n <= *reached {
            followed.doubled += 1;
        } else {
            assert_eq!(n, *reached + 1, "a hole");
            *reached = n;
        }
    }
}
