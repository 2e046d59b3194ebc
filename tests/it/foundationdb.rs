//! Several processes of one region on FoundationDB, and what they refuse.
//!
//! Runs where the tests run on it: `STERNA_TEST_STORE=foundationdb`.

use crate::load::{Load, assert_exactly_once, assert_kept};
use rustix::process::Signal;
use serde_json::json;
use sterna_tests::{Cluster, Options, Region, eventually, foundationdb_clusters, free_port, say, store_is_foundationdb};

const PAIR: [&str; 2] = ["us-east", "eu-west"];

fn skipped(test: &str) -> bool {
    if !store_is_foundationdb() {
        say(&format!("{test}: skipped, STERNA_TEST_STORE is not foundationdb"));
    }
    !store_is_foundationdb()
}

/// Another process of a region, with a folder of its own for what is not in FoundationDB.
fn another(cluster: &Cluster, region: &str) -> Region {
    let mut twin = cluster[region].twin(cluster.path(&format!("{region}-another")), free_port());
    twin.config.data = cluster.path(&format!("{region}-another-data"));
    twin
}

/// Polls until a process has said that it holds the region's lease and all shards'.
async fn leads(region: &Region) {
    let shards = usize::from(region.config.shards);
    eventually(&format!("{} of port {} holds every lease", region.name, region.config.port), async || {
        let log = region.log();
        let said = |held: &str| log.lines().filter(|line| line.contains("lease") && line.contains(held)).count();
        let (taken, lost) = (said("held=true"), said("held=false"));
        if taken == lost + shards + 1 { Ok(()) } else { Err(format!("{taken} taken, {lost} lost")) }
    })
    .await;
}

#[tokio::test]
async fn of_two_processes_one_is_killed_under_load_and_the_other_goes_on_with_everything() {
    if skipped("of_two_processes_one_is_killed") {
        return;
    }
    let mut cluster = Cluster::start(Options::marks(), &PAIR).await;
    let mut second = another(&cluster, "us-east");
    second.start().await;
    leads(&cluster["us-east"]).await;
    let (first_load, second_load) = (Load::new("first"), Load::new("second"));
    let (first_http, second_http) = (cluster["us-east"].http(), second.http());
    let killing = async {
        first_load.acknowledged(300).await;
        cluster["us-east"].kill().await;
        let before = second_load.acked();
        second_load.acknowledged(before + 200).await;
    };
    tokio::join!(first_load.run(&first_http), async {
        tokio::select! {
            () = second_load.run(&second_http) => panic!("the second process stopped answering"),
            () = killing => {}
        }
    });
    assert_kept(&second, &first_load).await;
    // What the dead one did for the region the other does now: it merges what comes from elsewhere.
    leads(&second).await;
    cluster["eu-west"].command("bag/elsewhere/mark", json!({ "mark": "from-eu" })).ok().await;
    second.eventually("/v1/bag/elsewhere", "merged by the second process", |bag| bag["state"]["marks"] == json!(["from-eu"])).await;

    cluster["us-east"].start().await;
    first_load.send_again(&cluster["us-east"].http()).await;
    second_load.send_again(&second.http()).await;
    for region in [&cluster["us-east"], &cluster["eu-west"], &second] {
        region.eventually("/v1/bag/elsewhere", "everywhere", |bag| bag["state"]["count"] == 1).await;
    }
    for region in PAIR {
        assert_kept(&cluster[region], &first_load).await;
        assert_kept(&cluster[region], &second_load).await;
    }
    assert!(second.stop().await.success());
}

#[tokio::test]
async fn a_process_that_was_paused_past_its_leases_loses_nothing_and_doubles_nothing() {
    if skipped("a_process_that_was_paused") {
        return;
    }
    let cluster = Cluster::start(Options::marks(), &PAIR).await;
    let mut second = another(&cluster, "us-east");
    second.start().await;
    leads(&cluster["us-east"]).await;
    let loads = [Load::new("paused"), Load::new("awake"), Load::new("elsewhere")];
    let https = [cluster["us-east"].http(), second.http(), cluster["eu-west"].http()];
    let pausing = async {
        for load in &loads {
            load.acknowledged(150).await;
        }
        cluster["us-east"].signal(Signal::STOP);
        leads(&second).await;
        cluster["us-east"].signal(Signal::CONT);
        for load in &loads {
            let before = load.acked();
            load.acknowledged(before + 100).await;
        }
    };
    tokio::select! {
        () = loads[0].run(&https[0]) => panic!("the paused process stopped answering"),
        () = loads[1].run(&https[1]) => panic!("the other process stopped answering"),
        () = loads[2].run(&https[2]) => panic!("the other region stopped answering"),
        () = pausing => {}
    }
    loads[0].send_again(&https[0]).await;
    loads[1].send_again(&https[1]).await;
    loads[2].send_again(&https[2]).await;
    assert_exactly_once(&cluster, &loads.iter().collect::<Vec<_>>()).await;
    for load in &loads {
        assert_kept(&second, load).await;
    }
    assert!(second.stop().await.success());
}

