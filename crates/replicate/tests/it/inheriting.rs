//! Reactions of a region that is lost.

use crate::cluster::{Cluster, WINDOW_S};
use serde_json::{Value, json};

/// A region that can't reach the home of what its reaction is for, and is lost before it can; its heir.
async fn lost_before_it_could_send(seed: u64, ago_s: u64) -> Cluster {
    let mut cluster = Cluster::open(seed).await;
    cluster.cut("eu", "us");
    for (command, to) in [("debit", "to"), ("bill", "p-1")] {
        let args = json!({ "amount": 5, "to": to });
        cluster["eu"].run("account", "from", command, args, None).await.expect("it is valid");
    }
    cluster.pause(ago_s).await;
    cluster.stop("eu").await;
    cluster.pause(15).await;
    assert_eq!(cluster.document("payment", "p-1").await, Value::Null, "only its home may take it");
    cluster["ap"].replication.declare_lost("eu", Some("ap")).await.expect("nobody hears of it");
    cluster.pause(60).await;
    cluster.settled().await;
    assert_eq!(cluster.document("account", "from").await["balance"], -10);
    assert_eq!(cluster.document("account", "to").await["balance"], 5, "what it has sent has one effect");
    cluster
}

#[tokio::test(start_paused = true)]
async fn the_heir_sends_what_the_lost_region_could_not() {
    let cluster = lost_before_it_could_send(61, 5).await;
    assert_eq!(cluster.document("payment", "p-1").await["amount"], 5);
    assert_eq!(cluster["ap"].labelled("sterna_replicate_reactions_total", "replayed"), 1.0);
    assert_eq!(cluster["us"].labelled("sterna_replicate_reactions_total", "delivered"), 0.0, "nobody else sends them");
}

#[tokio::test(start_paused = true)]
async fn the_heir_sends_nothing_that_keys_no_longer_tell_from_what_was_sent() {
    let cluster = lost_before_it_could_send(62, WINDOW_S + 60).await;
    assert_eq!(cluster.document("payment", "p-1").await, Value::Null);
}
