//! Bounded counters over three regions.

use crate::cluster::{Cluster, NAMES};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use sterna_write::Refused;

async fn reserve(cluster: &Cluster, name: &str, id: &str, quantity: i64) -> Result<(), Refused> {
    cluster[name].run("product", id, "reserve", json!({ "quantity": quantity }), None).await.map(drop)
}

async fn restock(cluster: &Cluster, name: &str, id: &str, quantity: i64, key: Option<&str>) {
    cluster[name].run("product", id, "restock", json!({ "quantity": quantity }), key).await.expect("it is valid");
}

/// What commands of all regions were answered without, and with, asking another region.
fn answers(cluster: &Cluster) -> (f64, f64) {
    let of = |answer: &str| NAMES.iter().map(|name| cluster[name].labelled("sterna_write_bounded_commands_total", answer)).sum::<f64>();
    (of("local") + of("refused"), of("moved") + of("refused-after-asking"))
}

#[tokio::test(start_paused = true)]
async fn of_a_thousand_spends_on_a_stock_of_500_exactly_500_succeed_and_hardly_any_asks_another_region() {
    let cluster = Cluster::open(11).await;
    restock(&cluster, "eu", "tea", 500, Some("a-clients-key")).await;
    let spending = NAMES.map(|name| {
        let cluster = &cluster;
        async move {
            let mut accepted = 0;
            for _ in 0..334 {
                match reserve(cluster, name, "tea", 1).await {
                    Ok(()) => accepted += 1,
                    Err(Refused::BoundReached { .. }) => {}
                    Err(other) => panic!("{other}"),
                }
                cluster.env.sleep(std::time::Duration::from_millis(3)).await;
            }
            accepted
        }
    });
    cluster.pause(2).await;
    let accepted: Vec<u32> = futures::future::join_all(spending).await;
    assert_eq!(accepted.iter().sum::<u32>(), 500, "{accepted:?}");
    let (local, asked) = answers(&cluster);
    assert_eq!(local + asked, 1_002.0);
    assert!(asked <= 10.0, "{asked} of {} asked another region", local + asked);
    cluster.settled().await;
    assert_eq!(cluster.document("product", "tea").await["stock"], 0);
}

#[tokio::test(start_paused = true)]
async fn a_spend_larger_than_any_region_s_part_gathers_rights() {
    let cluster = Cluster::open(12).await;
    restock(&cluster, "us", "tea", 30, None).await;
    cluster.pause(3).await;
    reserve(&cluster, "ap", "tea", 28).await.expect("all regions together have 30");
    let refused = reserve(&cluster, "eu", "tea", 3).await.expect_err("2 are left");
    let Refused::BoundReached { lack, available } = refused else { panic!("{refused}") };
    assert_eq!(lack.needed, 3);
    assert_eq!(available.iter().map(|(_, n)| *n).sum::<i64>(), 2, "{available:?}");
    reserve(&cluster, "eu", "tea", 2).await.expect("they are left, wherever");
}

#[tokio::test(start_paused = true)]
async fn what_is_gathered_for_a_command_is_not_fetched_back() {
    let cluster = Cluster::open(22).await;
    restock(&cluster, "us", "tea", 72, None).await;
    cluster.pause(3).await;
    cluster.cut("ap", "eu");
    cluster.pause(4).await;
    let refused = reserve(&cluster, "ap", "tea", 72).await.expect_err("eu's part is out of reach");
    assert!(matches!(refused, Refused::BoundReached { .. }), "{refused}");
    cluster.pause(1).await;
    let given: f64 = NAMES.iter().map(|name| cluster[name].labelled("sterna_replicate_rights_asked_total", "given")).sum();
    assert_eq!(given, 1.0, "us gave what it had, and leaves it there");
    cluster.heal("ap", "eu");
    cluster.pause(3).await;
    reserve(&cluster, "ap", "tea", 72).await.expect("all regions together have it");
}

