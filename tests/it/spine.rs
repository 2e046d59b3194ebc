//! A command in one region reaches every other one, whatever happens to the links meanwhile.

use serde_json::json;
use sterna_tests::{Cluster, LinkMode, Options};

const REGIONS: [&str; 3] = ["us-east", "eu-west", "ap-south"];

#[tokio::test]
async fn a_command_in_one_region_becomes_a_view_row_in_every_region() {
    let cluster = Cluster::start(Options::shop(), &REGIONS).await;
    cluster["us-east"].command("cart/c-1/add_item", json!({ "sku": "tea", "quantity": 2 })).ok().await;
    cluster["eu-west"].command("cart/c-2/add_item", json!({ "sku": "mug", "quantity": 7 })).ok().await;

    let view = cluster
        .agree("/v1/views/carts_by_size", "both carts, the larger first", |view| {
            view["data"].as_array().is_some_and(|rows| rows.len() == 2)
        })
        .await;
    let rows = view["data"].as_array().expect("it has rows");
    assert_eq!((&rows[0]["cart"], &rows[0]["items"]), (&json!("c-2"), &json!(7)));
    assert_eq!((&rows[1]["cart"], &rows[1]["items"]), (&json!("c-1"), &json!(2)));

    let document = cluster.agree("/v1/cart/c-1", "the same bytes", |document| document["state"]["items"]["tea"] == 2).await;
    assert_eq!(document["state"], json!({ "items": { "tea": 2 }, "coupons": [], "note": null, "address": null }));
    let etags: Vec<String> = [&cluster["us-east"].get("/v1/cart/c-1").ok().await, &cluster["ap-south"].get("/v1/cart/c-1").ok().await]
        .map(|answer| answer.etag())
        .into();
    assert_eq!(etags[0], etags[1], "equal states have equal ETags");
    let history =
        cluster.agree("/v1/cart/c-1/events", "its history", |page| page["data"].as_array().is_some_and(|events| events.len() == 1)).await;
    assert_eq!((&history["data"][0]["command"], &history["data"][0]["region"]), (&json!("add_item"), &json!("us-east")));
}

#[tokio::test]
async fn while_two_regions_are_cut_off_the_third_carries_what_they_cannot_send_each_other() {
    let cluster = Cluster::start(Options::shop(), &REGIONS).await;
    cluster.cut("us-east", "eu-west");
    cluster["us-east"].command("cart/c-1/add_item", json!({ "sku": "tea", "quantity": 2 })).ok().await;
    cluster["eu-west"].command("cart/c-1/add_item", json!({ "sku": "tea", "quantity": 3 })).ok().await;
    cluster.agree("/v1/cart/c-1", "merged in all three while the link is cut", |cart| cart["state"]["items"]["tea"] == 5).await;
    cluster.agree("/v1/views/carts_by_size", "the row too", |view| view["data"][0]["items"] == 5).await;
}

#[tokio::test]
async fn regions_that_are_cut_off_both_accept_and_are_merged_when_the_links_heal() {
    let cluster = Cluster::start(Options::shop(), &REGIONS).await;
    cluster.isolate("us-east", LinkMode::Cut);
    cluster["us-east"].command("cart/c-1/add_item", json!({ "sku": "tea", "quantity": 2 })).ok().await;
    cluster["us-east"].command("cart/c-1/leave_note", json!({ "note": "ring twice" })).ok().await;
    cluster["eu-west"].command("cart/c-1/add_item", json!({ "sku": "tea", "quantity": 3 })).ok().await;
    cluster["eu-west"].command("cart/c-1/ship_to", json!({ "address": "Kiel" })).ok().await;
    let here = cluster["us-east"].eventually("/v1/cart/c-1", "its own", |cart| cart["state"]["items"]["tea"] == 2).await.json();
    assert_eq!(here["state"]["address"], json!(null), "nothing came through the cut");

    cluster.isolate("us-east", LinkMode::Up);
    let cart =
        cluster.agree("/v1/cart/c-1", "merged", |cart| cart["state"]["items"]["tea"] == 5 && cart["state"]["note"] == "ring twice").await;
    assert_eq!(cart["state"]["address"], "Kiel");
}

