//! Homes, and regions declared lost, in paused time.

use crate::cluster::{Cluster, NAMES};
use serde_json::json;
use sterna_replicate::DeclareRefused;
use sterna_write::{Accepted, Refused};

async fn charge(cluster: &Cluster, name: &str, id: &str, key: &str) -> Result<Accepted, Refused> {
    cluster[name].run("payment", id, "charge", json!({ "amount": 1 }), Some(key)).await
}

fn apart(cluster: &Cluster, name: &str) {
    NAMES.iter().filter(|other| **other != name).for_each(|other| cluster.cut(name, other));
}

fn together(cluster: &Cluster, name: &str) {
    NAMES.iter().filter(|other| **other != name).for_each(|other| cluster.heal(name, other));
}

#[tokio::test(start_paused = true)]
async fn commands_are_accepted_at_home_wherever_they_come_from() {
    let cluster = Cluster::open(31).await;
    for (n, name) in NAMES.iter().enumerate() {
        let accepted = charge(&cluster, name, &format!("p-{n}"), "k").await.expect("its home is there");
        assert_eq!(accepted.event.incarnation.region(), cluster.id("us"));
    }
    assert!(matches!(charge(&cluster, "ap", "p-1", "other").await, Err(Refused::AlreadyExists)));
    assert!(charge(&cluster, "ap", "p-1", "k").await.expect("it is known").replayed);
    apart(&cluster, "us");
    let away = charge(&cluster, "ap", "p-9", "k").await;
    let Err(Refused::HomeAway { home, .. }) = away else { panic!("{away:?}") };
    assert_eq!(&*home, "us");
    charge(&cluster, "us", "p-9", "k").await.expect("it is the home");
    together(&cluster, "us");
    cluster.settled().await;
    assert!(charge(&cluster, "ap", "p-9", "k").await.expect("the same command").replayed);
}

#[tokio::test(start_paused = true)]
async fn a_home_moves_and_the_region_that_was_cut_off_meanwhile_finds_it() {
    let cluster = Cluster::open(32).await;
    charge(&cluster, "us", "p-1", "k").await.expect("it is the home");
    apart(&cluster, "ap");
    let moved = cluster["eu"].replication.move_homes("payment", "eu", None).await.expect("it can be moved");
    assert!(moved.iter().all(|home| home.moved && &*home.home == "eu" && home.term == 2), "{moved:?}");
    assert!(matches!(charge(&cluster, "eu", "p-1", "other").await, Err(Refused::AlreadyExists)));
    charge(&cluster, "us", "p-2", "k").await.expect("it is sent on");
    // Who is cut off asks the old home, and reaches nobody.
    assert!(matches!(charge(&cluster, "ap", "p-3", "k").await, Err(Refused::HomeAway { .. })));
    together(&cluster, "ap");
    cluster.pause(5).await;
    let accepted = charge(&cluster, "ap", "p-3", "k").await.expect("it finds the new home");
    assert_eq!(accepted.event.incarnation.region(), cluster.id("eu"));
    apart(&cluster, "ap");
    cluster.pause(5).await;
    let moved = cluster["eu"].replication.move_homes("payment", "ap", None).await.expect("it is a region");
    assert!(moved.iter().all(|home| !home.moved && home.error.is_some()), "nobody would accept: {moved:?}");
}

#[tokio::test(start_paused = true)]
async fn a_region_whose_store_may_be_old_is_no_home_until_it_knows() {
    let mut cluster = Cluster::open(33).await;
    let old = cluster["us"].store.copy();
    cluster["us"].replication.move_homes("payment", "eu", None).await.expect("it can be moved");
    cluster.settled().await;
    cluster.stop("us").await;
    apart(&cluster, "us");
    cluster.start("us", old, false).await;
    cluster.until("it takes commands", |c| c["us"].is_open()).await;
    let refused = charge(&cluster, "us", "p-1", "k").await;
    assert!(matches!(refused, Err(Refused::HomeAway { .. })), "it has given its homes away, and can't know: {refused:?}");
    charge(&cluster, "eu", "p-1", "k2").await.expect("it is the home");
    together(&cluster, "us");
    cluster.pause(20).await;
    assert!(matches!(charge(&cluster, "us", "p-1", "k").await, Err(Refused::AlreadyExists)));
}

#[tokio::test(start_paused = true)]
async fn what_a_lost_region_had_alone_never_counts_and_its_heir_has_the_rest() {
    let cluster = Cluster::open(34).await;
    let stock = async |name: &str, command: &str, quantity: i64| {
        cluster[name].run("product", "tea", command, json!({ "quantity": quantity }), None).await
    };
    stock("us", "restock", 300).await.expect("it is valid");
    charge(&cluster, "us", "p-1", "k").await.expect("it is the home");
    cluster.pause(3).await;
    cluster.settled().await;
    let alive = cluster["eu"].replication.declare_lost("us", None).await;
    assert!(matches!(alive, Err(DeclareRefused::Alive(_))), "{alive:?}");
    apart(&cluster, "us");
    // In its isolation it goes on, in vain.
    stock("us", "reserve", 50).await.expect("it has rights");
    charge(&cluster, "us", "p-2", "lost").await.expect("it is the home");
    cluster.pause(5).await;
    cluster.cut("ap", "eu");
    let absent = cluster["eu"].replication.declare_lost("us", None).await;
    assert!(matches!(absent, Err(DeclareRefused::Absent { .. })), "{absent:?}");
    cluster.heal("ap", "eu");
    cluster.pause(5).await;
    let declared = cluster["eu"].replication.declare_lost("us", Some("ap")).await.expect("nobody hears of it");
    assert_eq!((&*declared.lost, &*declared.heir, declared.before), ("us", "ap", false));
    cluster.pause(10).await;
    let mut sold = 0;
    while stock("ap", "reserve", 10).await.is_ok() {
        sold += 10;
    }
    assert_eq!(sold, 300, "all that counts is there to be sold");
    let accepted = charge(&cluster, "eu", "p-2", "anew").await.expect("the id is free among what counts");
    assert_eq!(accepted.event.incarnation.region(), cluster.id("ap"));
    assert!(matches!(charge(&cluster, "eu", "p-1", "other").await, Err(Refused::AlreadyExists)));
    together(&cluster, "us");
    cluster.pause(10).await;
    let refused = stock("us", "reserve", 1).await;
    assert!(matches!(&refused, Err(Refused::NotAccepting { reason }) if reason.contains("declared lost")), "{refused:?}");
    for name in ["ap", "eu"] {
        assert_eq!(cluster[name].document("product", "tea").await["state"]["stock"], 0, "{name}");
    }
}
