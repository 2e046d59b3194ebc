//! Peers that are down, or that disagree about the cluster.

use serde_json::{Value, json};
use sterna_tests::{Cluster, LinkMode, Options, Region, eventually};

const PAIR: [&str; 2] = ["us-east", "eu-west"];

#[tokio::test]
async fn a_region_serves_on_alone_while_its_peers_are_down_and_after_a_restart_too() {
    let mut cluster = Cluster::start(Options::shop(), &["us-east", "eu-west", "ap-south"]).await;
    cluster["eu-west"].kill().await;
    cluster["ap-south"].kill().await;
    add(&cluster["us-east"]).await;
    cluster["us-east"].eventually("/v1/views/carts_by_size", "reads go on", |view| view["data"][0]["items"] == 1).await;
    eventually("the status says who is missing", async || {
        let origin = cluster["us-east"].status_of("eu-west").await;
        let lag = origin["lag_seconds"].as_f64().unwrap_or(0.0);
        if origin["connected"] == false && origin["last_error"].is_string() && lag > 1.0 { Ok(()) } else { Err(origin.to_string()) }
    })
    .await;
    cluster["us-east"].kill().await;
    cluster["us-east"].start().await;
    add(&cluster["us-east"]).await;
    cluster["eu-west"].start().await;
    cluster["ap-south"].start().await;
    cluster.agree("/v1/cart/c", "both adds", |cart| cart["state"]["items"]["tea"] == 2).await;
}

#[tokio::test]
async fn a_region_takes_no_commands_before_every_member_has_heard_of_it_and_says_so() {
    let mut cluster = Cluster::prepare(Options::shop(), &PAIR).await;
    cluster["us-east"].spawn();
    let refused = eventually("it says whom it waits for", async || {
        let answer = cluster["us-east"].command("cart/c/add_item", json!({ "sku": "tea", "quantity": 1 })).key("k").try_send().await?;
        assert_ne!(answer.status, 200, "it must not take commands yet");
        if answer.text().contains("eu-west") { Ok(answer) } else { Err(answer.text()) }
    })
    .await;
    refused.refused(503, "not-accepting");
    cluster["us-east"].get("/readyz").send().await.refused(503, "not-ready");
    cluster["eu-west"].start().await;
    cluster["us-east"].ready().await;
    add(&cluster["us-east"]).await;
}

#[tokio::test]
async fn a_peer_with_another_number_of_shards_is_refused_on_both_sides_until_it_is_mended() {
    let mut cluster = Cluster::prepare(Options::shop(), &PAIR).await;
    cluster["eu-west"].config.shards = 8;
    let told = refused_on_both_sides(&mut cluster).await;
    assert!(
        told[0].contains("shards: 8 in region eu-west, 4 in region us-east")
            || told[0].contains("shards: 4 in region us-east, 8 in region eu-west"),
        "{told:?}"
    );

    assert!(cluster["eu-west"].stop().await.success());
    cluster["eu-west"].config.shards = 4;
    if sterna_tests::stream_is_fluvio() {
        // Its topic has eight partitions for good, and all regions' topics are named alike.
        assert!(cluster["us-east"].stop().await.success());
        cluster.regions_mut().iter_mut().filter_map(|region| region.config.fluvio.as_mut()).for_each(|fluvio| fluvio.topic += "-mended");
        cluster["us-east"].spawn();
    }
    // It has nothing yet.
    cluster["eu-west"].forget_data();
    cluster["eu-west"].start().await;
    cluster["us-east"].ready().await;
    add(&cluster["us-east"]).await;
    cluster.agree("/v1/cart/c", "they replicate", |cart| cart["state"]["items"]["tea"] == 1).await;
    for (region, other) in [PAIR, ["eu-west", "us-east"]].map(|[a, b]| (a, b)) {
        assert_eq!(cluster[region].status_of(other).await["refused"], Value::Null);
    }
}

#[tokio::test]
async fn a_peer_with_another_list_of_members_is_refused_on_both_sides() {
    let mut cluster = Cluster::prepare(Options::shop(), &PAIR).await;
    let fluvio = cluster["eu-west"].config.peers[0].fluvio.clone();
    let extra = sterna_tests::Peer { region: "ap-south".to_owned(), port: sterna_tests::free_port(), fluvio };
    cluster["eu-west"].config.peers.push(extra);
    let told = refused_on_both_sides(&mut cluster).await;
    assert!(told.iter().all(|text| text.contains("members: ") && text.contains("ap-south,eu-west,us-east")), "{told:?}");
}

