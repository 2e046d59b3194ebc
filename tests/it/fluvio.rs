//! The stream's engine `fluvio`, from outside. Only in the lane: `just test-fluvio`.

use serde_json::{Value, json};
use sterna_tests::{Cluster, LinkMode, Options, Region, eventually, free_port, run, sterna, stream_is_fluvio};

const PAIR: [&str; 2] = ["us-east", "eu-west"];

async fn prepare(regions: &[&str]) -> Cluster {
    assert!(stream_is_fluvio(), "these tests run with STERNA_TEST_STREAM=fluvio");
    Cluster::prepare(Options::shop(), regions).await
}

async fn start(regions: &[&str]) -> Cluster {
    let mut cluster = prepare(regions).await;
    cluster.regions_mut().iter_mut().for_each(Region::spawn);
    for region in cluster.regions_mut() {
        region.ready().await;
    }
    cluster
}

/// The sum over a metric's labels.
async fn metric(region: &Region, name: &str) -> f64 {
    let text = region.get("/metrics").ok().await.text();
    let samples = text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
    samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

async fn add(region: &Region, cart: usize) {
    region.command(&format!("cart/c-{cart}/add_item"), json!({ "sku": "tea", "quantity": 1 })).ok().await;
}

#[tokio::test]
async fn commands_go_over_the_regions_clusters_and_not_by_request() {
    let cluster = start(&PAIR).await;
    for region in PAIR {
        eventually("everything is followed", async || {
            let other = if region == PAIR[0] { PAIR[1] } else { PAIR[0] };
            let origin = cluster[region].status_of(other).await;
            if origin["connected"] == true { Ok(()) } else { Err(origin.to_string()) }
        })
        .await;
    }
    let carried = metric(&cluster["eu-west"], "sterna_replicate_carried_entries_total").await;
    for cart in 0..50 {
        add(&cluster["us-east"], cart).await;
    }
    let path = "/v1/views/carts_by_size?limit=100";
    cluster["eu-west"].eventually(path, "all carts", |view| view["data"].as_array().is_some_and(|rows| rows.len() == 50)).await;
    assert!(metric(&cluster["us-east"], "sterna_fluvio_records_published_total").await >= 4.0);
    assert!(metric(&cluster["eu-west"], "sterna_fluvio_frames_read_total").await >= 4.0);
    assert_eq!(metric(&cluster["eu-west"], "sterna_replicate_carried_entries_total").await, carried, "it went by request");
}

#[tokio::test]
async fn the_status_names_the_cluster() {
    let cluster = start(&PAIR).await;
    let endpoint = cluster["us-east"].config.fluvio.clone().expect("the lane has clusters").endpoint;
    let status = cluster["us-east"].status().await;
    assert_eq!(status["stream"], json!({ "engine": "fluvio", "endpoint": endpoint, "publish_error": null }));
    let told = run(sterna().args(["status", "--url", &cluster["us-east"].http().url])).await;
    assert!(told.stdout.contains(&format!("stream fluvio at {endpoint}, publishing")), "{told:?}");
}

#[tokio::test]
async fn a_region_whose_cluster_is_out_of_reach_works_says_so_and_is_heard_by_request() {
    let mut cluster = prepare(&PAIR).await;
    let nowhere = format!("127.0.0.1:{}", free_port());
    if let Some(fluvio) = &mut cluster["us-east"].config.fluvio {
        fluvio.endpoint.clone_from(&nowhere);
    }
    cluster.regions_mut().iter_mut().for_each(Region::spawn);
    for region in cluster.regions_mut() {
        region.ready().await;
    }
    add(&cluster["us-east"], 1).await;
    cluster.agree("/v1/cart/c-1", "merged all the same", |cart| cart["state"]["items"]["tea"] == 1).await;
    eventually("the status says why", async || {
        let error = cluster["us-east"].status().await["stream"]["publish_error"].clone();
        let told = error.as_str().is_some_and(|text| text.contains(&format!("the Fluvio cluster at {nowhere}")));
        if told { Ok(()) } else { Err(error.to_string()) }
    })
    .await;
}

#[tokio::test]
async fn a_topic_with_another_number_of_partitions_is_refused_at_the_start() {
    let mut cluster = start(&PAIR).await;
    add(&cluster["us-east"], 1).await;
    assert!(cluster["us-east"].stop().await.success());
    // The topic stays.
    cluster["us-east"].forget_data();
    cluster["us-east"].config.shards = 8;
    let refused = cluster["us-east"].serve_to_its_end().await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("has 4 partitions, and there are 8 shards"), "{}", refused.stderr);
}

