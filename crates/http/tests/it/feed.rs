//! `GET /v1/changes`.

use crate::region::{TestRegion, line};
use futures::StreamExt;
use std::time::Duration;
use sterna_client::{Change, Changes};

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work).await.expect("it happens in time")
}

#[tokio::test]
async fn a_follower_hears_every_change_and_resumes_where_it_was() {
    let region = TestRegion::start().await;
    let (_, client) = region.listen().await;
    let mut feed = Box::pin(client.changes(Changes::default()));
    let first = tokio::spawn(async move { (feed.next().await, feed) });
    // Nothing says that the follower is there but its metric.
    while region.services.metrics.feeds.get() == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    for n in 0..20 {
        client.command("cart", &format!("c-{n}"), "open", serde_json::json!({})).send().await.expect("accepted");
    }
    let (change, mut feed) = within(first).await.expect("the task ends");
    let mut ids = Vec::new();
    let mut resume = None;
    let mut next = change;
    loop {
        match next.expect("the feed never ends").expect("and has no error") {
            Change::Changed { cursor, kind, data } => {
                assert_eq!((kind.as_str(), data.command.as_str()), ("cart", "open"));
                assert!(data.views.contains(&"carts".to_owned()) && data.etag.is_some());
                ids.push(data.id);
                if ids.len() == 10 {
                    resume = Some(cursor);
                }
            }
            Change::Reset { .. } => panic!("nothing has expired"),
        }
        if ids.len() == 20 {
            break;
        }
        next = within(feed.next()).await;
    }
    let mut again = Box::pin(client.changes(Changes { after: resume, ..Changes::default() }));
    for expected in &ids[10..] {
        match within(again.next()).await.expect("it goes on").expect("without error") {
            Change::Changed { data, .. } => assert_eq!(&data.id, expected),
            Change::Reset { .. } => panic!("nothing has expired"),
        }
    }
    drop((feed, again));
    within(region.stop()).await;
}

#[tokio::test]
async fn what_a_follower_may_be_refused_for() {
    let region = TestRegion::start().await;
    region.get("/v1/changes?after=garbage").await.problem(400, "invalid-cursor");
    region.get("/v1/changes?aggregate=cat").await.problem(404, "unknown-type");
    region.get("/v1/changes?view=cats").await.problem(404, "unknown-view");
    region.get("/v1/changes?id=c").await.problem(400, "invalid-query");
    region.get("/v1/changes?color=red").await.problem(400, "invalid-query");
    let limited = TestRegion::with(sterna_http::Limits { feeds_max: 0, ..sterna_http::Limits::default() }).await;
    limited.get("/v1/changes").await.problem(429, "overloaded");
}

#[tokio::test]
async fn stopping_ends_feeds_and_finishes_what_was_accepted() {
    let region = TestRegion::start().await;
    let (_, client) = region.listen().await;
    let mut feed = Box::pin(client.changes(Changes::default()));
    let following = tokio::spawn(async move { feed.next().await.is_some() });
    while region.services.metrics.feeds.get() == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let text: String = (0..200).map(|n| line("c", "tea", 1, &format!("k-{n}"))).collect();
    let answers = client.bulk(futures::stream::iter([bytes::Bytes::from(text)])).await.expect("accepted");
    let (answers, done) = within(answers.finish()).await.expect("it is whole");
    assert_eq!((answers.len(), done.accepted), (200, 200));
    within(region.stop()).await;
    following.abort();
}
