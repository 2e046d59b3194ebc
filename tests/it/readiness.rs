//! When clients should be sent elsewhere.

use serde_json::json;
use std::time::Duration;
use sterna_tests::{Cluster, LinkMode, Options, Ready, Region, eventually};

const PAIR: [&str; 2] = ["us-east", "eu-west"];

#[tokio::test]
async fn a_region_whose_copy_of_a_living_one_is_too_old_is_not_ready_until_it_has_caught_up() {
    let cluster = pair(Ready { lag_seconds_max: 1, staleness_seconds_max: 30 }).await;
    // Everything that comes over this link is older than the bound when it arrives, and keeps coming.
    cluster.link("us-east", "eu-west", LinkMode::Slow(Duration::from_millis(1_300)));
    eventually("it says that it is behind", async || {
        let answer = cluster["eu-west"].get("/readyz").try_send().await?;
        let told = answer.status == 503 && answer.text().contains("s behind us-east");
        if told { Ok(answer.refused(503, "not-ready")) } else { Err(answer.text()) }
    })
    .await;
    cluster.heal("us-east", "eu-west");
    eventually("it is ready again", async || ready(&cluster["eu-west"]).await).await;
}

#[tokio::test]
async fn a_region_whose_only_peer_is_dead_or_cut_off_stays_ready() {
    let mut cluster = pair(Ready { lag_seconds_max: 1, staleness_seconds_max: 30 }).await;
    cluster["us-east"].kill().await;
    eventually("its copy is older than the bound", async || {
        let lag = cluster["eu-west"].metrics().await.value("sterna_replicate_lag_seconds", &[("origin", "us-east")]);
        if lag > Some(4.0) { Ok(()) } else { Err(format!("{lag:?}")) }
    })
    .await;
    assert_eq!(cluster["eu-west"].get("/readyz").send().await.status, 200, "a region that is cut off serves on");
    cluster["eu-west"].command("cart/c/add_item", json!({ "sku": "tea", "quantity": 1 })).ok().await;
}

async fn pair(ready: Ready) -> Cluster {
    let mut cluster = Cluster::prepare(Options::shop(), &PAIR).await;
    cluster.regions_mut().iter_mut().for_each(|region| region.config.ready = Some(ready));
    cluster.regions_mut().iter_mut().for_each(Region::spawn);
    for region in cluster.regions_mut() {
        region.ready().await;
    }
    cluster
}

async fn ready(region: &Region) -> Result<(), String> {
    let answer = region.get("/readyz").try_send().await?;
    if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
}
