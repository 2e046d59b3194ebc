//! What regions tell Prometheus: everything is written down in the reference, and lag is never 0 because nobody answers.

use serde_json::json;
use std::collections::BTreeMap;
use sterna_tests::{Cluster, Family, Metrics, Options, Region, eventually, eventually_within};

const THREE: [&str; 3] = ["us-east", "eu-west", "ap-south"];
const REFERENCE: &str = include_str!("../../docs/metrics.md");

#[tokio::test]
async fn the_reference_lists_what_a_region_exports_and_nothing_else() {
    let cluster = Cluster::start(Options::shop(), &["us-east", "eu-west"]).await;
    add(&cluster["us-east"], 1).await;
    cluster["us-east"].command("product/tea/restock", json!({ "quantity": 10 })).ok().await;
    cluster.agree("/v1/views/carts_by_size", "the cart", |view| view["data"][0]["items"] == 1).await;
    let referred = reference();
    let told = eventually("everything that is referred to is exported", async || {
        let told = cluster["us-east"].metrics().await;
        let missing: Vec<_> = referred.keys().filter(|name| !told.families.contains_key(*name)).collect();
        if missing.is_empty() { Ok(told) } else { Err(format!("not exported: {missing:?}")) }
    })
    .await;
    for (name, family) in &told.families {
        let row = referred.get(name).unwrap_or_else(|| panic!("docs/metrics.md has no row for {name}: {family:?}"));
        assert_eq!((&row.kind, &row.labels), (&family.kind, &family.labels), "{name}: type and labels as docs/metrics.md says");
        assert!(family.help.len() > 5, "{name} is explained");
        let total = name.ends_with("_total");
        assert_eq!(total, family.kind == "counter", "{name}: counters end with _total, nothing else does");
    }
}

#[tokio::test]
async fn every_series_exists_before_anything_happens_so_that_the_first_time_is_seen() {
    let cluster = Cluster::start(Options::shop(), &["us-east", "eu-west"]).await;
    let told = cluster["us-east"].metrics().await;
    let zero = |name: &str, labels: &[(&str, &str)]| assert_eq!(told.value(name, labels), Some(0.0), "{name} {labels:?}");
    zero("sterna_write_conflicts_total", &[("type", "cart"), ("field", "address"), ("rule", "keep")]);
    zero("sterna_write_conflicts_total", &[("type", "cart"), ("field", "note"), ("rule", "latest")]);
    zero("sterna_write_conflicts_total", &[("type", "cart"), ("field", ""), ("rule", "void")]);
    zero("sterna_write_commands_total", &[("outcome", "guard-refused")]);
    zero("sterna_replicate_holes_total", &[("origin", "eu-west")]);
    zero("sterna_replicate_repairs_total", &[("from", "eu-west")]);
    let build = told.samples.iter().find(|sample| sample.name == "sterna_build_info").expect("it says what runs");
    assert_eq!((build.labels["model_version"].as_str(), build.labels["model_hash"].len()), ("1", 32));
}

#[tokio::test]
async fn commands_are_counted_and_timed_by_outcome_and_conflicts_by_type_field_and_rule() {
    let cluster = Cluster::start(Options::shop(), &["us-east", "eu-west"]).await;
    add(&cluster["us-east"], 3).await;
    let refused = cluster["us-east"].command("cart/c/remove_item", json!({ "sku": "none" })).send().await;
    refused.refused(422, "guard-refused");
    let told = cluster["us-east"].metrics().await;
    for (outcome, count) in [("accepted", 3.0), ("guard-refused", 1.0), ("replayed", 0.0)] {
        assert_eq!(told.value("sterna_write_commands_total", &[("outcome", outcome)]), Some(count), "{outcome}");
    }
    for (outcome, count) in [("accepted", 3.0), ("guard-refused", 1.0)] {
        assert_eq!(told.value("sterna_write_command_duration_seconds_count", &[("outcome", outcome)]), Some(count), "{outcome}");
    }
    assert!(told.value("sterna_write_batch_commands_sum", &[]) >= Some(3.0));

    cluster.cut("us-east", "eu-west");
    for (region, address) in [("us-east", "Kiel"), ("eu-west", "Oslo")] {
        cluster[region].command("cart/c/ship_to", json!({ "address": address })).ok().await;
    }
    cluster.heal("us-east", "eu-west");
    for region in cluster.regions() {
        eventually(&format!("{} counts the conflict", region.name), async || {
            let labels = [("type", "cart"), ("field", "address"), ("rule", "keep")];
            let conflicts = region.metrics().await.value("sterna_write_conflicts_total", &labels);
            if conflicts >= Some(1.0) { Ok(()) } else { Err(format!("{conflicts:?}")) }
        })
        .await;
    }
}

