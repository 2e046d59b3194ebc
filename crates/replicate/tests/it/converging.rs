//! Regions that reach each other, or stop doing so.

use crate::cluster::{Cluster, NAMES};
use serde_json::json;
use std::time::Duration;
use sterna_store::Memory;
use sterna_write::{Gate, Refused};

#[tokio::test(start_paused = true)]
async fn three_regions_converge_and_settle() {
    let cluster = Cluster::open(1).await;
    for n in 0..60 {
        let node = &cluster[NAMES[n % 3]];
        node.add(&format!("c-{}", n % 7), &format!("s-{}", n % 2)).await;
        node.run("cart", "shared", "annotate", json!({"note": n.to_string()}), None).await.expect("it is valid");
    }
    cluster.settled().await;
    let mut total = 0;
    for id in 0..7 {
        let items = cluster.document("cart", &format!("c-{id}")).await["items"].take();
        total += items.as_object().expect("it is a map").values().map(|v| v.as_i64().expect("it is a number")).sum::<i64>();
    }
    assert_eq!(total, 60);
    cluster.document("cart", "shared").await;
    for name in NAMES {
        let status = cluster[name].replication.status();
        assert!(
            status.origins.iter().all(|origin| origin.connected && !origin.behind && origin.lag < Duration::from_secs(2)),
            "{status:#?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn peers_hear_soon_that_others_entries_were_applied() {
    let cluster = Cluster::open(2).await;
    cluster.pause(5).await;
    let began = cluster.env.now();
    cluster["eu"].add("c-1", "tea").await;
    cluster.settled().await;
    assert!(began.elapsed() < Duration::from_millis(150), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_region_takes_no_commands_until_every_member_was_heard_of_once() {
    let mut cluster = Cluster::new(3);
    cluster.start("ap", Memory::default(), false).await;
    cluster.start("eu", Memory::default(), false).await;
    cluster.pause(30).await;
    let Gate::Closed(reason) = cluster["ap"].writer.region().gate() else { panic!("open without `us`") };
    assert_eq!(reason, "waits until every region has been heard of once: missing us");
    let refused = cluster["ap"].run("cart", "c-1", "add", json!({"sku": "tea", "quantity": 1}), None).await;
    assert!(matches!(refused, Err(Refused::NotAccepting { .. })), "{refused:?}");
    cluster.start("us", Memory::default(), false).await;
    cluster.until("every gate is open", |c| NAMES.iter().all(|name| c[name].is_open())).await;
    // From then on it is remembered: alone it opens too.
    let store = cluster.stop("ap").await;
    cluster.stop("eu").await;
    cluster.stop("us").await;
    cluster.start("ap", store, false).await;
    cluster.until("`ap` opens alone", |c| c["ap"].is_open()).await;
}

#[tokio::test(start_paused = true)]
async fn the_third_region_carries_what_two_can_not_send_each_other() {
    let cluster = Cluster::open(4).await;
    cluster.cut("ap", "us");
    for n in 0..20 {
        cluster["ap"].add("c-1", &format!("ap-{n}")).await;
        cluster["us"].add("c-1", &format!("us-{n}")).await;
    }
    cluster.settled().await;
    let items = cluster.document("cart", "c-1").await["items"].take();
    assert_eq!(items.as_object().map(serde_json::Map::len), Some(40));
    let carried: f64 = ["ap", "us"].map(|name| cluster[name].metric("sterna_replicate_carried_entries_total")).iter().sum();
    assert_eq!(carried, 40.0, "each fetched the other's from the third");
    let status = cluster["ap"].replication.status();
    assert!(status.origins.iter().any(|origin| &*origin.name == "us" && !origin.connected && origin.last_error.is_some()), "{status:#?}");
    cluster.heal("ap", "us");
    cluster.until("they are connected again", |c| c["ap"].replication.status().origins.iter().all(|origin| origin.connected)).await;
    cluster["us"].add("c-1", "after").await;
    cluster.settled().await;
    cluster.document("cart", "c-1").await;
}

#[tokio::test(start_paused = true)]
async fn a_region_that_was_down_catches_up() {
    let mut cluster = Cluster::open(5).await;
    let store = cluster.stop("us").await;
    for n in 0..300 {
        cluster["ap"].add(&format!("c-{}", n % 11), "tea").await;
    }
    cluster.start("us", store, false).await;
    cluster.until("the gate is open", |c| c["us"].is_open()).await;
    cluster.settled().await;
    for id in 0..11 {
        assert!(cluster.document("cart", &format!("c-{id}")).await["items"]["tea"].as_i64() >= Some(27));
    }
}

#[tokio::test(start_paused = true)]
async fn the_lag_behind_a_dead_origin_grows() {
    let mut cluster = Cluster::open(6).await;
    cluster.pause(5).await;
    assert!(cluster["ap"].metric("sterna_replicate_lag_seconds") < 4.0);
    cluster.stop("us").await;
    cluster.pause(60).await;
    let status = cluster["ap"].replication.status();
    let us = status.origins.iter().find(|origin| &*origin.name == "us").expect("it is a member");
    assert!(us.lag >= Duration::from_secs(58) && !us.connected, "{us:#?}");
    assert!(cluster["ap"].metric("sterna_replicate_lag_seconds") >= 58.0);
    assert_eq!(cluster["ap"].metric("sterna_replicate_connected"), 1.0);
}
