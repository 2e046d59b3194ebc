//! A store that is an old copy of itself.

use crate::cluster::Cluster;
use serde_json::json;
use std::sync::Arc;
use sterna_store::{Limits, Memory};
use sterna_write::Gate;

async fn assert_whole(cluster: &Cluster, items: usize) {
    let mut found = 0;
    for id in 0..5 {
        let document = cluster.document("cart", &format!("c-{id}")).await;
        let map = document["items"].as_object().expect("it is a map");
        assert!(map.values().all(|quantity| quantity == 1), "{document}");
        found += map.len();
    }
    assert_eq!(found, items);
}

async fn add(cluster: &Cluster, name: &str, numbers: std::ops::Range<usize>) {
    for n in numbers {
        cluster[name].add(&format!("c-{}", n % 5), &format!("{name}-{n}")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_copy_is_noticed_and_nothing_is_lost_or_doubled() {
    for marked in [false, true] {
        let mut cluster = Cluster::open(21).await;
        add(&cluster, "eu", 0..30).await;
        add(&cluster, "us", 0..10).await;
        cluster.settled().await;
        let before = cluster["eu"].writer.region().life();
        let old = cluster["eu"].store.copy();
        add(&cluster, "eu", 30..60).await;
        add(&cluster, "ap", 0..10).await;
        cluster.settled().await;
        cluster.stop("eu").await;
        add(&cluster, "ap", 10..20).await;

        cluster.start("eu", old, marked).await;
        cluster.until("the gate is open", |c| c["eu"].is_open()).await;
        let life = cluster["eu"].writer.region().life();
        assert!(life.epoch > before.epoch && life.incarnation > before.incarnation, "{before:?} {life:?}");
        add(&cluster, "eu", 60..70).await;
        cluster.settled().await;
        assert_whole(&cluster, 100).await;
        assert_eq!(cluster["eu"].metric("sterna_replicate_recovered_entries_total"), 30.0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_lost_comes_back_from_peers_that_return_later() {
    let mut cluster = Cluster::open(22).await;
    add(&cluster, "eu", 0..20).await;
    cluster.settled().await;
    let old = cluster["eu"].store.copy();
    add(&cluster, "eu", 20..40).await;
    cluster.settled().await;
    cluster.stop("eu").await;
    cluster.cut("eu", "us");
    cluster.cut("eu", "ap");
    cluster.start("eu", old, false).await;
    cluster.until("it opens though it hears nobody", |c| c["eu"].is_open()).await;
    assert_eq!(cluster["eu"].metric("sterna_replicate_lives_begun_total"), 1.0);
    add(&cluster, "eu", 40..50).await;
    // It starts again before anybody is back, and still knows whom it has to ask.
    let store = cluster.stop("eu").await;
    add(&cluster, "us", 0..10).await;
    cluster.heal("eu", "us");
    cluster.start("eu", store, false).await;
    cluster.heal("eu", "ap");
    cluster.until("the gate is open", |c| c["eu"].is_open()).await;
    cluster.pause(15).await;
    cluster.settled().await;
    assert_whole(&cluster, 60).await;
}

/// What others count as settled is what it said to have applied: it writes nothing before it has that again.
#[tokio::test(start_paused = true)]
async fn a_copy_knows_what_it_knew_of_the_others_before_it_takes_commands() {
    let mut cluster = Cluster::open(27).await;
    cluster.settled().await;
    // Nothing of its own log is lost, and its folder does not tell it.
    let old = cluster["eu"].store.copy();
    let before = cluster["eu"].writer.region().life();
    add(&cluster, "us", 0..20).await;
    cluster.settled().await;
    cluster.pause(3).await;
    cluster.stop("eu").await;
    cluster.start("eu", old, false).await;
    cluster.cut("eu", "us");
    cluster.pause(20).await;
    assert!(!cluster["eu"].is_open(), "us has not been asked");
    cluster.heal("eu", "us");
    cluster.until("the gate is open", |c| c["eu"].is_open()).await;
    assert!(cluster["eu"].writer.region().life().epoch > before.epoch);
    assert_whole(&cluster, 20).await;
    add(&cluster, "eu", 0..10).await;
    cluster.settled().await;
    assert_whole(&cluster, 30).await;
}

/// Its frames are still on their way to peers when it has lost them and says that a new life has begun.
#[tokio::test(start_paused = true)]
async fn what_a_lost_disk_had_sent_comes_back_or_is_taken_by_nobody() {
    let mut cluster = Cluster::open(28).await;
    add(&cluster, "eu", 0..10).await;
    cluster.settled().await;
    let old = cluster["eu"].store.copy();
    let us = cluster.stop("us").await;
    let ap = cluster.stop("ap").await;
    add(&cluster, "eu", 10..20).await;
    cluster.pause(2).await;
    cluster.stop("eu").await;
    // Of the peers one is asked before it follows the stream again, where those frames are, and one behind that.
    cluster.start("eu", old, true).await;
    cluster.start("us", us, false).await;
    cluster.pause(3).await;
    cluster.start("ap", ap, false).await;
    cluster.until("every gate is open", |c| c.nodes.values().all(|node| node.is_open())).await;
    add(&cluster, "eu", 20..30).await;
    cluster.settled().await;
    let mut found = 0;
    for id in 0..5 {
        // The same in every region.
        let document = cluster.document("cart", &format!("c-{id}")).await;
        found += document["items"].as_object().expect("it is a map").len();
    }
    assert!((20..=30).contains(&found), "{found}");
}

#[tokio::test(start_paused = true)]
async fn reactions_of_copied_back_events_have_one_effect() {
    let mut cluster = Cluster::open(23).await;
    let old = cluster["eu"].store.copy();
    for n in 0..20 {
        let args = json!({"amount": 1, "to": format!("to-{}", n % 3)});
        cluster["eu"].run("account", "from", "debit", args, None).await.expect("it is valid");
    }
    cluster.settled().await;
    cluster.stop("eu").await;
    cluster.start("eu", old, false).await;
    cluster.until("the gate is open", |c| c["eu"].is_open()).await;
    cluster.pause(3).await;
    cluster.settled().await;
    let mut credited = 0;
    for n in 0..3 {
        credited += cluster.document("account", &format!("to-{n}")).await["balance"].as_i64().expect("it is a number");
    }
    assert_eq!(credited, 20);
}

#[tokio::test(start_paused = true)]
async fn a_whole_store_keeps_its_life_when_all_peers_say_so() {
    let mut cluster = Cluster::open(24).await;
    add(&cluster, "eu", 0..10).await;
    let before = cluster["eu"].writer.region().life();
    let store = cluster.stop("eu").await;
    cluster.start("eu", store, false).await;
    assert!(matches!(cluster["eu"].writer.region().gate(), Gate::Closed(_)));
    cluster.until("the gate is open", |c| c["eu"].is_open()).await;
    assert_eq!(cluster["eu"].writer.region().life(), before);
    add(&cluster, "eu", 10..20).await;
    cluster.settled().await;
    assert_whole(&cluster, 20).await;
}

#[tokio::test(start_paused = true)]
async fn no_process_takes_commands_before_one_has_found_out_whether_the_store_is_old() {
    for silent in [false, true] {
        let mut cluster = Cluster::new(26);
        let shared = || Arc::new(Memory::new(Limits { sole_writer: false, ..Limits::default() }, 1_000_000));
        cluster.start_process("eu", "eu", shared(), false).await;
        for name in ["ap", "us"] {
            cluster.start(name, Memory::default(), false).await;
        }
        cluster.until("every gate is open", |c| c.nodes.values().all(|node| node.is_open())).await;
        add(&cluster, "eu", 0..20).await;
        cluster.settled().await;
        let old = Arc::new(cluster["eu"].store.copy());
        let before = cluster["eu"].writer.region().life();
        add(&cluster, "eu", 20..40).await;
        cluster.settled().await;
        cluster.stop("eu").await;
        if silent {
            // So the first process asks for as long as it may.
            cluster.cut("eu", "ap");
        }
        cluster.start_process("eu", "eu", Arc::clone(&old), false).await;
        cluster.start_process("eu-2", "eu", old, false).await;
        let opened = |c: &Cluster| ["eu", "eu-2"].iter().filter(|name| c[name].is_open()).count();
        if silent {
            cluster.pause(20).await;
            assert_eq!(opened(&cluster), 0, "a copy takes commands before every peer has said what it holds");
            let Gate::Closed(reason) = cluster["eu"].writer.region().gate() else { unreachable!("it is closed") };
            assert!(reason.contains("ap has not said yet what it holds"), "{reason}");
            cluster.heal("eu", "ap");
        }
        cluster.until("one takes commands", |c| opened(c) > 0).await;
        for name in ["eu", "eu-2"] {
            let region = cluster[name].writer.region();
            assert!(!cluster[name].is_open() || region.life().epoch > before.epoch, "{name} goes on in the old life");
        }
        cluster.until("both take commands", |c| opened(c) == 2).await;
        let lives = ["eu", "eu-2"].map(|name| cluster[name].writer.region().life());
        assert_eq!(lives[0], lives[1]);
        add(&cluster, "eu", 40..50).await;
        add(&cluster, "eu-2", 50..60).await;
        cluster.pause(20).await;
        cluster.settled().await;
        let mut found = 0;
        for id in 0..5 {
            let document = cluster.document("cart", &format!("c-{id}")).await;
            found += document["items"].as_object().expect("it is a map").len();
        }
        assert_eq!(found, 60, "silent: {silent}");
    }
}