#[tokio::test]
async fn a_process_that_only_writes_takes_commands_and_answers_no_queries() {
    if skipped("a_process_that_only_writes") {
        return;
    }
    let cluster = Cluster::start(Options::shop(), &["us-east"]).await;
    let mut writer = another(&cluster, "us-east");
    let mut command = writer.serve();
    command.args(["--role", "write"]);
    writer.spawn_as(command);
    writer.ready().await;
    writer.command("cart/c-1/add_item", json!({ "sku": "tea", "quantity": 2 })).ok().await;
    cluster["us-east"].command("cart/c-1/add_item", json!({ "sku": "tea", "quantity": 3 })).ok().await;
    cluster["us-east"].eventually("/v1/cart/c-1", "from both processes", |cart| cart["state"]["items"]["tea"] == 5).await;
    let answer = writer.get("/v1/cart/c-1").send().await;
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("has the role `write` and keeps no projections"), "{}", answer.text());
    assert!(writer.stop().await.success());
}

#[tokio::test]
async fn a_region_may_have_several_clusters_and_each_keeps_its_shards() {
    if skipped("a_region_may_have_several_clusters") {
        return;
    }
    let mut cluster = Cluster::prepare(Options::marks(), &["us-east"]).await;
    let files = foundationdb_clusters(2);
    let on = |ranges: [&'static str; 2]| files.iter().cloned().zip(ranges.map(Some)).collect();
    let store =
        |cluster: &mut Cluster, ranges| cluster["us-east"].config.foundationdb.as_mut().expect("it is the engine").clusters = on(ranges);
    store(&mut cluster, ["0-1", "2-3"]);
    cluster["us-east"].start().await;
    let load = Load::new("spread");
    let http = cluster["us-east"].http();
    tokio::select! {
        () = load.run(&http) => panic!("it stopped answering"),
        () = load.acknowledged(300) => {}
    }
    cluster["us-east"].kill().await;
    for (ranges, told) in [
        (["0-2", "3"], "holds shards 0 to 1 of 4 of this region, and the configuration says shards 0 to 2 of 4"),
        (["2-3", "0-1"], "the configuration says shards"),
        (["0-1", "3"], "shards 2 to 2 are in no cluster"),
        (["0-2", "2-3"], "shard 2 is in two clusters"),
    ] {
        store(&mut cluster, ranges);
        let outcome = cluster["us-east"].serve_to_its_end().await;
        assert!(outcome.code == Some(1) && outcome.stderr.contains(told), "{ranges:?}: {outcome:?}");
    }
    store(&mut cluster, ["0-1", "2-3"]);
    cluster["us-east"].start().await;
    load.send_again(&cluster["us-east"].http()).await;
    assert_exactly_once(&cluster, &[&load]).await;
}

#[tokio::test]
async fn the_status_shows_how_the_cluster_does() {
    if skipped("the_status_shows") {
        return;
    }
    let cluster = Cluster::start(Options::shop(), &["us-east"]).await;
    let status = cluster["us-east"].eventually("/v1/status", "a healthy cluster", |status| {
        status["store"]["engine"] == "foundationdb" && status["store"]["clusters"][0]["redundancy"] == "single"
    });
    let status = status.await.json();
    assert_eq!(status["store"]["clusters"][0]["available"], true, "{status}");
}

#[tokio::test]
async fn projections_may_be_in_the_cluster_too() {
    if skipped("projections_may_be_in_the_cluster") {
        return;
    }
    let mut cluster = Cluster::prepare(Options::shop(), &["us-east"]).await;
    cluster["us-east"].config.foundationdb.as_mut().expect("it is the engine").read = true;
    cluster["us-east"].start().await;
    cluster["us-east"].command("cart/c-1/add_item", json!({ "sku": "tea", "quantity": 2 })).ok().await;
    cluster["us-east"].eventually("/v1/views/carts_by_size", "a row", |view| view["data"][0]["items"] == 2).await;
    let other = another(&cluster, "us-east").serve_to_its_end().await;
    assert!(other.stderr.contains("another process of this region keeps the read store"), "{other:?}");
    assert_eq!(cluster["us-east"].stop().await.code(), Some(0));
    cluster["us-east"].start().await;
    cluster["us-east"].eventually("/v1/cart/c-1", "after a restart", |cart| cart["state"]["items"]["tea"] == 2).await;
}
