//! Reactions have their effect, once.

use crate::cluster::{Cluster, NAMES, SHARDS};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use sterna_env::Boxed;

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

/// How long one commit of the slow region after the other takes; the last time counts for all that follow.
const PAUSES_MS: [&[u64]; 5] = [&[1_500], &[1_500, 0], &[1_500, 1_500, 0], &[1_500, 100, 700, 0], &[1_500, 0, 0, 0, 900]];

/// `us` has decided first, so its debit wins; its disk is so slow that the other's reaction is there before it can send its own.
#[tokio::test(start_paused = true)]
async fn a_debit_doubled_in_a_partition_credits_once_though_the_losers_reaction_comes_first() {
    // Cause and reaction are in shards of their own, so they come on their own.
    let shard = |id| sterna_log::shard_of("account", id, SHARDS);
    let to = ["ben", "cal", "dan", "eve"].into_iter().find(|id| shard(id) != shard("ann")).expect("there are more shards than one");
    for (seed, pauses) in (21..).zip(PAUSES_MS) {
        let cluster = Cluster::open(seed).await;
        cluster.settled().await;
        let (env, begun) = (cluster.env.clone(), AtomicUsize::new(0));
        let pause = move || -> Boxed<'static, ()> {
            let at = begun.fetch_add(1, Ordering::Relaxed).min(pauses.len() - 1);
            let (env, pause) = (env.clone(), Duration::from_millis(pauses[at]));
            Box::pin(async move { env.sleep(pause).await })
        };
        cluster["us"].store.faults().delay(Some(Arc::new(pause)));
        let debit = |name: &'static str, after_ms: u64| {
            let cluster = &cluster;
            async move {
                cluster.env.sleep(Duration::from_millis(after_ms)).await;
                cluster[name].run("account", "ann", "debit", json!({"amount": 5, "to": to}), Some("k")).await.expect("it is valid")
            }
        };
        cluster.cut("us", "ap");
        let heal = async {
            cluster.env.sleep(Duration::from_millis(120)).await;
            cluster.heal("us", "ap");
        };
        let (won, lost, ()) = futures::join!(debit("us", 0), debit("ap", 50), heal);
        assert!(!won.replayed && !lost.replayed, "neither has heard of the other");
        cluster.pause(20).await;
        cluster["us"].store.faults().delay(None);
        cluster.settled().await;
        assert_eq!(cluster.document("account", "ann").await["balance"], -5, "{pauses:?}");
        assert_eq!(cluster.document("account", to).await["balance"], 5, "{pauses:?}");
        for name in NAMES {
            let again = cluster[name].run("account", "ann", "debit", json!({"amount": 5, "to": to}), Some("k")).await;
            let again = again.expect("it is known");
            assert!(again.replayed && again.event == won.event, "{name} answers what won");
        }
    }
}
