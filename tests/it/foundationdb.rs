//! Several processes of one region on FoundationDB, and what they refuse.
//!
//! Runs where the tests run on it: `STERNA_TEST_STORE=foundationdb`.

use crate::load::{Load, assert_exactly_once, assert_kept};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::cell::Cell;
use sterna_env::Env;
use sterna_tests::{
    Cluster, FoundationDbStore, Options, Region, eventually, foundationdb_cluster_of_its_own, foundationdb_clusters, free_port, run, say,
    sterna, store_is_foundationdb,
};

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
async fn what_a_killed_process_did_for_its_region_another_does_soon() {
    if skipped("what_a_killed_process_did") {
        return;
    }
    let mut cluster = Cluster::prepare(Options::marks(), &PAIR).await;
    // Projections in the cluster, so that one process at a time projects.
    cluster["us-east"].config.foundationdb.as_mut().expect("it is the engine").read = true;
    for name in PAIR {
        cluster[name].spawn();
    }
    for name in PAIR {
        cluster[name].ready().await;
    }
    let mut second = another(&cluster, "us-east");
    second.start().await;
    leads(&cluster["us-east"]).await;
    cluster["us-east"].command("bag/before/mark", json!({ "mark": "first" })).ok().await;
    cluster["us-east"].eventually("/v1/bag/before", "projected by the first process", |bag| bag["state"]["count"] == 1).await;
    let standby = second.get("/v1/bag/before").send().await;
    assert!(standby.status == 503 && standby.text().contains("another process of this region"), "{}", standby.text());

    let env = Env::real();
    cluster["us-east"].kill().await;
    let began = env.now();
    cluster.point_to("us-east", second.config.port);
    cluster["eu-west"].command("bag/elsewhere/mark", json!({ "mark": "from-eu" })).ok().await;
    second.command("bag/here/mark", json!({ "mark": "from-us" })).ok().await;
    let taken = async {
        leads(&second).await;
        env.now() - began
    };
    let resolved = async {
        second.eventually("/v1/bag/elsewhere", "resolved and projected", |bag| bag["state"]["count"] == 1).await;
        env.now() - began
    };
    let relayed = async {
        cluster["eu-west"].eventually("/v1/bag/here", "relayed", |bag| bag["state"]["count"] == 1).await;
        env.now() - began
    };
    let (taken, resolved, relayed) = tokio::join!(taken, resolved, relayed);
    say(&format!("after a kill: leases taken over in {taken:.1?}, merged and projected in {resolved:.1?}, relayed in {relayed:.1?}"));
    second.eventually("/v1/bag/before", "what the first one had projected", |bag| bag["state"]["count"] == 1).await;
    assert!(second.stop().await.success());
}

#[tokio::test]
async fn a_cluster_that_is_killed_under_load_comes_back_with_everything_and_nothing_twice() {
    if skipped("a_cluster_that_is_killed_under_load") {
        return;
    }
    let server = foundationdb_cluster_of_its_own();
    let mut cluster = Cluster::prepare(Options::marks(), &PAIR).await;
    cluster["us-east"].config.foundationdb.as_mut().expect("it is the engine").clusters = vec![(server.cluster_file(), None)];
    for name in PAIR {
        cluster[name].spawn();
    }
    for name in PAIR {
        cluster[name].ready().await;
    }
    let http = cluster["us-east"].http();
    let mut loads = Vec::new();
    for round in 0..3 {
        let load = Load::new(format!("round-{round}"));
        let killed = Cell::new(false);
        let killing = async {
            load.acknowledged(200).await;
            server.kill();
            server.resume();
            killed.set(true);
            let before = load.acked();
            load.acknowledged(before + 100).await;
        };
        tokio::select! {
            // Where the server needs longer than a command may wait, it is refused, and sent again below.
            () = load.run(&http) => assert!(killed.get(), "nobody answers, though the server was not killed yet"),
            () = killing => {}
        }
        server.available();
        cluster["us-east"].ready().await;
        load.send_again(&http).await;
        loads.push(load);
    }
    assert_exactly_once(&cluster, &loads.iter().collect::<Vec<_>>()).await;
}