#[tokio::test]
async fn where_only_the_way_between_clusters_is_cut_the_regions_ask_each_other() {
    let cluster = start(&PAIR).await;
    cluster.cut_streams("us-east", "eu-west", LinkMode::Frozen);
    for cart in 0..10 {
        add(&cluster["us-east"], cart).await;
    }
    let path = "/v1/views/carts_by_size?limit=100";
    cluster["eu-west"].eventually(path, "all carts", |view| view["data"].as_array().is_some_and(|rows| rows.len() == 10)).await;
    cluster.cut_streams("us-east", "eu-west", LinkMode::Up);
    eventually("the clusters are followed again", async || {
        let origin = cluster["eu-west"].status_of("us-east").await;
        if origin["connected"] == true && origin["last_error"] == Value::Null { Ok(()) } else { Err(origin.to_string()) }
    })
    .await;
}

#[tokio::test]
async fn clusters_are_reached_over_tls_and_strangers_reach_nothing() {
    use sterna_test_engines::{certificates, fluvio};
    let binaries = fluvio::Binaries::find().expect("the lane found them");
    let secure = PAIR.map(|_| fluvio::Cluster::start_with(&binaries, Some(&certificates::write)));
    let mut cluster = prepare(&PAIR).await;
    for (at, (own, other)) in [(&secure[0], &secure[1]), (&secure[1], &secure[0])].into_iter().enumerate() {
        let config = &mut cluster.regions_mut()[at].config;
        let stream = config.fluvio.as_mut().expect("the lane has clusters");
        (stream.endpoint, stream.certificates) = (own.endpoint(), Some(own.folder().to_owned()));
        let [controller, unit] = other.public_ports();
        config.peers[0].fluvio = Some(sterna_tests::PeerCluster { controller, unit, certificates: Some(other.folder().to_owned()) });
    }
    // This one trusts the wrong authority for the other's cluster.
    if let Some(peer) = &mut cluster["eu-west"].config.peers[0].fluvio {
        peer.certificates = Some(secure[1].folder().to_owned());
    }
    cluster.regions_mut().iter_mut().for_each(Region::spawn);
    for region in cluster.regions_mut() {
        region.ready().await;
    }
    let connected = async |here: &Region, there: &str| {
        let origin = here.status_of(there).await;
        if origin["connected"] == true { Ok(()) } else { Err(origin.to_string()) }
    };
    eventually("over TLS", async || connected(&cluster["us-east"], "eu-west").await).await;
    let refused = cluster["eu-west"].status_of("us-east").await;
    assert!(refused["connected"] == false && refused["last_error"].as_str().is_some_and(|text| text.contains("certificate")), "{refused}");
    assert!(cluster["eu-west"].stop().await.success());
    if let Some(peer) = &mut cluster["eu-west"].config.peers[0].fluvio {
        peer.certificates = Some(secure[0].folder().to_owned());
    }
    cluster["eu-west"].start().await;
    eventually("over TLS too", async || connected(&cluster["eu-west"], "us-east").await).await;
}

#[tokio::test]
async fn every_metric_of_the_engine_is_documented() {
    const REFERENCE: &str = include_str!("../../infra/fluvio/README.md");
    let cluster = start(&PAIR).await;
    let text = cluster["us-east"].get("/metrics").ok().await.text();
    let kinds = text.lines().filter_map(|line| line.strip_prefix("# TYPE sterna_fluvio_")?.split_once(' '));
    let exported: Vec<String> = kinds
        .map(|(name, kind)| {
            let labelled = text.contains(&format!("sterna_fluvio_{name}{{origin="));
            format!("| `sterna_fluvio_{name}` | {kind} | {} |", if labelled { "`origin`" } else { "" })
        })
        .collect();
    let documented: Vec<&str> = REFERENCE.lines().filter(|line| line.starts_with("| `sterna_fluvio_")).collect();
    assert_eq!(exported.len(), documented.len(), "{exported:#?}");
    for (row, metric) in documented.iter().zip(exported) {
        assert!(row.starts_with(&metric), "{row} is not {metric}");
    }
}
