//! A store that fails.

use crate::cluster::{converge, open};
use serde_json::json;
use std::sync::Arc;
use sterna_store::memory::Fault;
use sterna_store::{Limits, Memory, Store};
use sterna_write::Refused;

fn memory(sole_writer: bool) -> Arc<Memory> {
    Arc::new(Memory::new(Limits { sole_writer, ..Limits::default() }, 10_000))
}

#[tokio::test]
async fn an_unknown_result_is_looked_up_and_never_applied_twice() {
    for sole_writer in [true, false] {
        let store = memory(sole_writer);
        let region = open("one", &["one"], store.clone()).await;
        let mut expected = 0;
        for round in 0..40 {
            for n in 0..2 {
                store.faults().next_commit(if (round + n) % 2 == 0 { Fault::Lost } else { Fault::Applied });
            }
            let key = format!("k{round}");
            let commands =
                (0..5).map(|at| region.run("c-1", "add_item", r#"{"sku":"tea","quantity":1}"#, (at == 0).then_some(key.as_str())));
            for answer in futures::future::join_all(commands).await {
                answer.expect("it is looked up until it is known");
                expected += 1;
            }
            assert_eq!(region.state("c-1").await["state"]["items"], json!({"tea": expected}), "round {round}");
        }
    }
}

#[tokio::test]
async fn two_writers_on_one_store_conflict_and_lose_nothing() {
    let store = memory(false);
    let writers = [open("one", &["one"], store.clone()).await, open("one", &["one"], store.clone()).await];
    let ids = ["c-0", "c-1", "c-2"];
    let commands = (0..200).map(|n| writers[n % 2].run(ids[n % 3], "add_item", r#"{"sku":"tea","quantity":1}"#, None));
    let accepted = futures::future::join_all(commands).await.into_iter().filter(Result::is_ok).count();
    let mut total = 0;
    for id in ids {
        let state = open("one", &["one"], store.clone()).await.state(id).await;
        total += state["state"]["items"]["tea"].as_i64().unwrap_or(0);
    }
    assert_eq!((total, accepted), (200, 200));
}

#[tokio::test]
async fn a_full_or_absent_store_refuses_and_recovers() {
    let store = memory(true);
    let region = open("one", &["one"], store.clone()).await;
    region.run("c-1", "add_item", r#"{"sku":"tea","quantity":1}"#, None).await.expect("there is room");
    store.faults().full(true);
    let refused = region.run("c-1", "add_item", r#"{"sku":"tea","quantity":1}"#, Some("k")).await;
    assert!(matches!(refused, Err(Refused::Full)), "{refused:?}");
    store.faults().full(false);
    region.run("c-1", "add_item", r#"{"sku":"tea","quantity":1}"#, Some("k")).await.expect("there is room again");
    assert_eq!(region.state("c-1").await["state"]["items"], json!({"tea": 2}));
}

#[tokio::test]
async fn merging_survives_unknown_results() {
    let (here, there) = (memory(true), memory(true));
    let members = ["a", "b"];
    let pair = [open("a", &members, here.clone()).await, open("b", &members, there.clone() as Arc<dyn Store>).await];
    for round in 0..20 {
        there.faults().next_commit(if round % 2 == 0 { Fault::Lost } else { Fault::Applied });
        pair[0].run("c-1", "add_item", r#"{"sku":"tea","quantity":1}"#, None).await.expect("it is valid");
        converge(&pair).await;
    }
    assert_eq!(pair[1].state("c-1").await["state"]["items"], json!({"tea": 20}));
}
