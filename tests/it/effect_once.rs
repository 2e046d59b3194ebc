//! One key, accepted in two regions that can't hear of each other: one effect.

use serde_json::{Value, json};
use sterna_tests::{Cluster, LinkMode, Options};

const REGIONS: [&str; 3] = ["ap-south", "eu-west", "us-east"];

const MARKED: &str = r#"
[view.marked]
events  = "bag.mark"
columns = { bag = "event.aggregate_id", mark = "event.args.mark" }

[view.marks]
events = "bag.mark"
group  = { bag = "event.aggregate_id" }
count  = { marks = "true" }
"#;

fn options() -> Options {
    let mut options = Options::marks();
    options.model.push_str(MARKED);
    options
}

/// Each shows the row, for ever.
async fn void_rows(cluster: &Cluster, path: &str, rows: usize) -> Value {
    cluster
        .agree(path, "the void event is in the ledger, and final", |page| {
            page["data"].as_array().is_some_and(|data| data.len() == rows && data.iter().all(|row| row["final"] == true))
        })
        .await
}

#[tokio::test]
async fn a_key_that_two_regions_accept_while_they_are_cut_has_one_effect_and_a_row() {
    let cluster = Cluster::start(options(), &REGIONS).await;
    cluster.isolate("us-east", LinkMode::Cut);
    let west = cluster["eu-west"].command("bag/b/mark", json!({ "mark": "m" })).key("k").ok().await.json();
    let east = cluster["us-east"].command("bag/b/mark", json!({ "mark": "m" })).key("k").ok().await.json();
    assert_ne!(west["event"], east["event"], "neither knows of the other");
    cluster["us-east"].eventually("/v1/bag/b", "shown where it was accepted", |bag| bag["state"]["count"] == 1).await;
    cluster.isolate("us-east", LinkMode::Up);

    let ledger = void_rows(&cluster, "/v1/conflicts?type=bag&id=b&rule=void", 1).await;
    let row = &ledger["data"][0];
    assert_eq!((&row["winner"]["region"], &row["loser"]["region"]), (&json!("eu-west"), &json!("us-east")), "the first one wins: {row}");
    cluster.agree("/v1/bag/b", "one effect", |bag| bag["state"]["count"] == 1).await;
    cluster.agree("/v1/views/bags", "in views of aggregates too", |view| view["data"][0]["count"] == 1).await;
    cluster.agree("/v1/views/marked", "and in those of events", |view| view["data"].as_array().is_some_and(|rows| rows.len() == 1)).await;
    cluster.agree("/v1/views/marks", "and in rollups of events", |view| view["data"][0]["marks"] == 1).await;
    cluster
        .agree("/v1/bag/b/events", "the history says which is void", |page| {
            let void = |event: &Value| (event["event"].clone(), event["void"].clone(), event["settled"].clone());
            let told: Vec<_> = page["data"].as_array().into_iter().flatten().map(void).collect();
            told.len() == 2
                && told.contains(&(east["event"].clone(), json!(true), json!(true)))
                && told.contains(&(west["event"].clone(), json!(false), json!(true)))
        })
        .await;
    for region in REGIONS {
        let again = cluster[region].command("bag/b/mark", json!({ "mark": "m" })).key("k").ok().await;
        assert_eq!((again.header("idempotent-replayed"), &again.json()["event"]), (Some("true"), &west["event"]), "{region}");
        cluster[region].command("bag/b/mark", json!({ "mark": "other" })).key("k").send().await.refused(422, "key-reused");
    }
}

#[tokio::test]
async fn what_a_void_event_caused_elsewhere_is_void_too() {
    let cluster = Cluster::start(options(), &REGIONS).await;
    cluster.isolate("us-east", LinkMode::Cut);
    // One key with two bodies: each was the first where it was accepted, and each causes a mark in a bag of its own.
    cluster["eu-west"].command("book/b/note", json!({ "mark": "west", "bag": "w" })).key("k").ok().await;
    cluster["us-east"].command("book/b/note", json!({ "mark": "east", "bag": "e" })).key("k").ok().await;
    cluster["us-east"].eventually("/v1/bag/e", "its reaction left at once", |bag| bag["state"]["count"] == 1).await;
    cluster["us-east"].command("bag/e/mark", json!({ "mark": "by hand" })).ok().await;
    let before = cluster["us-east"].eventually("/v1/bag/e", "somebody goes on from there", |bag| bag["state"]["count"] == 2).await;
    cluster.isolate("us-east", LinkMode::Up);

    cluster.agree("/v1/book/b", "one note", |book| book["state"]["marks"] == 1).await;
    cluster.agree("/v1/bag/w", "the winner's mark", |bag| bag["state"]["marks"] == json!(["west"])).await;
    let after = cluster.agree("/v1/bag/e", "the loser's is gone, what a person did stands", |bag| {
        bag["state"]["marks"] == json!(["by hand"]) && bag["state"]["count"] == 1
    });
    after.await;
    let now = cluster["us-east"].get("/v1/bag/e").ok().await;
    assert_ne!(now.etag(), before.etag(), "no cache may keep what it had");
    cluster.agree("/v1/views/marked", "views follow", |view| view["data"].as_array().is_some_and(|rows| rows.len() == 2)).await;
    void_rows(&cluster, "/v1/conflicts?rule=void", 2).await;
}