#[tokio::test]
async fn a_peer_with_another_secret_is_refused_on_both_sides() {
    let mut cluster = Cluster::prepare(Options::shop(), &PAIR).await;
    cluster["us-east"].config.secret = Some("one".to_owned());
    cluster["eu-west"].config.secret = Some("two".to_owned());
    let told = refused_on_both_sides(&mut cluster).await;
    assert!(told.iter().all(|text| text.contains("the secrets of region") && !text.contains("one") && !text.contains("two")), "{told:?}");
}

#[tokio::test]
async fn a_peer_whose_model_says_something_else_under_the_same_version_is_refused_on_both_sides() {
    let mut cluster = Cluster::prepare(Options::shop(), &PAIR).await;
    let other = cluster.path("other.toml");
    std::fs::write(&other, Options::shop().model.replace("size(state.coupons) < 3", "size(state.coupons) < 9"))
        .expect("a file can be written");
    cluster["eu-west"].config.model = other;
    let told = refused_on_both_sides(&mut cluster).await;
    assert!(told.iter().all(|text| text.contains("model") && text.contains("version 1")), "{told:?}");
}

#[tokio::test]
async fn an_address_that_is_another_region_s_is_told() {
    let mut cluster = Cluster::prepare(Options::shop(), &["us-east", "eu-west", "ap-south"]).await;
    let wrong = cluster["ap-south"].config.port;
    cluster["us-east"].config.peers.iter_mut().filter(|peer| peer.region == "eu-west").for_each(|peer| peer.port = wrong);
    cluster.regions_mut().iter_mut().for_each(Region::spawn);
    let told = refusal(&cluster["us-east"], "eu-west").await;
    assert!(told.contains("ap-south") && told.contains("eu-west"), "{told}");
}

#[tokio::test]
async fn a_link_that_comes_and_goes_under_load_loses_nothing() {
    let cluster = Cluster::start(Options::marks(), &PAIR).await;
    let loads = [crate::load::Load::new("east"), crate::load::Load::new("west")];
    let (east, west) = (cluster["us-east"].http(), cluster["eu-west"].http());
    let flapping = async {
        for (round, mode) in
            [LinkMode::Cut, LinkMode::Frozen, LinkMode::Cut, LinkMode::Slow(std::time::Duration::from_millis(30))].into_iter().enumerate()
        {
            cluster.link("us-east", "eu-west", mode);
            loads[0].acknowledged((round + 1) * 300).await;
            cluster.heal("us-east", "eu-west");
            loads[1].acknowledged((round + 1) * 320).await;
        }
    };
    tokio::select! {
        _ = async { tokio::join!(loads[0].run(&east), loads[1].run(&west)) } => panic!("they stopped answering"),
        () = flapping => {}
    }
    loads[0].send_again(&east).await;
    loads[1].send_again(&west).await;
    crate::load::assert_exactly_once(&cluster, &loads.iter().collect::<Vec<_>>()).await;
}

async fn add(region: &Region) {
    region.command("cart/c/add_item", json!({ "sku": "tea", "quantity": 1 })).ok().await;
}

/// Starts both regions; gives what each one's status says of the other, which its log must say as well.
async fn refused_on_both_sides(cluster: &mut Cluster) -> Vec<String> {
    cluster.regions_mut().iter_mut().for_each(Region::spawn);
    let mut told = Vec::new();
    for (region, other) in [("us-east", "eu-west"), ("eu-west", "us-east")] {
        let text = refusal(&cluster[region], other).await;
        assert!(cluster[region].log().contains(&text), "the log says it too:\n{}", cluster[region].log());
        let command = cluster[region].command("cart/c/add_item", json!({ "sku": "tea", "quantity": 1 })).send().await;
        command.refused(503, "not-accepting");
        told.push(text);
    }
    told
}

async fn refusal(region: &Region, other: &str) -> String {
    eventually(&format!("{} says why it refuses {other}", region.name), async || {
        region.get("/healthz").try_send().await?;
        let origin = region.status_of(other).await;
        origin["refused"].as_str().map(str::to_owned).ok_or_else(|| origin.to_string())
    })
    .await
}
