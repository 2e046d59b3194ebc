//! The client for Rust, against real regions that are killed under it.

use futures::StreamExt;
use serde_json::json;
use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;
use sterna_client::{Change, Changes, Client, Options as ClientOptions};
use sterna_env::{Env, Scope};
use sterna_tests::{Cluster, Options, Region, SOON};

/// Tries as long as a test waits.
fn client(regions: &[&Region]) -> Client {
    let urls = regions.iter().map(|region| region.http().url);
    let patient = ClientOptions { attempts_max: 1_000, backoff_most: Duration::from_millis(200), ..ClientOptions::new(urls) };
    Client::new(Env::real(), patient).expect("the urls are valid")
}

#[tokio::test]
async fn commands_go_on_in_another_region_and_each_has_one_effect() {
    let mut cluster = Cluster::start(Options::marks(), &["us-east", "eu-west"]).await;
    let client = client(&[&cluster["us-east"], &cluster["eu-west"]]);
    let mark = async |n: usize| {
        let mark = client.command("bag", "b", "mark", json!({ "mark": format!("m{n}") })).key(format!("k{n}"));
        mark.send().await.expect("some region takes it");
    };
    for n in 0..40 {
        if [10, 25].contains(&n) {
            // What only the dead region had, the other would wait for.
            cluster.agree("/v1/bag/b", "everything so far", |bag| bag["state"]["count"] == n).await;
        }
        match n {
            10 => cluster["us-east"].kill().await,
            20 => cluster["us-east"].start().await,
            25 => cluster["eu-west"].kill().await,
            30 => cluster["eu-west"].start().await,
            _ => {}
        }
        mark(n).await;
    }
    let bag = cluster.agree("/v1/bag/b", "all marks", |bag| bag["state"]["marks"].as_array().map(Vec::len) == Some(40)).await;
    assert_eq!(bag["state"]["count"], 40, "no retry counted twice");
    let document = client.get("bag", "b").await.expect("answered").expect("it is there");
    assert_eq!(document.body["state"]["count"], 40, "it reads what it wrote, wherever");
}

#[tokio::test]
async fn a_stream_of_changes_goes_on_over_kills_without_loss() {
    const KILLS: usize = 4;
    const MARKS: usize = 25;
    let mut cluster = Cluster::start(Options::marks(), &["solo"]).await;
    let scope = Scope::new(Env::real());
    let writer = client(&[&cluster["solo"]]);
    let (heard, mut events) = tokio::sync::mpsc::unbounded_channel();
    // From before the first change: a feed begins with what happens after it was opened.
    let after = first_cursor(&cluster["solo"]).await;
    cluster["solo"].command("bag/b/mark", json!({ "mark": "first" })).ok().await;
    cluster["solo"].eventually("/v1/bag/b", "the first mark", |bag| bag["state"]["count"] == 1).await;
    let follower = writer.session().changes(Changes { after: Some(after.clone()), ..Changes::default() });
    scope.spawn_until_stop(async move {
        let (mut follower, mut at) = (pin!(follower), after);
        while let Some(change) = follower.next().await {
            let event = match change.expect("no error that no retry helps") {
                Change::Changed { data, cursor, .. } => {
                    at = cursor;
                    data.event
                }
                Change::Reset { cursor } => format!("reset from {at} to {cursor:?}"),
            };
            if heard.send(event).is_err() {
                return;
            }
        }
    });
    for round in 0..=KILLS {
        let writing = writer.clone();
        let (done, written) = tokio::sync::oneshot::channel();
        scope.spawn(async move {
            for n in 0..MARKS {
                let key = format!("k{round}-{n}");
                writing.command("bag", "b", "mark", json!({ "mark": key })).key(&key).send().await.expect("it is taken in the end");
            }
            let _ = done.send(());
        });
        if round < KILLS {
            // In the middle of the writes, whatever is under way.
            let seen = async {
                while cluster["solo"].get("/v1/bag/b").ok().await.json()["state"]["count"].as_u64() < Some((round * MARKS + 5) as u64) {}
            };
            Env::real().timeout(SOON, seen).await.expect("commands are taken");
            cluster["solo"].kill().await;
            cluster["solo"].start().await;
        }
        Env::real().timeout(SOON, written).await.expect("all are taken").expect("the writer runs to its end");
    }
    let history = writer.history("bag", "b", &[("limit", "1000")]).await.expect("it waits for what was written");
    let expected: BTreeSet<String> = history.data.iter().map(|event| event["event"].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(expected.len(), 1 + (KILLS + 1) * MARKS, "each key has one effect");
    let mut seen = BTreeSet::new();
    while seen.len() < expected.len() {
        let event = Env::real().timeout(SOON, events.recv()).await;
        let event =
            event.unwrap_or_else(|| panic!("lost: {:?}", expected.difference(&seen).collect::<Vec<_>>())).expect("the feed goes on");
        assert!(!event.starts_with("reset"), "nothing has expired: {event}");
        seen.insert(event);
    }
    assert_eq!(seen, expected);
    scope.stop().await;
}

/// Where the feed is now.
async fn first_cursor(region: &Region) -> String {
    let lines = region.get("/v1/changes").lines().await.expect("it opens");
    let mut lines = pin!(lines);
    loop {
        let line = Env::real().timeout(SOON, lines.next()).await.expect("it names its place at once").expect("it stays open");
        if let Some(cursor) = line.strip_prefix("id: ") {
            return cursor.to_owned();
        }
    }
}
