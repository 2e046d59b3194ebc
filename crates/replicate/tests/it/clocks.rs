//! Wall clocks that are wrong, or are set.

use crate::cluster::{Cluster, NAMES};
use serde_json::json;
use std::time::Duration;
use sterna_crdt::Clock;
use sterna_log::AggregateId;
use sterna_write::{Gate, Refused};

const HOUR_MS: i64 = 3_600_000;

async fn annotate(cluster: &Cluster, name: &str, id: &str, note: &str) -> Result<(), Refused> {
    cluster[name].run("cart", id, "annotate", json!({ "note": note }), None).await.map(drop)
}

/// Of the aggregate's last event.
async fn clock(cluster: &Cluster, name: &str, id: &str) -> Clock {
    let ids = [AggregateId { kind: "cart".into(), id: id.into() }];
    let held = cluster[name].writer.states().get_many(&ids).await.expect("memory can be read").swap_remove(0);
    held.expect("it has events").clock
}

fn closed(cluster: &Cluster, name: &str) -> Option<String> {
    match cluster[name].writer.region().gate() {
        Gate::Open => None,
        Gate::Closed(reason) => Some(reason),
    }
}

#[tokio::test(start_paused = true)]
async fn a_region_whose_clock_runs_ahead_of_all_others_refuses_commands_until_it_is_set() {
    let cluster = Cluster::open(41).await;
    cluster.set_clock("eu", 30_000);
    cluster.pause(20).await;
    assert_eq!(closed(&cluster, "eu"), None, "half a minute is borne");
    cluster.set_clock("eu", HOUR_MS);
    cluster.until("the clock is noticed", |c| closed(c, "eu").is_some()).await;
    let reason = closed(&cluster, "eu").unwrap_or_default();
    assert!(
        reason.contains("its clock is 3") && reason.contains("s ahead of every other region's") && reason.contains("set the clock"),
        "{reason}"
    );
    assert!(matches!(annotate(&cluster, "eu", "c", "late").await, Err(Refused::NotAccepting { .. })));
    for name in ["ap", "us"] {
        annotate(&cluster, name, "c", name).await.expect("the others go on");
        assert_eq!(closed(&cluster, name), None, "{name} is behind one region only");
    }
    // What the others write is merged there all the same.
    cluster.settled().await;
    cluster.set_clock("eu", 0);
    cluster.until("it takes commands again", |c| closed(c, "eu").is_none()).await;
    annotate(&cluster, "eu", "c", "again").await.expect("its clock is right");
    cluster.settled().await;
    assert_eq!(cluster.document("cart", "c").await["note"], "again");
}

#[tokio::test(start_paused = true)]
async fn a_region_that_hears_nobody_can_t_know_and_goes_on() {
    let cluster = Cluster::open(42).await;
    cluster.cut("eu", "ap");
    cluster.cut("eu", "us");
    cluster.pause(30).await;
    cluster.set_clock("eu", HOUR_MS);
    cluster.pause(30).await;
    annotate(&cluster, "eu", "c", "alone").await.expect("a region that is cut off takes commands");
    cluster.heal("eu", "ap");
    cluster.heal("eu", "us");
    cluster.until("it hears of the others' clocks", |c| closed(c, "eu").is_some()).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_from_the_future_applies_is_counted_and_lifts_the_clock_of_its_aggregate_alone() {
    let cluster = Cluster::open(43).await;
    cluster.set_clock("eu", HOUR_MS);
    annotate(&cluster, "eu", "c", "from the future").await.expect("nobody has noticed yet");
    cluster.settled().await;
    for name in ["ap", "us"] {
        assert_eq!(cluster[name].metric("sterna_write_future_clocks_total"), 1.0, "{name}");
    }
    let future = clock(&cluster, "ap", "c").await;
    annotate(&cluster, "ap", "c", "after it").await.expect("its clock is right");
    assert!(clock(&cluster, "ap", "c").await > future, "who has seen it comes behind it");
    annotate(&cluster, "ap", "other", "now").await.expect("its clock is right");
    let other = clock(&cluster, "ap", "other").await;
    let now_ms = cluster["ap"].writer.region().env.wall_ms();
    assert!(other.ms() <= now_ms + 60_000, "no further than a minute: {} ms", other.ms() - now_ms);
    cluster.settled().await;
    assert_eq!(cluster.document("cart", "c").await["note"], "after it");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_back_reorders_nothing() {
    let mut cluster = Cluster::open(44).await;
    for n in 0..5 {
        annotate(&cluster, "eu", "c", &format!("before {n}")).await.expect("it is valid");
    }
    cluster.settled().await;
    cluster.set_clock("eu", -HOUR_MS);
    annotate(&cluster, "eu", "c", "after").await.expect("clocks behind are no reason to refuse");
    annotate(&cluster, "eu", "new", "first").await.expect("it is valid");
    annotate(&cluster, "eu", "new", "second").await.expect("it is valid");
    cluster.settled().await;
    assert_eq!(cluster.document("cart", "c").await["note"], "after");
    assert_eq!(cluster.document("cart", "new").await["note"], "second");
    // A process that starts then has forgotten the region's clock, and not the aggregates'.
    let store = cluster.stop("eu").await;
    cluster.start("eu", store, false).await;
    cluster.until("every gate is open", |c| NAMES.iter().all(|name| c[name].is_open())).await;
    annotate(&cluster, "eu", "c", "after the start").await.expect("it is valid");
    cluster.env.sleep(Duration::from_millis(10)).await;
    cluster.settled().await;
    assert_eq!(cluster.document("cart", "c").await["note"], "after the start");
}
