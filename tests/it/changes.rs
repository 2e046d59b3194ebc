//! The change feed.

use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use sterna_tests::{Cluster, Feed, Http, Options};

#[tokio::test]
async fn a_feed_goes_on_where_it_was_over_a_crash_without_a_gap() {
    let mut cluster = Cluster::start(Options::marks(), &["us-east", "eu-west"]).await;
    let mut feed = open(&cluster["us-east"].http(), None).await;
    mark(&cluster, "us-east", 0..30).await;
    mark(&cluster, "eu-west", 30..60).await;
    let mut seen = Vec::new();
    while seen.len() < 25 {
        seen.push(event_of(&mut feed).await.expect("the region is up"));
    }
    let mut at = feed.last_id.clone();
    cluster["us-east"].kill().await;
    // What is still in the pipe counts as well.
    while let Some(event) = event_of(&mut feed).await {
        seen.push(event);
        at = feed.last_id.clone();
    }
    mark(&cluster, "eu-west", 60..80).await;
    cluster["us-east"].start().await;
    mark(&cluster, "us-east", 80..100).await;

    let mut feed = open(&cluster["us-east"].http(), at.as_deref()).await;
    while seen.iter().collect::<BTreeSet<_>>().len() < 100 {
        let event = event_of(&mut feed).await.expect("the region is up");
        assert!(!event.starts_with("reset"), "an exact cursor goes on");
        seen.push(event);
    }
    let expected = cluster["us-east"].get("/v1/bag/b/events?limit=1000").ok().await.json();
    let expected: BTreeSet<String> =
        expected["data"].as_array().into_iter().flatten().map(|event| event["event"].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(seen.iter().cloned().collect::<BTreeSet<_>>(), expected, "every event of the history, and nothing else");
    assert_eq!(seen.len(), 100, "a follower that resumes exactly hears nothing twice");
    assert_in_order(&seen);
}

#[tokio::test]
async fn a_change_is_in_the_views_before_it_is_in_the_feed_and_a_filter_keeps_the_rest_away() {
    let cluster = Cluster::start(Options::marks(), &["solo"]).await;
    let mut all = open(&cluster["solo"].http(), None).await;
    let mut one = Feed::open(&cluster["solo"].http(), "/v1/changes?aggregate=bag&id=b-2", None).await.expect("it opens");
    for n in 1..=20 {
        let written = cluster["solo"].command(&format!("bag/b-{n}/mark"), json!({ "mark": "m" })).ok().await;
        let change = all.next().await.expect("the region is up");
        assert_eq!(change.kind, "bag");
        assert_eq!((&change.data["id"], &change.data["command"]), (&json!(format!("b-{n}")), &json!("mark")));
        assert_eq!(change.data["event"], written.json()["event"]);
        assert_eq!(change.data["etag"], written.etag());
        assert!(change.data["views"].as_array().is_some_and(|views| views.contains(&json!("bags"))), "{change:?}");
        let view = cluster["solo"].get("/v1/views/bags?limit=100").ok().await.json();
        assert_eq!(view["data"].as_array().map(Vec::len), Some(n), "what the feed tells is in the view");
    }
    assert_eq!(one.next().await.expect("the region is up").data["id"], "b-2");
    cluster["solo"].command("bag/b-2/mark", json!({ "mark": "n" })).ok().await;
    assert_eq!(one.next().await.expect("the region is up").data["id"], "b-2", "nothing in between");
}

#[tokio::test]
async fn a_feed_of_a_view_has_what_touched_it_and_a_feed_names_its_place_before_anything_happens() {
    let cluster = Cluster::start(Options::marks(), &["solo"]).await;
    let mut early = cluster["solo"].get("/v1/changes").lines().await.expect("it opens");
    let place = loop {
        let line = early.next().await.expect("it stays open");
        if let Some(place) = line.strip_prefix("id: ") {
            break place.to_owned();
        }
    };
    drop(early);
    let mut feed = Feed::open(&cluster["solo"].http(), "/v1/changes?view=bags", Some(&place)).await.expect("it opens");
    // A book is in no view; the bag that its reaction marks is.
    cluster["solo"].command("book/x/note", json!({ "mark": "m", "bag": "b" })).ok().await;
    let change = feed.next().await.expect("the region is up");
    assert_eq!((change.kind.as_str(), &change.data["id"]), ("bag", &json!("b")));
    let mut all = open(&cluster["solo"].http(), Some(&place)).await;
    // They are of different logs: which comes first is not promised.
    let mut kinds = [all.next().await.expect("the region is up").kind, all.next().await.expect("the region is up").kind];
    kinds.sort_unstable();
    assert_eq!(kinds, ["bag", "book"], "from the place that was named before");
}

#[tokio::test]
async fn a_cursor_that_is_unknown_here_gets_a_reset_and_garbage_is_refused() {
    let cluster = Cluster::start(Options::marks(), &["us-east", "eu-west"]).await;
    let mut feed = open(&cluster["eu-west"].http(), None).await;
    mark(&cluster, "eu-west", 0..1).await;
    feed.next().await.expect("the region is up");
    let elsewhere = feed.last_id.clone();
    let mut feed = open(&cluster["us-east"].http(), elsewhere.as_deref()).await;
    assert_eq!(feed.next().await.expect("the region is up").kind, "reset");
    cluster["us-east"].get("/v1/changes?after=garbage").send().await.refused(400, "invalid-cursor");
    cluster["us-east"].get("/v1/changes?aggregate=boat").send().await.refused(404, "unknown-type");
}

async fn open(http: &Http, after: Option<&str>) -> Feed {
    Feed::open(http, "/v1/changes", after).await.expect("it opens")
}

async fn event_of(feed: &mut Feed) -> Option<String> {
    let event = feed.next().await?;
    Some(event.data["event"].as_str().map_or(event.kind.clone(), str::to_owned))
}

async fn mark(cluster: &Cluster, region: &str, marks: std::ops::Range<usize>) {
    for n in marks {
        cluster[region].command("bag/b/mark", json!({ "mark": format!("m{n}") })).key(&format!("m{n}")).ok().await;
    }
}

/// Events of one life are counted: `(incarnation, n)`.
fn assert_in_order(events: &[String]) {
    let mut last: BTreeMap<&str, u64> = BTreeMap::new();
    for event in events {
        let (life, n) = event.rsplit_once(|c: char| !c.is_ascii_alphanumeric()).unwrap_or_else(|| panic!("{event} is no dot"));
        let n: u64 = n.parse().unwrap_or_else(|_| panic!("{event} is no dot"));
        let before = last.insert(life, n).unwrap_or(0);
        assert!(n > before, "{event} comes after {before}");
    }
}
