//! One key, one effect.

use serde_json::json;
use sterna_tests::{Cluster, Options};

#[tokio::test]
async fn a_retry_gets_the_stored_answer_also_after_a_crash_and_in_another_region() {
    let mut cluster = Cluster::start(Options::marks(), &["us-east", "eu-west"]).await;
    let first = cluster["us-east"].command("bag/b/mark", json!({ "mark": "m" })).key("k").ok().await;
    assert_eq!(first.header("idempotent-replayed"), None);
    assert_eq!(first.header("idempotency-key"), Some("k"));
    let replayed = |what: &str, answer: &sterna_tests::Answer| {
        assert_eq!(answer.header("idempotent-replayed"), Some("true"), "{what}: {answer:?}");
        assert_eq!(answer.json(), first.json(), "{what}");
    };
    replayed("at once", &cluster["us-east"].command("bag/b/mark", json!({ "mark": "m" })).key("k").ok().await);
    cluster["us-east"].kill().await;
    cluster["us-east"].start().await;
    replayed("after a crash", &cluster["us-east"].command("bag/b/mark", json!({ "mark": "m" })).key("k").ok().await);
    cluster["eu-west"].eventually("/v1/bag/b", "replicated", |bag| bag["state"]["count"] == 1).await;
    replayed("in another region", &cluster["eu-west"].command("bag/b/mark", json!({ "mark": "m" })).key("k").ok().await);

    let line = json!({ "type": "bag", "id": "b", "command": "mark", "args": { "mark": "m" }, "key": "k" }).to_string();
    let bulk = cluster["us-east"].http().bulk(line).ok().await.json_lines();
    assert_eq!((&bulk[0]["replayed"], &bulk[0]["body"], &bulk[1]["accepted"]), (&json!(true), &first.json(), &json!(1)));
    cluster["us-east"].command("bag/b/mark", json!({ "mark": "last" })).ok().await;
    cluster.agree("/v1/bag/b", "one effect", |bag| bag["state"]["marks"] == json!(["last", "m"]) && bag["state"]["count"] == 2).await;
}

#[tokio::test]
async fn a_key_with_another_body_is_refused_and_the_order_of_arguments_does_not_matter() {
    let cluster = Cluster::start(Options::shop(), &["solo"]).await;
    let add = |body: &'static str| {
        cluster["solo"]
            .http()
            .request(http::Method::POST, "/v1/cart/c/add_item")
            .key("k")
            .header("content-type", "application/json")
            .body(body)
    };
    add(r#"{"sku":"tea","quantity":2}"#).ok().await;
    assert_eq!(add(r#"{ "quantity": 2, "sku": "tea" }"#).ok().await.header("idempotent-replayed"), Some("true"));
    let refused = add(r#"{"sku":"tea","quantity":3}"#).send().await;
    assert_eq!(refused.refused(422, "key-reused")["retry"], "never");
    assert_eq!(refused.header("idempotency-key"), Some("k"));
    let other = cluster["solo"].command("cart/c/leave_note", json!({ "note": "tea" })).key("k").send().await;
    other.refused(422, "key-reused");
    // A key belongs to one aggregate.
    assert_eq!(
        cluster["solo"]
            .command("cart/d/add_item", json!({ "sku": "tea", "quantity": 3 }))
            .key("k")
            .ok()
            .await
            .header("idempotent-replayed"),
        None
    );
}

#[tokio::test]
async fn twins_at_the_same_moment_have_one_effect_and_one_answer() {
    let cluster = Cluster::start(Options::marks(), &["solo"]).await;
    let twin = || cluster["solo"].command("bag/b/mark", json!({ "mark": "m" })).key("k").ok();
    let answers = futures::future::join_all((0..20).map(|_| twin())).await;
    assert!(answers.iter().all(|answer| answer.json() == answers[0].json()));
    assert_eq!(answers.iter().filter(|answer| answer.header("idempotent-replayed").is_none()).count(), 1);
    cluster["solo"].eventually("/v1/bag/b", "one effect", |bag| bag["state"]["count"] == 1).await;
}

#[tokio::test]
async fn a_refusal_binds_nothing_and_a_key_that_is_missing_is_made_and_told() {
    let cluster = Cluster::start(Options::shop(), &["solo"]).await;
    let remove = || cluster["solo"].command("cart/c/remove_item", json!({ "sku": "tea" })).key("k");
    assert_eq!(remove().send().await.refused(422, "guard-refused")["guard"], "not-in-cart");
    let made = cluster["solo"].command("cart/c/add_item", json!({ "sku": "tea", "quantity": 1 })).ok().await;
    assert!(made.header("idempotency-key").is_some_and(|key| key.len() >= 16), "{made:?}");
    assert_eq!(remove().ok().await.header("idempotent-replayed"), None, "the same key is tried anew");
}

#[tokio::test]
async fn a_reaction_is_delivered_once_though_its_region_crashes() {
    let mut cluster = Cluster::start(Options::marks(), &["us-east", "eu-west"]).await;
    let note = |n: usize| {
        let args = json!({ "mark": format!("m{n}"), "bag": "b" });
        let line = json!({ "type": "book", "id": format!("book-{}", n % 5), "command": "note", "args": args, "key": format!("n{n}") });
        line.to_string() + "\n"
    };
    let lines: String = (0..60).map(note).collect();
    let done = cluster["us-east"].http().bulk(lines).ok().await.json_lines().pop();
    assert_eq!(done.map(|done| done["accepted"].clone()), Some(json!(60)));
    cluster["us-east"].kill().await;
    cluster["us-east"].start().await;
    let bag =
        cluster.agree("/v1/bag/b", "every reaction", |bag| bag["state"]["marks"].as_array().is_some_and(|marks| marks.len() == 60)).await;
    assert_eq!(bag["state"]["count"], 60, "and none twice");
}
