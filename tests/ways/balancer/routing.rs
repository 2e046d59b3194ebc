//! Which region a client reaches.

use super::haproxy::infra;
use super::{Balancer, PREFIXES};
use std::time::Duration;
use sterna_tests::{Cluster, LinkMode, Options, Ready, Region, Relay, find};

const THREE: [&str; 3] = ["us-east", "eu-west", "ap-south"];

pub fn ports(cluster: &Cluster) -> Vec<(&str, u16)> {
    cluster.regions().iter().map(|region| (region.name.as_str(), region.config.port)).collect()
}

#[tokio::test]
async fn clients_of_three_prefixes_reach_three_regions_and_a_header_may_override_it() {
    if find("haproxy", "STERNA_HAPROXY", "haproxy").is_none() {
        return;
    }
    let cluster = Cluster::start(Options::shop(), &THREE).await;
    let Some(balancer) = Balancer::start(&ports(&cluster)).await else { return };
    for (source, region) in [("127.0.1.7", "us-east"), ("127.0.2.7", "eu-west"), ("127.0.3.7", "ap-south")] {
        balancer.reaches(source, region).await;
        let answer = balancer.client(source).get("/v1/status").ok().await;
        assert_eq!(answer.header("sterna-server"), Some(region));
    }
    for region in THREE {
        let answer = balancer.client("127.0.1.7").get("/v1/status").header("sterna-region", region).ok().await;
        assert_eq!(answer.json()["region"], region, "the header wins over the prefix");
    }
    let answer = balancer.client("127.0.2.7").get("/v1/status").header("sterna-region", "atlantis").ok().await;
    assert!(THREE.iter().any(|region| answer.json()["region"] == *region), "an unknown region is none: {}", answer.text());
    let told = balancer.stats.get("/metrics").ok().await.text();
    assert!(told.contains(r#"haproxy_server_status{proxy="near_us-east",server="us-east",state="UP"} 1"#), "{told}");
}

#[tokio::test]
async fn who_has_no_prefix_goes_to_the_region_that_answers_fastest_also_when_that_changes() {
    if find("haproxy", "STERNA_HAPROXY", "haproxy").is_none() {
        return;
    }
    let cluster = Cluster::start(Options::shop(), &THREE).await;
    let mut ways = Vec::new();
    for region in cluster.regions() {
        ways.push((region.name.as_str(), Relay::start(region.config.port).await));
    }
    let slow = |delays_ms: [u64; 3]| {
        ways.iter().zip(delays_ms).for_each(|((_, way), ms)| way.set(LinkMode::Slow(Duration::from_millis(ms))));
    };
    slow([120, 10, 60]);
    let near: Vec<(&str, u16)> = ways.iter().map(|(name, way)| (*name, way.port)).collect();
    let Some(balancer) = Balancer::start(&near).await else { return };
    balancer.reaches("127.0.9.9", "eu-west").await;
    slow([120, 200, 20]);
    balancer.reaches("127.0.9.9", "ap-south").await;
    balancer.reaches("127.0.1.1", "us-east").await;
}

#[tokio::test]
async fn a_region_that_is_too_far_behind_or_stopping_gives_its_clients_away_and_gets_them_again() {
    if find("haproxy", "STERNA_HAPROXY", "haproxy").is_none() {
        return;
    }
    let mut cluster = Cluster::prepare(Options::shop(), &THREE[..2]).await;
    let ready = Ready { lag_seconds_max: 1, staleness_seconds_max: 30 };
    cluster.regions_mut().iter_mut().for_each(|region| region.config.ready = Some(ready));
    cluster.regions_mut().iter_mut().for_each(Region::spawn);
    for region in cluster.regions_mut() {
        region.ready().await;
    }
    let Some(balancer) = Balancer::start(&ports(&cluster)).await else { return };
    balancer.reaches("127.0.2.7", "eu-west").await;

    // us-east has eu-west's log in time, eu-west has that of us-east too late.
    cluster.link_one_way("eu-west", "us-east", LinkMode::Slow(Duration::from_millis(1_300)));
    balancer.reaches("127.0.2.7", "us-east").await;
    balancer.reaches("127.0.1.7", "us-east").await;
    cluster.heal("us-east", "eu-west");
    balancer.reaches("127.0.2.7", "eu-west").await;

    assert!(cluster["eu-west"].stop().await.success());
    let answer = balancer.client("127.0.2.7").get("/v1/status").ok().await;
    assert_eq!(answer.json()["region"], "us-east", "the first request after it stopped is answered by the other one");
    cluster["eu-west"].start().await;
    balancer.reaches("127.0.2.7", "eu-west").await;
}

#[tokio::test]
async fn mistakes_in_the_list_of_regions_are_told() {
    let run = async |regions: &[&str]| {
        let output = tokio::process::Command::new(infra().join("render")).args(regions).output().await.expect("there is a shell");
        assert!(!output.status.success(), "{regions:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(run(&["a=h:1", "a=h:2"]).await.contains("region a is named twice"));
    assert!(run(&["a=h"]).await.contains("`h` is no HOST:PORT"));
    assert!(run(&["A b=h:1"]).await.contains("`A b` is no region name"));
    assert!(run(&["us-east"]).await.contains("`us-east` is no NAME=HOST:PORT"));
    assert!(run(&[]).await.contains("name the regions"));
    assert_eq!(PREFIXES.len(), THREE.len());
}