#[tokio::test]
async fn homes_rights_and_fences_hold_over_all_processes_and_clusters_of_a_region() {
    if skipped("homes_rights_and_fences") {
        return;
    }
    let mut cluster = Cluster::prepare(Options::strict(), &PAIR).await;
    let files = foundationdb_clusters(2);
    let store = cluster["us-east"].config.foundationdb.as_mut().expect("it is the engine");
    store.clusters = files.into_iter().zip([Some("0-1"), Some("2-3")]).collect();
    for name in PAIR {
        cluster[name].spawn();
    }
    for name in PAIR {
        cluster[name].ready().await;
    }
    let mut second = another(&cluster, "us-east");
    second.start().await;
    let first = &cluster["us-east"];

    // Two processes sell from stocks in both clusters.
    for n in 0..8 {
        first.command(&format!("product/p{n}/restock"), json!({ "quantity": 10 })).ok().await;
        second.command(&format!("product/p{n}/reserve"), json!({ "quantity": 1 })).ok().await;
    }
    for process in [first, &second] {
        process
            .eventually("/v1/status", "the rights of all shards", |status| {
                let rights = status["rights"].as_array().map_or(&[][..], Vec::as_slice);
                let stock = rights.iter().filter(|rights| rights["type"] == "product" && rights["field"] == "stock");
                stock.filter_map(|rights| rights["rights"].as_i64()).sum::<i64>() == 8 * 9
            })
            .await;
    }

    // A home that one process gives away.
    second.command("payment/before/charge", json!({ "amount": 1 })).ok().await;
    let url = format!("http://127.0.0.1:{}", first.config.port);
    eventually("the home moves", async || {
        let moved = run(sterna().args(["homes", "move", "payment", "--to", "eu-west", "--url", &url])).await;
        if moved.code == Some(0) { Ok(()) } else { Err(format!("{moved:?}")) }
    })
    .await;
    for n in 0..8 {
        let charged = second.command(&format!("payment/after-{n}/charge"), json!({ "amount": 1 })).ok().await.json();
        assert_eq!(charged["event"].as_str().and_then(|dot| dot.split('.').next()), Some("0"), "eu-west is the first by name: {charged}");
    }
    let home = |status: &Value| {
        let homes = status["homes"].as_array().map_or(&[][..], Vec::as_slice);
        homes.contains(&json!({ "type": "payment", "region": "eu-west", "shards": [0, 1, 2, 3] }))
    };
    second.eventually("/v1/status", "the second process knows the home", home).await;

    // A region that one process declares lost, when it has merged all that counts.
    first.eventually("/v1/payment/after-7", "merged", |payment| payment["state"]["amount"] == 1).await;
    cluster["eu-west"].kill().await;
    eventually("it is silent, and declared lost", async || {
        let told = run(sterna().args(["regions", "declare-lost", "eu-west", "--confirm", "eu-west", "--url", &url])).await;
        if told.code == Some(0) { Ok(()) } else { Err(told.stderr) }
    })
    .await;
    let heir = |status: &Value| {
        let regions = status["regions"].as_array().map_or(&[][..], Vec::as_slice);
        regions.iter().any(|region| region["region"] == "eu-west" && region["lost"] == "us-east")
    };
    second.eventually("/v1/status", "the second process knows that it is lost", heir).await;
    eventually("the second process takes what was at home there", async || {
        let answer = second.command("payment/anew/charge", json!({ "amount": 1 })).key("anew").try_send().await?;
        if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
    })
    .await;
    assert!(second.stop().await.success());
}

#[tokio::test]
async fn without_the_library_the_binary_starts_and_says_what_the_engine_needs() {
    if skipped("without_the_library") {
        return;
    }
    let mut cluster = Cluster::prepare(Options::shop(), &["us-east"]).await;
    let store = cluster["us-east"].config.foundationdb.take().expect("it is the engine");
    let embedded = cluster["us-east"].config.clone();
    cluster["us-east"].config.foundationdb = Some(FoundationDbStore { library: Some(cluster.path("libfdb_c.so")), ..store });
    let outcome = cluster["us-east"].serve_to_its_end().await;
    let needs = "the engine `foundationdb` needs FoundationDB's client library";
    assert!(outcome.code == Some(1) && outcome.stderr.contains(needs), "{outcome:?}");
    assert!(outcome.stderr.contains("install foundationdb-clients 7.3"), "{outcome:?}");
    // The same binary is a region on the embedded engine.
    cluster["us-east"].config = embedded;
    cluster["us-east"].start().await;
    cluster["us-east"].command("cart/c-1/add_item", json!({ "sku": "tea", "quantity": 2 })).ok().await;
}

#[tokio::test]
async fn the_status_shows_how_the_cluster_does() {
    if skipped("the_status_shows") {
        return;
    }
    let cluster = Cluster::start(Options::shop(), &["us-east"]).await;
    let status = cluster["us-east"].eventually("/v1/status", "a healthy cluster", |status| {
        let cluster = &status["store"]["clusters"][0];
        status["store"]["engine"] == "foundationdb" && cluster["redundancy"] == "single" && cluster["healthy"] == true
    });
    let status = status.await.json();
    let shown = &status["store"]["clusters"][0];
    assert_eq!((&shown["available"], &shown["fault_tolerance"], &shown["shards"]), (&json!(true), &json!(0), &json!("0-3")), "{status}");
    let url = format!("http://127.0.0.1:{}", cluster["us-east"].config.port);
    let told = run(sterna().args(["status", "--url", &url])).await;
    let line = told.stdout.lines().find(|line| line.contains("store foundationdb")).unwrap_or_else(|| panic!("{told:?}"));
    say(&format!("sterna status:\n{}", told.stdout));
    for part in ["7.3.", "shards 0-3 in ", "fdb.cluster: healthy, single", "no machine may fail", " GB free"] {
        assert!(line.contains(part), "no `{part}` in: {line}");
    }
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
    let mut other = another(&cluster, "us-east");
    other.start().await;
    other.command("cart/c-1/add_item", json!({ "sku": "tea", "quantity": 3 })).ok().await;
    cluster["us-east"].eventually("/v1/cart/c-1", "from both processes", |cart| cart["state"]["items"]["tea"] == 5).await;
    assert_eq!(other.get("/v1/cart/c-1").send().await.status, 503);
    // Who stops gives its leases back.
    assert_eq!(cluster["us-east"].stop().await.code(), Some(0));
    other.eventually("/v1/cart/c-1", "by the other process", |cart| cart["state"]["items"]["tea"] == 5).await;
    cluster["us-east"].start().await;
    assert!(other.stop().await.success());
    cluster["us-east"].eventually("/v1/cart/c-1", "after a restart", |cart| cart["state"]["items"]["tea"] == 5).await;
}
