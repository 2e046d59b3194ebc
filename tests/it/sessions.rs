//! With its token, a client sees what it has seen before, wherever it goes.

use serde_json::json;
use sterna_tests::{Cluster, LinkMode, Options, eventually};

#[tokio::test]
async fn a_client_reads_its_own_write_in_another_region_though_the_link_is_slow() {
    let cluster = Cluster::start(Options::shop(), &["us-east", "eu-west"]).await;
    cluster.link("us-east", "eu-west", LinkMode::Slow(std::time::Duration::from_millis(120)));
    for n in 1..=10 {
        let written = cluster["us-east"].command("cart/c/add_item", json!({ "sku": "tea", "quantity": 1 })).ok().await;
        let token = written.token();
        assert!(token.len() < 1024, "a token is small: {token}");
        let read = cluster["eu-west"].get("/v1/cart/c").token(&token).header("prefer", "wait=30").ok().await;
        assert_eq!(read.json()["state"]["items"]["tea"], n);
        assert_eq!(read.etag(), written.etag());
        let view = cluster["eu-west"].get("/v1/views/carts_by_size").token(&token).header("prefer", "wait=30").ok().await;
        assert_eq!(view.json()["data"][0]["items"], n);
        // What was seen in a view is seen by a command elsewhere.
        let back = cluster["us-east"].get("/v1/cart/c").token(&view.token()).ok().await;
        assert_eq!(back.json()["state"]["items"]["tea"], n);
    }
}

#[tokio::test]
async fn what_cannot_arrive_is_said_with_the_region_it_is_missing_from() {
    let cluster = Cluster::start(Options::shop(), &["us-east", "eu-west"]).await;
    cluster.cut("us-east", "eu-west");
    let token = cluster["us-east"].command("cart/c/add_item", json!({ "sku": "tea", "quantity": 1 })).ok().await.token();
    let env = sterna_env::Env::real();
    let asked = env.now();
    let behind = cluster["eu-west"].get("/v1/cart/c").token(&token).header("prefer", "wait=0.5").send().await;
    let problem = behind.refused(503, "behind-token");
    assert_eq!((&problem["missing"], &problem["retry"]), (&json!(["us-east"]), &json!("same-key")));
    assert!(behind.header("retry-after").is_some());
    assert!(env.now() - asked >= std::time::Duration::from_millis(450), "it waited as long as it was asked to");
    cluster["eu-west"].get("/v1/views/carts_by_size").token(&token).header("prefer", "wait=0").send().await.refused(503, "behind-token");
    let command = cluster["eu-west"]
        .command("cart/c/add_item", json!({ "sku": "tea", "quantity": 1 }))
        .token(&token)
        .header("prefer", "wait=0")
        .key("k")
        .send()
        .await;
    command.refused(503, "behind-token");
    // Who needs no newest answer gets an older one.
    cluster["eu-west"].get("/v1/cart/c").send().await.refused(404, "not-found");

    cluster.heal("us-east", "eu-west");
    let read = eventually("the token is reached", async || {
        let read = cluster["eu-west"].get("/v1/cart/c").token(&token).header("prefer", "wait=20").try_send().await?;
        if read.status == 200 { Ok(read) } else { Err(read.text()) }
    });
    assert_eq!(read.await.json()["state"]["items"], json!({ "tea": 1 }), "the refused command had no effect");
}

#[tokio::test]
async fn a_token_that_is_garbage_or_of_another_cluster_is_told() {
    let (cluster, other) = (Cluster::start(Options::shop(), &["solo"]).await, Cluster::start(Options::shop(), &["other"]).await);
    let foreign = other["other"].command("cart/c/add_item", json!({ "sku": "tea", "quantity": 1 })).ok().await.token();
    let own = cluster["solo"].command("cart/c/add_item", json!({ "sku": "tea", "quantity": 1 })).ok().await.token();
    for path in ["/v1/cart/c", "/v1/views/carts_by_size"] {
        cluster["solo"].get(path).token(&foreign).send().await.refused(400, "foreign-token");
        cluster["solo"].get(path).token("garbage").send().await.refused(400, "invalid-token");
        let (head, tail) = own.split_at(own.len() / 2);
        let flipped = format!("{head}{}{}", if tail.starts_with('A') { "B" } else { "A" }, &tail[1..]);
        assert_eq!(cluster["solo"].get(path).token(&flipped).send().await.status, 400, "a token that was changed");
        cluster["solo"].get(path).token(&own).ok().await;
    }
    let refused = cluster["solo"].command("cart/c/add_item", json!({ "sku": "tea", "quantity": 1 })).token(&foreign).send().await;
    refused.refused(400, "foreign-token");
    assert_eq!(cluster["solo"].get("/v1/cart/c").token(&own).ok().await.json()["state"]["items"]["tea"], 1);
}