#[tokio::test]
async fn values_that_regions_set_at_once_stay_in_the_ledger_and_wait_for_a_decision() {
    let cluster = Cluster::start(Options::shop(), &["us-east", "eu-west"]).await;
    cluster.cut("us-east", "eu-west");
    for (region, town) in [("us-east", "Boston"), ("eu-west", "Kiel")] {
        cluster[region].command("cart/c-1/ship_to", json!({ "address": town })).ok().await;
        cluster[region].command("cart/c-1/leave_note", json!({ "note": town })).ok().await;
    }
    cluster.heal("us-east", "eu-west");

    let cart = cluster
        .agree("/v1/cart/c-1", "both addresses", |cart| cart["conflicts"]["address"].as_array().is_some_and(|values| values.len() == 2))
        .await;
    assert_eq!(cart["conflicts"].as_object().map(serde_json::Map::len), Some(1), "a note keeps one value: {cart}");
    let ledger = cluster.agree("/v1/conflicts?type=cart&id=c-1", "both fields, and final", |page| {
        page["data"].as_array().is_some_and(|rows| rows.len() == 2 && rows.iter().all(|row| row["final"] == true))
    });
    let ledger = ledger.await;
    let fields: Vec<_> = ledger["data"].as_array().into_iter().flatten().map(|row| row["field"].clone()).collect();
    assert_eq!(fields, [json!("address"), json!("note")]);

    let blind = cluster["us-east"].command("cart/c-1/ship_to", json!({ "address": "Oslo" })).send().await;
    blind.refused(428, "precondition-required");
    cluster["us-east"].command("cart/c-1/ship_to", json!({ "address": "Oslo" })).header("if-match", &blind.etag()).ok().await;
    cluster
        .agree("/v1/cart/c-1", "decided", |cart| {
            cart["state"]["address"] == "Oslo" && cart.get("conflicts").is_none_or(|all| all.get("address").is_none())
        })
        .await;
}

#[tokio::test]
async fn a_region_that_was_stopped_for_a_while_catches_up_by_itself() {
    let mut cluster = Cluster::start(Options::shop(), &REGIONS).await;
    cluster["ap-south"].command("cart/c-0/add_item", json!({ "sku": "tea", "quantity": 1 })).ok().await;
    assert!(cluster["ap-south"].stop().await.success());
    for n in 1..=30 {
        let region = if n % 2 == 0 { "us-east" } else { "eu-west" };
        cluster[region].command(&format!("cart/c-{n}/add_item"), json!({ "sku": "tea", "quantity": 1 })).ok().await;
    }
    cluster["ap-south"].start().await;
    cluster
        .agree("/v1/views/carts_by_size?limit=100", "all carts", |view| view["data"].as_array().is_some_and(|rows| rows.len() == 31))
        .await;
}

#[tokio::test]
async fn a_link_that_loses_everything_without_a_word_is_noticed_and_gone_around() {
    let cluster = Cluster::start(Options::shop(), &REGIONS).await;
    cluster.link("us-east", "eu-west", LinkMode::Frozen);
    cluster["us-east"].command("cart/c-1/add_item", json!({ "sku": "tea", "quantity": 2 })).ok().await;
    cluster["eu-west"].eventually("/v1/cart/c-1", "carried by the third", |cart| cart["state"]["items"]["tea"] == 2).await;
    sterna_tests::eventually("the status says that the link is down", async || {
        let origin = cluster["eu-west"].status_of("us-east").await;
        if origin["connected"] == false && origin["last_error"].is_string() { Ok(()) } else { Err(origin.to_string()) }
    })
    .await;
    cluster.heal("us-east", "eu-west");
    sterna_tests::eventually("the link is whole again", async || {
        let origin = cluster["eu-west"].status_of("us-east").await;
        if origin["connected"] == true && origin["last_error"].is_null() { Ok(()) } else { Err(origin.to_string()) }
    })
    .await;
}
