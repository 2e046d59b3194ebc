//! One key, one effect: in other regions, during partitions, and for longer than keys are kept.

use crate::cluster::{Cluster, NAMES, WINDOW_S};
use serde_json::{Value, json};
use sterna_write::{Accepted, Refused};

/// Long enough for every record to have gone that goes by its age.
const LONG_S: u64 = 3 * WINDOW_S;

async fn run(cluster: &Cluster, name: &str, what: &str, args: Value, key: &str) -> Result<Accepted, Refused> {
    let (path, command) = what.rsplit_once('/').expect("type, id and command");
    let (kind, id) = path.split_once('/').expect("type, id and command");
    cluster[name].run(kind, id, command, args, Some(key)).await
}

fn isolate(cluster: &Cluster, name: &str) {
    NAMES.iter().filter(|other| **other != name).for_each(|other| cluster.cut(name, other));
}

fn rejoin(cluster: &Cluster, name: &str) {
    NAMES.iter().filter(|other| **other != name).for_each(|other| cluster.heal(name, other));
}

#[tokio::test(start_paused = true)]
async fn a_partition_longer_than_keys_are_kept_doubles_nothing() {
    let cluster = Cluster::open(61).await;
    cluster["eu"].run("product", "tea", "restock", json!({ "quantity": 90 }), None).await.expect("it is valid");
    cluster.pause(3).await;
    cluster.settled().await;
    isolate(&cluster, "ap");
    let debit = || json!({ "amount": 7, "to": "ben" });
    // A register, a map of counters, a bounded counter, and a counter whose reaction changes another one.
    let commands = [
        ("cart/c/annotate", json!({ "note": "once" })),
        ("cart/c/add", json!({ "sku": "tea", "quantity": 1 })),
        ("product/tea/reserve", json!({ "quantity": 2 })),
        ("account/ann/debit", debit()),
    ];
    for (what, args) in &commands {
        run(&cluster, "ap", what, args.clone(), what).await.expect("it is valid");
    }
    cluster.pause(LONG_S).await;
    for (what, args) in &commands {
        let again =
            run(&cluster, "ap", what, args.clone(), what).await.expect("it is known here for as long as others have not heard of it");
        assert!(again.replayed, "{what}");
        let elsewhere = run(&cluster, "us", what, args.clone(), what).await.expect("it is unknown there");
        assert!(!elsewhere.replayed, "{what}");
    }
    // What a person decides on the effect that will be void stands.
    run(&cluster, "us", "cart/c/add", json!({ "sku": "pot", "quantity": 1 }), "later").await.expect("it is valid");
    cluster.pause(LONG_S).await;
    rejoin(&cluster, "ap");
    cluster.pause(10).await;
    cluster.settled().await;
    assert_eq!(cluster.document("cart", "c").await, json!({ "items": { "pot": 1, "tea": 1 }, "note": "once" }));
    assert_eq!(cluster.document("product", "tea").await["stock"], 88);
    assert_eq!(cluster.document("account", "ann").await["balance"], -7);
    assert_eq!(cluster.document("account", "ben").await["balance"], 7, "and its reaction once");
    // The void spend's rights are back.
    cluster.pause(5).await;
    run(&cluster, "us", "product/tea/reserve", json!({ "quantity": 88 }), "rest").await.expect("88 are left");
}

#[tokio::test(start_paused = true)]
async fn a_key_is_forgotten_once_it_is_old_and_everybody_has_its_event() {
    let cluster = Cluster::open(62).await;
    let add = || json!({ "sku": "tea", "quantity": 1 });
    run(&cluster, "ap", "cart/c/add", add(), "k").await.expect("it is valid");
    cluster.settled().await;
    cluster.pause(WINDOW_S / 2).await;
    for name in NAMES {
        assert!(run(&cluster, name, "cart/c/add", add(), "k").await.expect("it is valid").replayed, "{name}: within the window");
    }
    cluster.pause(LONG_S).await;
    cluster["eu"].run("cart", "c", "annotate", json!({ "note": "closes what is settled" }), None).await.expect("it is valid");
    cluster.settled().await;
    cluster.pause(60).await;
    assert!(!run(&cluster, "ap", "cart/c/add", add(), "k").await.expect("it is valid").replayed, "then it is another command");
    cluster.settled().await;
    assert_eq!(cluster.document("cart", "c").await["items"]["tea"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_retry_in_each_region_of_a_partition_of_three_has_one_effect_whatever_heals_first() {
    for (seed, first) in [(63, "ap"), (64, "eu"), (65, "us")] {
        let cluster = Cluster::open(seed).await;
        NAMES.iter().for_each(|name| isolate(&cluster, name));
        for (n, name) in NAMES.iter().enumerate() {
            cluster.pause(2).await;
            let accepted = run(&cluster, name, "account/ann/debit", json!({ "amount": 5, "to": "ben" }), "k").await.expect("it is valid");
            assert!(!accepted.replayed, "{n}: nobody hears of anybody");
            run(&cluster, name, "cart/c/add", json!({ "sku": "tea", "quantity": 1 }), "tea").await.expect("it is valid");
        }
        let (one, other) = match first {
            "ap" => ("eu", "us"),
            "eu" => ("us", "ap"),
            _ => ("ap", "eu"),
        };
        cluster.heal(one, other);
        cluster.pause(WINDOW_S + 60).await;
        rejoin(&cluster, first);
        cluster.pause(20).await;
        cluster.settled().await;
        assert_eq!(cluster.document("account", "ann").await["balance"], -5, "{first}");
        assert_eq!(cluster.document("account", "ben").await["balance"], 5, "{first}");
        assert_eq!(cluster.document("cart", "c").await["items"], json!({ "tea": 1 }), "{first}");
    }
}
