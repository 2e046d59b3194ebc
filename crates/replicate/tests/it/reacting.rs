//! Reactions have their effect, once.

use crate::cluster::Cluster;
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn a_reaction_reaches_its_target_in_every_region() {
    let cluster = Cluster::open(11).await;
    cluster["eu"].run("account", "a", "debit", json!({"amount": 5, "to": "b"}), None).await.expect("it is valid");
    cluster.until("it is delivered", |c| c["eu"].metric("sterna_replicate_reactions_total") == 1.0).await;
    cluster.settled().await;
    assert_eq!(cluster.document("account", "a").await["balance"], -5);
    assert_eq!(cluster.document("account", "b").await["balance"], 5);
    assert_eq!(cluster["ap"].metric("sterna_replicate_reactions_total"), 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_refused_reaction_sends_its_compensation() {
    let cluster = Cluster::open(12).await;
    cluster["eu"].run("account", "a", "debit", json!({"amount": 5, "to": "closed"}), None).await.expect("it is valid");
    cluster.until("it is compensated", |c| c["eu"].metric("sterna_replicate_reactions_total") == 1.0).await;
    cluster.settled().await;
    assert_eq!(cluster.document("account", "a").await["balance"], 0);
    assert_eq!(cluster.document("account", "closed").await, json!(null));
}

#[tokio::test(start_paused = true)]
async fn every_reaction_has_one_effect_though_the_region_starts_again_and_again() {
    let mut cluster = Cluster::open(13).await;
    for round in 0..8u64 {
        for n in 0..25 {
            let to = format!("to-{}", n % 6);
            cluster["eu"].run("account", "from", "debit", json!({"amount": 1, "to": to}), None).await.expect("it is valid");
        }
        cluster.env.sleep(std::time::Duration::from_millis(round * 60)).await;
        let store = cluster.stop("eu").await;
        cluster.start("eu", store, false).await;
        cluster.until("the gate is open", |c| c["eu"].is_open()).await;
    }
    cluster.pause(2).await;
    cluster.settled().await;
    let mut credited = 0;
    for n in 0..6 {
        credited += cluster.document("account", &format!("to-{n}")).await["balance"].as_i64().expect("it is a number");
    }
    assert_eq!(credited, 200);
    assert_eq!(cluster.document("account", "from").await["balance"], -200);
    assert!(cluster["eu"].metric("sterna_replicate_reactions_pending") == 0.0);
}

#[tokio::test(start_paused = true)]
async fn more_reactions_than_the_window_takes_all_arrive() {
    let cluster = Cluster::open(14).await;
    let debit = |n: usize| {
        let (from, args) = (format!("from-{}", n % 40), json!({"amount": 1, "to": format!("to-{}", n % 30)}));
        let node = &cluster["us"];
        async move { node.run("account", &from, "debit", args, None).await.map(drop) }
    };
    let debited = futures::future::join_all((0..600).map(debit)).await;
    assert!(debited.iter().all(Result::is_ok));
    cluster.until("all are delivered", |c| c["us"].metric("sterna_replicate_reactions_total") == 600.0).await;
    cluster.settled().await;
    for n in 0..30 {
        assert_eq!(cluster.document("account", &format!("to-{n}")).await["balance"], 20);
    }
}
