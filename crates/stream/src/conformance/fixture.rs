//! What the suite runs over, and its helpers.

use crate::{FollowError, Follower, MemoryLog, Stream};
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;
use sterna_crdt::{Incarnation, RegionId};
use sterna_env::Env;
use sterna_log::{Applied, Frame, FrameEntry, LogId, ModelHeld, Position, ShardId};

/// How long anything in the suite may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Two regions of a cluster with at least two shards.
pub struct Fixture {
    pub env: Env,
    /// The region that publishes.
    pub origin: RegionId,
    pub shards: u16,
    pub publisher: Arc<dyn Stream>,
    pub follower: Arc<dyn Stream>,
    /// The publisher's copy of its logs: the suite appends here what it publishes.
    pub source: Arc<MemoryLog>,
    /// Whatever must live as long.
    pub hold: Box<dyn Any + Send + Sync>,
}

impl Fixture {
    pub(super) fn log(&self, shard: u16) -> LogId {
        LogId { origin: self.origin, shard: ShardId(shard) }
    }

    /// Appends and publishes the entries `numbers` of a log, `size` bytes each, as one frame.
    pub(super) async fn publish(&self, log: LogId, numbers: std::ops::Range<u64>, size: usize) {
        let after = place(numbers.start);
        let entries: Vec<FrameEntry> =
            numbers.map(|n| FrameEntry { position: place(n + 1), bytes: payload(log, n, size).into() }).collect();
        for entry in &entries {
            self.source.append(log, entry.position, entry.bytes.clone());
        }
        self.publish_frame(Frame { after, entries, ..heartbeat(log, after) }).await;
    }

    pub(super) async fn publish_frame(&self, frame: Frame) {
        self.source.heartbeat(&frame);
        self.within(self.publisher.publish(frame)).await.expect("the engine takes the frame");
    }

    pub(super) async fn follow(&self, log: LogId, after: Position) -> Box<dyn Follower> {
        self.within(self.follower.follow(log, after)).await.expect("the engine can follow")
    }

    /// The numbers of the entries that come behind the first `known` ones, until `all` are there. Duplicates are allowed, holes and changed bytes are not.
    pub(super) async fn collect(&self, log: LogId, follower: &mut Box<dyn Follower>, known: u64, all: u64, size: usize) {
        let mut reached = known;
        while reached < all {
            let frame = self.within(follower.next()).await.expect("a frame");
            assert_eq!(frame.log, log, "a frame of another log");
            assert!(
                frame.is_heartbeat() || frame.after <= place(reached),
                "a hole: at {reached}, and the frame begins after {}",
                frame.after
            );
            for entry in frame.entries {
                let n = number(entry.position);
                assert!(n <= reached + 1, "a hole: {n} came after {reached}");
                assert_eq!(entry.bytes, payload(log, n - 1, size), "entry {n} is changed");
                reached = reached.max(n);
            }
        }
    }

    pub(super) async fn within<T>(&self, work: impl Future<Output = T>) -> T {
        self.env.timeout(PATIENCE, work).await.expect("it takes too long")
    }

    /// The error that following gives, at once or with the first frame.
    pub(super) async fn follow_error(&self, log: LogId) -> FollowError {
        match self.within(self.follower.follow(log, Position::ZERO)).await {
            Err(error) => error,
            Ok(mut follower) => self.within(follower.next()).await.expect_err("an error"),
        }
    }
}

/// Where the `n`-th entry of a log is; 0 is before the first.
pub(super) fn place(n: u64) -> Position {
    if n == 0 {
        return Position::ZERO;
    }
    let mut commit = [0; 10];
    commit[..8].copy_from_slice(&n.to_be_bytes());
    Position::new(1, commit, 0)
}

fn number(position: Position) -> u64 {
    u64::from_be_bytes(*position.commit.first_chunk().expect("a commit has 10 bytes"))
}

/// Bytes that tell where they belong.
fn payload(log: LogId, n: u64, size: usize) -> Vec<u8> {
    let seed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(log.shard.0);
    (0..size).map(|at| (seed.rotate_left(at as u32 % 64) as u8) ^ at as u8).collect()
}

/// Says something in every field.
pub(super) fn heartbeat(log: LogId, after: Position) -> Frame {
    Frame {
        log,
        after,
        entries: Vec::new(),
        sealed: after.end_of_commit(),
        applied: Applied(vec![(RegionId(log.origin.0 + 1), place(7))]),
        incarnation: Incarnation::new(log.origin, 77),
        models: vec![ModelHeld { version: 3, hash: 33 }],
        membership_number: 1,
        membership_hash: 11,
        sent_ms: 1_700_000_000_000,
    }
}
