//! A data folder that is a copy of an older state.

use crate::load::{Load, assert_exactly_once};
use serde_json::{Value, json};
use sterna_tests::{Cluster, LinkMode, Options, eventually};

const REGIONS: [&str; 3] = ["us-east", "eu-west", "ap-south"];

#[tokio::test]
async fn an_older_copy_of_a_folder_is_noticed_and_no_region_misses_or_doubles_anything() {
    let mut cluster = Cluster::start(Options::marks(), &REGIONS).await;
    let (before, after) = (Load::new("before"), Load::new("after"));
    load_for_a_while(&cluster, "us-east", &before).await;
    assert_exactly_once(&cluster, &[&before]).await;
    let first_life = cluster["us-east"].status().await["incarnation"].clone();
    assert!(cluster["us-east"].stop().await.success());
    let copy = cluster.path("copy");
    cluster["us-east"].copy_data(&copy);
    cluster["us-east"].start().await;
    assert_eq!(cluster["us-east"].status().await["incarnation"], first_life, "a restart is no new life");

    load_for_a_while(&cluster, "us-east", &after).await;
    assert_exactly_once(&cluster, &[&before, &after]).await;
    assert!(cluster["us-east"].stop().await.success());
    cluster["us-east"].restore_data(&copy);
    cluster["us-east"].start().await;

    assert!(cluster["us-east"].log().contains("is a copy"), "the log says so");
    assert_ne!(cluster["us-east"].status().await["incarnation"], first_life, "a new life began");
    assert_exactly_once(&cluster, &[&before, &after]).await;
    let later = Load::new("later");
    load_for_a_while(&cluster, "us-east", &later).await;
    assert_exactly_once(&cluster, &[&before, &after, &later]).await;
}

/// An image of a whole disk keeps inodes and times, so that only the other regions can tell. A folder that is moved keeps them too.
#[tokio::test]
async fn an_older_state_that_looks_like_the_original_is_noticed_by_what_the_peers_hold() {
    let mut cluster = Cluster::start(Options::marks(), &REGIONS).await;
    mark(&cluster, "us-east", 0..20).await;
    cluster.agree("/v1/bag/b", "everywhere", |bag| bag["state"]["count"] == 20).await;
    assert!(cluster["us-east"].stop().await.success());
    let (original, copy) = (cluster.path("original"), cluster.path("copy"));
    cluster["us-east"].copy_data(&copy);
    std::fs::rename(cluster["us-east"].data(), &original).expect("a folder can be moved");
    std::fs::rename(&copy, cluster["us-east"].data()).expect("a folder can be moved");
    cluster["us-east"].start().await;
    mark(&cluster, "us-east", 20..50).await;
    cluster.agree("/v1/bag/b", "everywhere", |bag| bag["state"]["count"] == 50).await;
    assert!(cluster["us-east"].stop().await.success());

    std::fs::rename(cluster["us-east"].data(), &copy).expect("a folder can be moved");
    std::fs::rename(&original, cluster["us-east"].data()).expect("a folder can be moved");
    let said = cluster["us-east"].log().len();
    cluster["us-east"].start().await;
    let news = cluster["us-east"].log()[said..].to_owned();
    assert!(news.contains("its store is an old copy of itself"), "{news}");
    cluster["us-east"].eventually("/v1/bag/b", "what it had lost came back", |bag| bag["state"]["count"] == 50).await;
    mark(&cluster, "us-east", 45..60).await;
    let bag = cluster.agree("/v1/bag/b", "everywhere, and retries had no second effect", |bag| bag["state"]["count"] == 60).await;
    assert_eq!(bag["state"]["marks"].as_array().map(Vec::len), Some(60));
}

#[tokio::test]
async fn an_older_copy_that_starts_while_no_peer_answers_waits_for_what_it_has_lost() {
    let mut cluster = Cluster::start(Options::marks(), &["us-east", "eu-west"]).await;
    mark(&cluster, "us-east", 0..10).await;
    cluster.agree("/v1/bag/b", "everywhere", |bag| bag["state"]["count"] == 10).await;
    assert!(cluster["us-east"].stop().await.success());
    let copy = cluster.path("copy");
    cluster["us-east"].copy_data(&copy);
    cluster["us-east"].start().await;
    mark(&cluster, "us-east", 10..20).await;
    cluster.agree("/v1/bag/b", "everywhere", |bag| bag["state"]["count"] == 20).await;
    assert!(cluster["us-east"].stop().await.success());
    cluster["us-east"].restore_data(&copy);

    cluster.isolate("us-east", LinkMode::Cut);
    cluster["us-east"].spawn();
    cluster["us-east"].eventually("/v1/bag/b", "what it has can be read", |bag| bag["state"]["count"] == 10).await;
    eventually("it says whom it waits for", async || {
        let command = cluster["us-east"].http().command("bag/b/mark", json!({ "mark": "m20" })).key("m20");
        let refused = command.send().await.refused(503, "not-accepting");
        let detail = refused["detail"].as_str().unwrap_or_default();
        if detail.contains("eu-west has not said yet what it holds") { Ok(()) } else { Err(detail.to_owned()) }
    })
    .await;
    cluster.isolate("us-east", LinkMode::Up);
    cluster["us-east"].ready().await;
    mark(&cluster, "us-east", 20..30).await;
    let bag = cluster.agree("/v1/bag/b", "all of it", |bag| bag["state"]["count"] == 30).await;
    assert_eq!(bag["state"]["marks"].as_array().map(Vec::len), Some(30));
}

async fn load_for_a_while(cluster: &Cluster, region: &str, load: &Load) {
    let http = cluster[region].http();
    tokio::select! {
        () = load.run(&http) => panic!("{region} stopped answering"),
        () = load.acknowledged(load.acked() + 300) => {}
    }
    load.send_again(&http).await;
}

async fn mark(cluster: &Cluster, region: &str, marks: std::ops::Range<usize>) {
    let line = |n: usize| {
        json!({ "type": "bag", "id": "b", "command": "mark", "args": { "mark": format!("m{n}") }, "key": format!("m{n}") }).to_string()
            + "\n"
    };
    let lines: String = marks.clone().map(line).collect();
    eventually("all are accepted", async || {
        let answer = cluster[region].http().bulk(lines.clone()).try_send().await?;
        let done = answer.json_lines().pop().unwrap_or(Value::Null);
        if done["accepted"] == marks.len() { Ok(()) } else { Err(answer.text()) }
    })
    .await;
}
