//! Two regions: commands in the first, merges in the second.

use crate::cluster::Cluster;
use crate::region::World;
use crate::{EVENT_BYTES, LAG_EVENTS, Lag, due};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::time::Instant;
use sterna_log::{Position, shard_of};

/// Different aggregates, so that none is busy when its next command comes.
const CARTS: u64 = 1_000;

pub async fn regions(clusters: [Cluster; 2]) -> Lag {
    let world = World::new(clusters);
    let nodes = world.nodes().await;
    let [a, b] = &nodes;
    let text = "x".repeat(EVENT_BYTES);
    let start = Instant::now();
    // When a command was answered, and where its shard's log was by then, which is where it is or behind that.
    let committing = async {
        let (mut under_way, mut committed) = (FuturesUnordered::new(), Vec::new());
        for n in 0..LAG_EVENTS {
            let wait = due(start, n);
            futures::pin_mut!(wait);
            loop {
                tokio::select! {
                    biased;
                    () = &mut wait => break,
                    Some(done) = under_way.next() => committed.push(done),
                }
            }
            let (cart, text) = (format!("c-{}", n % CARTS), &text);
            under_way.push(async move {
                a.remark(&cart, text).await;
                let shard = shard_of("cart", &cart, crate::load::SHARDS);
                (Instant::now(), shard, a.writer.region().board.applied(shard).get(a.me))
            });
        }
        while let Some(done) = under_way.next().await {
            committed.push(done);
        }
        committed
    };
    // When each shard's log was merged up to where.
    let board = &b.writer.region().board;
    let merging = board.shards().map(|shard| async move {
        let (mut changed, mut merged) = (board.subscribe(shard), Vec::<(Instant, Position)>::new());
        loop {
            changed.borrow_and_update();
            let at = board.applied(shard).get(a.me);
            if merged.last().is_none_or(|(_, last)| *last < at) {
                merged.push((Instant::now(), at));
            }
            let quiet = tokio::time::timeout(std::time::Duration::from_secs(3), changed.changed()).await.is_err();
            if quiet && start.elapsed() > std::time::Duration::from_secs(LAG_EVENTS / crate::RATE) {
                return merged;
            }
        }
    });
    let (committed, merged) = futures::join!(committing, futures::future::join_all(merging));
    let lag = |(at, shard, position): &(Instant, sterna_log::ShardId, Position)| {
        let log = &merged[usize::from(shard.0)];
        let first = log.partition_point(|(_, merged)| merged < position);
        log[first].0.saturating_duration_since(*at)
    };
    Lag(committed.iter().map(lag).collect())
}
