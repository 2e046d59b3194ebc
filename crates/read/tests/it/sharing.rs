//! Several processes of a region, and one read store: one of them at a time projects.

use crate::models::FLIGHTS;
use crate::projecting::{Step, take};
use crate::world::{Node, process};
use futures::{FutureExt, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use sterna_env::Env;
use sterna_read::{FeedFilter, FeedItem, ReadRefused};
use sterna_store::{Limits, Memory};
use tokio::sync::watch;

async fn until<T>(what: &str, probe: impl AsyncFn() -> Option<T>) -> T {
    let env = Env::real();
    for _ in 0..12_000 {
        if let Some(found) = probe().await {
            return found;
        }
        env.sleep(Duration::from_millis(5)).await;
    }
    panic!("within a minute it did not come that {what}");
}

async fn answers(node: &Node) -> String {
    until("it answers", async || node.document("aircraft", "N0").await.ok()).await
}

#[tokio::test]
async fn one_process_keeps_the_projections_and_another_goes_on_where_it_was() {
    let shared = || Arc::new(Memory::new(Limits { sole_writer: false, ..Limits::default() }, 100_000));
    let stores = (shared(), shared());
    let leases = [true, false].map(watch::Sender::new);
    let [first, second] =
        [&leases[0], &leases[1]].map(|lease| process("one", &["one"], FLIGHTS, stores.clone(), stores.1.clone(), Some(lease.subscribe())));
    let (first, second) = (first.await, second.await);
    for dest in 0..5 {
        take(&first, &Step::Fly { aircraft: 0, dest }).await;
    }
    let before = answers(&first).await;
    let refused = second.document("aircraft", "N0").await.expect_err("the first process keeps them");
    assert!(matches!(&refused, ReadRefused::Unavailable(why) if why.contains("another process of this region")), "{refused:?}");
    assert!(second.reads.available().is_err());
    let end = first.reads.feed_end();
    let mut feed = Box::pin(first.reads.changes(Some(end), FeedFilter::default()));

    // The first one is paused: it learns too late that its lease went to the other.
    leases[1].send_replace(true);
    until("the second process takes over", async || second.reads.available().ok()).await;
    assert_eq!(answers(&second).await, before);
    leases[0].send_replace(false);
    for dest in 0..3 {
        take(&first, &Step::Fly { aircraft: 0, dest }).await;
    }
    // It may hear a moment later of what the other process wrote.
    let after = until("all of it is projected", async || Some(answers(&second).await).filter(|text| text.contains("\"flights\":8"))).await;
    until("the first process is on standby", async || first.reads.available().is_err().then_some(())).await;
    // Its followers are sent away, and go on at the other one without a gap.
    let heard = feed.by_ref().take_until(Env::real().sleep(Duration::from_secs(60))).count().await;
    assert_eq!(heard, 0);
    let mut feed = Box::pin(second.reads.changes(Some(end), FeedFilter::default()));
    for n in 6..=8 {
        match feed.next().await.expect("the feed goes on") {
            FeedItem::Change { event, .. } => assert_eq!(event.n, n),
            other => panic!("{other:?}"),
        }
    }
    assert!(feed.next().now_or_never().is_none());

    // And back, when the second one is dead.
    leases[1].send_replace(false);
    leases[0].send_replace(true);
    until("the first process takes over again", async || first.reads.available().ok()).await;
    assert_eq!(answers(&first).await, after);
}
