//! Bounded counters over three real regions.

use serde_json::json;
use std::cell::Cell;
use sterna_tests::{Cluster, Http, LinkMode, Options, Region, eventually};

const REGIONS: [&str; 3] = ["us-east", "eu-west", "ap-south"];
const RESERVE: &str = "product/tea/reserve";

async fn stocked(quantity: u32) -> Cluster {
    let cluster = Cluster::start(Options::strict(), &REGIONS).await;
    cluster["us-east"].command("product/tea/restock", json!({ "quantity": quantity })).key("stock").ok().await;
    shared_out(&cluster, i64::from(quantity / 3)).await;
    cluster
}

/// Every region has at least `each`, as each region's own word of itself.
async fn shared_out(cluster: &Cluster, each: i64) {
    for region in cluster.regions() {
        eventually(&format!("{} has its part", region.name), async || {
            let status = region.get("/v1/status").try_send().await?.json();
            let rights = status["rights"].as_array().cloned().unwrap_or_default();
            let own = rights.iter().find(|left| left["region"] == *region.name && left["field"] == "stock");
            if own.is_some_and(|left| left["rights"].as_i64() >= Some(each)) { Ok(()) } else { Err(format!("{}", status["rights"])) }
        })
        .await;
    }
}

/// Spends one at a time, `count` times. Each accepted one is counted; a refusal says what is left.
async fn spend(http: &Http, name: &str, count: usize, accepted: &Cell<usize>) {
    for n in 0..count {
        let answer = http.command(RESERVE, json!({ "quantity": 1 })).key(&format!("{name}-{n}")).send().await;
        match answer.status.as_u16() {
            200 => accepted.set(accepted.get() + 1),
            _ => assert!(answer.refused(409, "bound-reached")["available"].is_object()),
        }
    }
}

/// Commands that took rights, or were refused some, by how they were answered.
async fn answered(region: &Region, answer: &str) -> u64 {
    let metrics = region.get("/metrics").ok().await.text();
    let line = metrics.lines().find(|line| line.starts_with(&format!("sterna_write_bounded_commands_total{{answer=\"{answer}\"}}")));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
}

#[tokio::test]
async fn a_thousand_spends_in_three_regions_take_exactly_the_500_that_are_there() {
    let cluster = stocked(500).await;
    let accepted = Cell::new(0);
    let spending = cluster.regions().iter().enumerate().map(|(at, region)| {
        let (http, accepted) = (region.http(), &accepted);
        async move { spend(&http, &region.name, if at == 0 { 334 } else { 333 }, accepted).await }
    });
    futures::future::join_all(spending).await;
    assert_eq!(accepted.get(), 500);
    cluster.agree("/v1/product/tea", "the stock", |product| product["state"]["stock"] == 0).await;
    let (mut local, mut asked) = (0, 0);
    for region in cluster.regions() {
        local += answered(region, "local").await + answered(region, "refused").await;
        asked += answered(region, "moved").await + answered(region, "refused-after-asking").await;
    }
    assert_eq!(local + asked, 1_000);
    assert!(asked <= 10, "{asked} of 1000 asked another region");
}

#[tokio::test]
async fn a_region_that_is_cut_off_spends_its_part_and_the_others_theirs() {
    let cluster = stocked(300).await;
    cluster.isolate("ap-south", LinkMode::Cut);
    let (alone, others) = (Cell::new(0), Cell::new(0));
    let (cut, whole) = (cluster["ap-south"].http(), cluster["us-east"].http());
    tokio::join!(spend(&cut, "cut", 130, &alone), spend(&whole, "whole", 130, &others));
    assert!((100..=110).contains(&alone.get()), "its part, and no more: {}", alone.get());
    assert_eq!(others.get(), 130, "its part, and what eu-west gives");
    cluster.isolate("ap-south", LinkMode::Up);
    // Whatever is left can be had anywhere once the regions reach each other.
    eventually("the rest is spent in the region that was cut off", async || {
        let answer = cut.command(RESERVE, json!({ "quantity": 300 - 130 - alone.get() })).key("rest").try_send().await?;
        if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
    })
    .await;
    cluster.agree("/v1/product/tea", "the stock", |product| product["state"]["stock"] == 0).await;
}

#[tokio::test]
async fn kills_and_cuts_under_load_never_sell_what_is_not_there() {
    let mut cluster = stocked(600).await;
    let (east, west, south) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let (http, other) = (cluster["us-east"].http(), cluster["eu-west"].http());
    let killed = async {
        for n in 0..1_000 {
            match http.command(RESERVE, json!({ "quantity": 1 })).key(&format!("killed-{n}")).try_send().await {
                Ok(answer) if answer.status == 200 => east.set(east.get() + 1),
                Ok(answer) => assert!([409, 503].contains(&answer.status.as_u16()), "{}", answer.text()),
                Err(_) => return,
            }
        }
    };
    tokio::join!(killed, spend(&other, "beside", 150, &west), async {
        eventually("some are sold", async || if east.get() >= 60 { Ok(()) } else { Err(east.get().to_string()) }).await;
        cluster["us-east"].kill().await;
    });
    cluster.isolate("ap-south", LinkMode::Cut);
    cluster["us-east"].start().await;
    spend(&cluster["ap-south"].http(), "cut", 60, &south).await;
    assert_eq!(south.get(), 60, "a region with rights goes on");
    cluster.isolate("ap-south", LinkMode::Up);
    let before = cluster.agree("/v1/product/tea", "the stock", |product| product["state"]["stock"].as_i64() >= Some(0)).await;
    let sold = 600 - before["state"]["stock"].as_i64().expect("it is a number");
    let acknowledged = (east.get() + west.get() + south.get()) as i64;
    // The command that was on its way when the process died may have had its effect.
    assert!((acknowledged..=acknowledged + 1).contains(&sold), "{acknowledged} were acknowledged, {sold} were sold");
    let rest = Cell::new(0);
    eventually("all of it can be sold", async || {
        spend(&cluster["eu-west"].http(), &format!("rest-{}", rest.get()), 1, &rest).await;
        if rest.get() as i64 == 600 - sold { Ok(()) } else { Err(format!("{} of {}", rest.get(), 600 - sold)) }
    })
    .await;
    cluster["us-east"].command(RESERVE, json!({ "quantity": 1 })).send().await.refused(409, "bound-reached");
    cluster.agree("/v1/product/tea", "the stock", |product| product["state"]["stock"] == 0).await;
}
