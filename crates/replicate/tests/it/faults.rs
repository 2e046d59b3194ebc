//! Streams that drop, double, hold back and forget.

use crate::cluster::{Cluster, NAMES};
use sterna_stream::{Faults, Retention};

#[tokio::test(start_paused = true)]
async fn lost_doubled_and_overtaken_frames_are_repaired() {
    let (mut holes, mut repairs) = (0.0, 0.0);
    for seed in 0..8 {
        let cluster = Cluster::open(seed).await;
        let faults = Faults { seed, drop_permille: 200, duplicate_permille: 200, reorder_permille: 200, delay_ms: (0, 30) };
        cluster.hub.set_faults(faults);
        for n in 0..90 {
            cluster[NAMES[n % 3]].add(&format!("c-{}", n % 5), &format!("s-{n}")).await;
            cluster.env.sleep(std::time::Duration::from_millis(7)).await;
        }
        cluster.settled().await;
        let mut items = 0;
        for id in 0..5 {
            let document = cluster.document("cart", &format!("c-{id}")).await;
            let map = document["items"].as_object().expect("it is a map");
            assert!(map.values().all(|quantity| quantity == 1), "{document}");
            items += map.len();
        }
        assert_eq!(items, 90);
        for name in NAMES {
            holes += cluster[name].metric("sterna_replicate_holes_total");
            repairs += cluster[name].metric("sterna_replicate_repairs_total");
        }
    }
    assert!(holes > 0.0 && repairs > 0.0, "{holes} holes, {repairs} repairs");
}

#[tokio::test(start_paused = true)]
async fn what_the_stream_no_longer_has_comes_from_a_copy() {
    let cluster = Cluster::open(9).await;
    cluster.hub.set_retention(Retention { frames_max: 2, bytes_max: 1 << 20 });
    cluster.cut("ap", "us");
    cluster.cut("ap", "eu");
    for n in 0..40 {
        cluster["ap"].add("c-1", &format!("s-{n}")).await;
    }
    cluster.heal("ap", "us");
    cluster.heal("ap", "eu");
    cluster.settled().await;
    assert_eq!(cluster.document("cart", "c-1").await["items"].as_object().map(serde_json::Map::len), Some(40));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_delivers_nothing_is_replaced_by_requests() {
    let cluster = Cluster::open(10).await;
    cluster.hub.set_faults(Faults { seed: 1, drop_permille: 1000, ..Faults::default() });
    cluster["ap"].add("c-1", "tea").await;
    cluster.settled().await;
    assert_eq!(cluster.document("cart", "c-1").await["items"]["tea"], 1);
    let status = cluster["eu"].replication.status();
    assert!(status.origins.iter().all(|origin| !origin.connected && origin.lag.as_secs() < 10), "{status:#?}");
}
