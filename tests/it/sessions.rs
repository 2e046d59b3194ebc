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

#[tokio::test]
async fn a_token_is_good_after_a_crash_and_in_regions_that_share_the_secret_only() {
    let (east, west) = ("us-east", "eu-west");
    let mut cluster = Cluster::prepare(Options::shop(), &[east, west]).await;
    for region in cluster.regions_mut() {
        region.config.secret = Some("a secret of these regions".to_owned());
    }
    for region in cluster.regions_mut() {
        region.spawn();
    }
    for region in cluster.regions_mut() {
        region.ready().await;
    }
    let token = cluster[east].command("cart/c/add_item", json!({ "sku": "tea", "quantity": 1 })).ok().await.token();
    cluster[west].get("/v1/cart/c").token(&token).header("prefer", "wait=30").ok().await;
    for name in [east, west] {
        cluster[name].kill().await;
        cluster[name].start().await;
    }
    for name in [east, west] {
        let read = cluster[name].get("/v1/cart/c").token(&token).header("prefer", "wait=30").ok().await;
        assert_eq!(read.json()["state"]["items"]["tea"], 1, "{name}");
    }
    // Whoever has not the secret makes no token that is taken here, and can't tell one.
    let mut other = Cluster::prepare(Options::shop(), &[east]).await;
    other[east].config.secret = Some("another one".to_owned());
    other[east].start().await;
    let foreign = other[east].command("cart/c/add_item", json!({ "sku": "tea", "quantity": 1 })).ok().await.token();
    cluster[east].get("/v1/cart/c").token(&foreign).send().await.refused(400, "foreign-token");
    other[east].get("/v1/cart/c").token(&token).send().await.refused(400, "foreign-token");
}

#[tokio::test]
async fn what_was_caused_by_something_is_not_shown_before_it_to_who_has_seen_both() {
    let regions = ["us-east", "eu-west", "ap-south"];
    let cluster = Cluster::start(Options::shop(), &regions).await;
    cluster.isolate("ap-south", LinkMode::Cut);
    let asked = cluster["us-east"].command("cart/question/add_item", json!({ "sku": "tea", "quantity": 1 })).ok().await;
    // Somebody else reads it in another region, and answers there.
    let read = cluster["eu-west"].get("/v1/cart/question").token(&asked.token()).header("prefer", "wait=30").ok().await;
    let answered = cluster["eu-west"]
        .command("cart/answer/add_item", json!({ "sku": "pot", "quantity": 1 }))
        .token(&read.token())
        .header("prefer", "wait=30")
        .ok()
        .await;
    let token = answered.token();
    for (path, missing) in [("/v1/cart/question", json!(["us-east"])), ("/v1/cart/answer", json!(["eu-west"]))] {
        let behind = cluster["ap-south"].get(path).token(&token).header("prefer", "wait=0.2").send().await;
        let problem = behind.refused(503, "behind-token");
        let told = problem["missing"].as_array().cloned().unwrap_or_default();
        assert!(told.contains(&missing[0]), "{path}: {problem}");
    }
    // One link is enough for both.
    cluster.heal("ap-south", "eu-west");
    let answer = cluster["ap-south"].get("/v1/cart/answer").token(&token).header("prefer", "wait=30").ok().await;
    let question = cluster["ap-south"].get("/v1/cart/question").token(&answer.token()).header("prefer", "wait=30").ok().await;
    assert_eq!(question.json()["state"]["items"], json!({ "tea": 1 }));
    let view = cluster["ap-south"].get("/v1/views/carts_by_size").token(&token).header("prefer", "wait=30").ok().await;
    assert_eq!(view.json()["data"].as_array().map(Vec::len), Some(2), "a view waits for both");
}
