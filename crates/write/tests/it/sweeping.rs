//! Tails close by themselves, also where they are more than a shard remembers.

use crate::cluster::{TestRegion, converge, memory, open, regions};
use futures::future::join_all;
use std::time::Duration;
use sterna_env::Env;

const CARTS: usize = 6_000;

async fn fill(region: &TestRegion) {
    let adds = (0..CARTS).map(|n| async move { region.run(&format!("c-{n}"), "add_item", r#"{"sku":"tea","quantity":1}"#, None).await });
    join_all(adds).await.into_iter().for_each(|added| _ = added.expect("an add is accepted"));
}

async fn tails(region: &TestRegion) -> usize {
    let mut tails = 0;
    for n in 0..CARTS {
        tails += region.open(&format!("c-{n}")).await;
    }
    tails
}

async fn until_closed(region: &TestRegion) {
    let env = Env::real();
    let began = env.now();
    loop {
        let left = tails(region).await;
        if left == 0 {
            return;
        }
        assert!(env.now() - began < Duration::from_secs(60), "{left} tails are still open");
        env.sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn many_tails_close_once_they_are_settled() {
    let regions = regions(&["us", "eu"]).await;
    fill(&regions[0]).await;
    assert_eq!(tails(&regions[0]).await, CARTS);
    converge(&regions).await;
    until_closed(&regions[0]).await;
    until_closed(&regions[1]).await;
}

#[tokio::test]
async fn tails_of_an_earlier_process_close_too() {
    let names = ["us", "eu"];
    let store = memory(true);
    let us = open("us", &names, store.clone()).await;
    fill(&us).await;
    us.scope.ask_to_stop();
    drop(us.writer);
    us.scope.stop().await;
    let regions = [open("us", &names, store).await, open("eu", &names, memory(true)).await];
    assert_eq!(tails(&regions[0]).await, CARTS);
    converge(&regions).await;
    until_closed(&regions[0]).await;
}
