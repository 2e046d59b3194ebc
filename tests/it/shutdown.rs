//! SIGTERM.

use crate::load::{Load, marks_in};
use serde_json::json;
use sterna_tests::{Cluster, Options, eventually};

#[tokio::test]
async fn a_graceful_shutdown_answers_what_it_accepted_and_accepts_nothing_it_does_not_answer() {
    let mut cluster = Cluster::start(Options::marks(), &["solo"]).await;
    let load = Load::new("stopped");
    let http = cluster["solo"].http();
    let (_, status) = tokio::join!(load.run(&http), async {
        load.acknowledged(800).await;
        cluster["solo"].stop().await
    });
    assert_eq!(status.code(), Some(0), "{}", cluster["solo"].log());
    cluster["solo"].start().await;
    let answered = load.acknowledged_marks();
    eventually("exactly what was answered", async || {
        let found = marks_in(&cluster["solo"]).await;
        match (answered.difference(&found).next(), found.difference(&answered).next()) {
            (None, None) => Ok(()),
            (lost, unanswered) => Err(format!("lost {lost:?}, done but not answered {unanswered:?}")),
        }
    })
    .await;
}

#[tokio::test]
async fn a_stopping_region_ends_open_feeds_and_idle_connections_and_exits_soon() {
    let mut cluster = Cluster::start(Options::marks(), &["solo"]).await;
    let mut feed = sterna_tests::Feed::open(&cluster["solo"].http(), "/v1/changes", None).await.expect("it opens");
    cluster["solo"].get("/readyz").ok().await;
    let (end, status) = tokio::join!(feed.next(), cluster["solo"].stop());
    assert_eq!((end, status.code()), (None, Some(0)));
}

#[tokio::test]
async fn a_region_that_replicates_stops_at_once_again_and_again() {
    let mut cluster = Cluster::start(Options::marks(), &["us-east", "eu-west"]).await;
    for n in 0..6 {
        let region = if n % 2 == 0 { "us-east" } else { "eu-west" };
        cluster[region].command("bag/b/mark", json!({ "mark": format!("m{n}") })).ok().await;
        cluster.agree("/v1/bag/b", "everywhere", |bag| bag["state"]["count"] == n + 1).await;
        assert_eq!(cluster[region].stop().await.code(), Some(0));
        assert!(!cluster[region].log().contains("did not stop in time"), "{}", cluster[region].log());
        cluster[region].start().await;
    }
}