#[tokio::test]
async fn what_a_cut_off_or_dead_region_lacks_grows_with_every_write_and_survives_a_restart_of_the_origin() {
    let mut cluster = Cluster::start(Options::shop(), &THREE).await;
    add(&cluster["us-east"], 5).await;
    let settled =
        |events: &serde_json::Value| events["data"].as_array().is_some_and(|data| data.iter().all(|event| event["settled"] == true));
    cluster["us-east"].eventually("/v1/cart/c/events", "every region has confirmed it", settled).await;
    lacks(&cluster["us-east"], "ap-south", 0.0).await;
    lacks(&cluster["us-east"], "eu-west", 0.0).await;

    cluster.isolate("ap-south", sterna_tests::LinkMode::Cut);
    add(&cluster["us-east"], 7).await;
    lacks(&cluster["us-east"], "ap-south", 7.0).await;
    lacks(&cluster["us-east"], "eu-west", 0.0).await;
    add(&cluster["us-east"], 4).await;
    lacks(&cluster["us-east"], "ap-south", 11.0).await;
    let ages = eventually("both ends see the silence grow", async || {
        let east = cluster["us-east"].metrics().await;
        let south = cluster["ap-south"].metrics().await;
        let ages = [age(&east, "ap-south", "us-east"), age(&south, "us-east", "ap-south"), lag(&south, "us-east", "ap-south")];
        if ages.iter().all(|age| *age > 4.0) { Ok(ages) } else { Err(format!("{ages:?}")) }
    })
    .await;

    cluster["ap-south"].kill().await;
    cluster["us-east"].stop().await;
    cluster["us-east"].start().await;
    // What had been confirmed is written down every ten seconds: a little more may be counted, never less.
    eventually("it still knows what ap-south lacks", async || {
        let told = cluster["us-east"].metrics().await.value("sterna_replicate_lag_events", &[("destination", "ap-south")]);
        if told >= Some(11.0) && told <= Some(16.0) { Ok(()) } else { Err(format!("{told:?}, {ages:?}")) }
    })
    .await;
    cluster.isolate("ap-south", sterna_tests::LinkMode::Up);
    cluster["ap-south"].start().await;
    lacks(&cluster["us-east"], "ap-south", 0.0).await;
    eventually("the lag is gone", async || {
        let south = cluster["ap-south"].metrics().await;
        let both = [lag(&south, "us-east", "ap-south"), age(&south, "us-east", "ap-south")];
        if both.iter().all(|seconds| *seconds < 5.0) { Ok(()) } else { Err(format!("{both:?}")) }
    })
    .await;
}

/// The table's rows: name, type and labels.
fn reference() -> BTreeMap<String, Family> {
    let mut rows = BTreeMap::new();
    for line in REFERENCE.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, labels, help] = cells[..] else { panic!("a row has four cells: {line}") };
        let labels = labels.split(',').map(|label| label.trim().trim_matches('`')).filter(|label| !label.is_empty());
        let family = Family { help: help.to_owned(), kind: kind.to_owned(), labels: labels.map(str::to_owned).collect() };
        assert!(rows.insert(name.trim_matches('`').to_owned(), family).is_none(), "{name} has two rows");
    }
    assert!(rows.len() > 40, "the table is there");
    rows
}

async fn add(region: &Region, times: usize) {
    for _ in 0..times {
        region.command("cart/c/add_item", json!({ "sku": "tea", "quantity": 1 })).ok().await;
    }
}

async fn lacks(origin: &Region, destination: &str, events: f64) {
    let what = format!("{destination} lacks {events} events of {}", origin.name);
    eventually_within(sterna_tests::SOON, &what, async || {
        let labels = [("origin", origin.name.as_str()), ("destination", destination)];
        let told = origin.metrics().await.value("sterna_replicate_lag_events", &labels);
        if told == Some(events) { Ok(()) } else { Err(format!("{told:?}")) }
    })
    .await;
}

fn age(told: &Metrics, origin: &str, destination: &str) -> f64 {
    let labels = [("origin", origin), ("destination", destination)];
    told.value("sterna_replicate_heartbeat_age_seconds", &labels).expect("it is exported")
}

fn lag(told: &Metrics, origin: &str, destination: &str) -> f64 {
    told.value("sterna_replicate_lag_seconds", &[("origin", origin), ("destination", destination)]).expect("it is exported")
}