#[tokio::test(start_paused = true)]
async fn both_bounds_hold_and_what_a_spend_frees_can_be_used_again() {
    let cluster = Cluster::open(13).await;
    let sit = async |name: &str, count: i64| cluster[name].run("product", "bus", "sit", json!({ "count": count }), None).await;
    sit("ap", 3).await.expect("its share at first");
    sit("eu", 6).await.expect("the other shares, gathered");
    assert!(matches!(sit("us", 1).await, Err(Refused::BoundReached { .. })));
    assert!(matches!(sit("us", -10).await, Err(Refused::BoundReached { .. })));
    sit("us", -9).await.expect("nine sit");
    cluster.settled().await;
    sit("ap", 9).await.expect("nobody sits");
    cluster.settled().await;
    assert_eq!(cluster.document("product", "bus").await["seats"], 9);
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_cut_off_spends_what_it_has_and_no_more() {
    let cluster = Cluster::open(14).await;
    restock(&cluster, "eu", "tea", 300, None).await;
    cluster.pause(2).await;
    cluster.cut("ap", "eu");
    cluster.cut("ap", "us");
    cluster.pause(4).await;
    let mut accepted = 0;
    while reserve(&cluster, "ap", "tea", 1).await.is_ok() {
        accepted += 1;
    }
    assert_eq!(accepted, 100, "its part");
    while reserve(&cluster, "us", "tea", 1).await.is_ok() {
        accepted += 1;
    }
    assert_eq!(accepted, 300, "the other two parts");
    cluster.heal("ap", "eu");
    cluster.heal("ap", "us");
    cluster.settled().await;
    assert_eq!(cluster.document("product", "tea").await["stock"], 0);
}

#[tokio::test(start_paused = true)]
async fn what_may_become_void_brings_no_rights_before_it_is_settled() {
    let cluster = Cluster::open(15).await;
    cluster.cut("ap", "eu");
    cluster.cut("ap", "us");
    cluster.pause(4).await;
    restock(&cluster, "ap", "tea", 10, Some("k")).await;
    assert!(matches!(reserve(&cluster, "ap", "tea", 1).await, Err(Refused::BoundReached { .. })), "another region may have done it too");
    restock(&cluster, "ap", "tea", 5, None).await;
    reserve(&cluster, "ap", "tea", 5).await.expect("nobody else can have this key");
    cluster.heal("ap", "eu");
    cluster.heal("ap", "us");
    cluster.settled().await;
    reserve(&cluster, "ap", "tea", 10).await.expect("it is settled now");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_a_server_made_counts_elsewhere_only_once_its_event_is_there() {
    let cluster = Cluster::open(16).await;
    cluster.cut("ap", "eu");
    cluster.cut("ap", "us");
    cluster.pause(4).await;
    let made = cluster["ap"].run("product", "tea", "restock", json!({ "quantity": 5 }), None).await.expect("it is valid").key;
    let twin = cluster["eu"].run("product", "tea", "restock", json!({ "quantity": 5 }), Some(&made)).await;
    let Err(Refused::BehindToken { missing }) = twin else { panic!("{twin:?}") };
    assert_eq!(missing, ["ap".into()]);
    cluster.heal("ap", "eu");
    cluster.heal("ap", "us");
    cluster.settled().await;
    let replayed = cluster["eu"].run("product", "tea", "restock", json!({ "quantity": 5 }), Some(&made)).await.expect("it is here");
    assert!(replayed.replayed);
}

#[tokio::test(start_paused = true)]
async fn a_region_whose_store_may_be_old_spends_nothing_until_it_knows() {
    let mut cluster = Cluster::open(17).await;
    restock(&cluster, "eu", "tea", 90, None).await;
    cluster.pause(2).await;
    cluster.settled().await;
    let old = cluster["ap"].store.copy();
    for _ in 0..30 {
        reserve(&cluster, "ap", "tea", 1).await.expect("its part");
    }
    cluster.settled().await;
    cluster.stop("ap").await;
    cluster.cut("ap", "eu");
    cluster.cut("ap", "us");
    cluster.start("ap", old, false).await;
    cluster.until("it takes commands", |c| c["ap"].is_open()).await;
    let refused = reserve(&cluster, "ap", "tea", 1).await.expect_err("it has spent them, and can't know");
    assert!(matches!(refused, Refused::RightsUnknown { .. }), "{refused}");
    cluster.heal("ap", "eu");
    cluster.heal("ap", "us");
    cluster.pause(10).await;
    cluster.settled().await;
    while reserve(&cluster, "ap", "tea", 1).await.is_ok() {}
    cluster.settled().await;
    assert_eq!(cluster.document("product", "tea").await["stock"], 0);
}

#[tokio::test(start_paused = true)]
async fn the_rights_left_are_counted_by_region() {
    let cluster = Cluster::open(18).await;
    restock(&cluster, "eu", "tea", 300, None).await;
    restock(&cluster, "us", "pot", 30, None).await;
    cluster.pause(20).await;
    let left: BTreeMap<String, i64> = cluster["ap"]
        .replication
        .rights_left()
        .into_iter()
        .filter(|left| &*left.field == "stock")
        .map(|left| (left.region.to_string(), left.rights))
        .collect();
    assert_eq!(json!(left), json!({ "ap": 110, "eu": 110, "us": 110 }));
    assert_eq!(cluster.document("product", "tea").await["seats"], Value::from(0));
}

#[tokio::test(start_paused = true)]
async fn what_an_old_copy_has_spent_and_peers_have_not_written_down_yet_is_not_spent_again() {
    let mut cluster = Cluster::open(19).await;
    restock(&cluster, "eu", "tea", 90, None).await;
    cluster.pause(2).await;
    cluster.settled().await;
    let old = cluster["ap"].store.copy();
    // The frames with these are received, and wait for the peers' disks.
    for peer in ["eu", "us"] {
        cluster[peer].store.faults().hold();
    }
    for _ in 0..30 {
        reserve(&cluster, "ap", "tea", 1).await.expect("its part");
    }
    cluster.pause(1).await;
    cluster.stop("ap").await;
    cluster.start("ap", old, true).await;
    cluster.pause(10).await;
    let refused = reserve(&cluster, "ap", "tea", 1).await.expect_err("its part is spent, and no peer can say so yet");
    assert!(matches!(refused, Refused::NotAccepting { .. }), "{refused}");
    for peer in ["eu", "us"] {
        cluster[peer].store.faults().release();
    }
    cluster.until("it knows what it has spent", |c| c["ap"].is_open()).await;
    cluster["ap"].add("c-1", "tea").await;
    cluster.settled().await;
    assert_eq!(cluster.document("product", "tea").await["stock"], 60);
    let mut more = 0;
    while reserve(&cluster, "ap", "tea", 1).await.is_ok() {
        more += 1;
    }
    assert_eq!(more, 60, "what is left, wherever it was");
    cluster.settled().await;
    assert_eq!(cluster.document("product", "tea").await["stock"], 0);
}
