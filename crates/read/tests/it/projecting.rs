//! Any sequence of changes leaves every view equal to an evaluation from scratch.

use crate::expected::{self, check};
use crate::models::FLIGHTS;
use crate::world::{Node, command, contents, converge, one, start, two};
use proptest::prelude::*;
use serde_json::json;
use sterna_store::Memory;
use sterna_store::memory::Fault;
use sterna_write::{Command, Refused};

#[derive(Clone, Debug)]
pub enum Step {
    Depart { flight: u8, carrier: u8, place: u8, sched_dep: i64 },
    Arrive { flight: u8, delay: Option<i64> },
    Annotate { flight: u8, note: u8 },
    Drop { flight: u8 },
    Fly { aircraft: u8, dest: u8 },
}

pub fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..12u8, 0..3u8, 0..4u8, 0..3i64).prop_map(|(flight, carrier, place, sched_dep)| Step::Depart { flight, carrier, place, sched_dep }),
        4 => (0..12u8, proptest::option::of(-30..60i64)).prop_map(|(flight, delay)| Step::Arrive { flight, delay }),
        1 => (0..12u8, 0..5u8).prop_map(|(flight, note)| Step::Annotate { flight, note }),
        1 => (0..12u8).prop_map(|flight| Step::Drop { flight }),
        2 => (0..4u8, 0..5u8).prop_map(|(aircraft, dest)| Step::Fly { aircraft, dest }),
    ]
}

pub async fn take(node: &Node, step: &Step) {
    const PLACES: [&str; 5] = ["JFK", "EWR", "SFO", "", "long \"place\"\u{0}"];
    match step {
        Step::Depart { flight, carrier, place, sched_dep } => {
            let (origin, dest) = (PLACES[usize::from(*place)], PLACES[usize::from(*place + 1)]);
            let args = json!({"carrier": format!("C{carrier}"), "origin": origin, "dest": dest, "day": format!("2013-01-0{}", 1 + flight % 3), "sched_dep": sched_dep});
            node.run("flight", &format!("f-{flight}"), "depart", args).await;
        }
        Step::Arrive { flight, delay } => {
            node.run("flight", &format!("f-{flight}"), "arrive", json!({"arr_delay": delay})).await;
        }
        Step::Annotate { flight, note } => {
            let annotate = command("flight", &format!("f-{flight}"), "annotate", &json!({"note": format!("n{note}")}));
            // Where it has several notes, whoever writes decides.
            if let Err(refused) = node.writer.execute(annotate.clone()).await {
                let Refused::PreconditionRequired { current, .. } = refused else { panic!("{refused}") };
                node.writer.execute(Command { if_match: Some(current), ..annotate }).await.expect("it decides");
            }
        }
        Step::Drop { flight } => {
            node.run("flight", &format!("f-{flight}"), "drop", json!({})).await;
        }
        Step::Fly { aircraft, dest } => {
            node.run("aircraft", &format!("N{aircraft}"), "fly", json!({"dest": format!("D{dest}")})).await;
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn views_equal_an_evaluation_from_scratch(steps in proptest::collection::vec((step(), 0..24u8), 1..80)) {
        runtime().block_on(async {
            let node = one(FLIGHTS).await;
            for (step, then) in &steps {
                take(&node, step).await;
                match then {
                    0 => node.projected().await,
                    1 => node.read_store.faults().next_commit(Fault::Lost),
                    2 => node.read_store.faults().next_commit(Fault::Applied),
                    _ => {}
                }
            }
            check(&node).await;
            node.scope.stop().await;
        });
    }

    #[test]
    fn regions_that_applied_the_same_have_the_same_bytes(steps in proptest::collection::vec((step(), any::<bool>(), 0..12u8), 1..60)) {
        runtime().block_on(async {
            let nodes = two(FLIGHTS).await;
            for (step, west, then) in &steps {
                take(&nodes[usize::from(*west)], step).await;
                if *then == 0 {
                    nodes[usize::from(*west)].pull(&nodes[usize::from(!*west)]).await;
                }
            }
            converge(&nodes).await;
            for node in &nodes {
                node.projected().await;
                check(node).await;
            }
            // Documents, layouts, rows, groups and their values, failed rows.
            let kept = b"dltgxn";
            prop_assert_eq!(contents(&*nodes[0].read_store, kept).await, contents(&*nodes[1].read_store, kept).await);
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_restart_goes_on_where_it_was() {
    let mut node = one(FLIGHTS).await;
    for round in 0..5u8 {
        for flight in 0..10 {
            take(&node, &Step::Depart { flight, carrier: round % 3, place: round % 4, sched_dep: i64::from(round) }).await;
            take(&node, &Step::Fly { aircraft: flight % 4, dest: round }).await;
        }
        if round % 2 == 0 {
            node.projected().await;
        }
        let (store, read_store) = node.stop().await;
        node = start("one", &["one"], FLIGHTS, store, read_store).await;
        check(&node).await;
    }
}

#[tokio::test]
async fn a_lost_read_store_is_built_again_from_the_logs() {
    let node = one(FLIGHTS).await;
    for flight in 0..12 {
        take(&node, &Step::Depart { flight, carrier: flight % 3, place: flight % 4, sched_dep: 7 }).await;
        take(&node, &Step::Arrive { flight, delay: Some(i64::from(flight)) }).await;
    }
    check(&node).await;
    let before = contents(&*node.read_store, b"dhgx").await;
    let (store, _) = node.stop().await;
    let node = start("one", &["one"], FLIGHTS, store, Memory::default()).await;
    check(&node).await;
    assert_eq!(contents(&*node.read_store, b"dh").await.len() + contents(&*node.read_store, b"gx").await.len(), before.len());
}

#[tokio::test]
async fn a_read_store_that_is_ahead_of_restored_logs_is_built_again() {
    let node = one(FLIGHTS).await;
    take(&node, &Step::Fly { aircraft: 1, dest: 1 }).await;
    let old = node.store.copy();
    take(&node, &Step::Fly { aircraft: 1, dest: 2 }).await;
    node.projected().await;
    let (_, read_store) = node.stop().await;
    let node = start("one", &["one"], FLIGHTS, old, read_store).await;
    check(&node).await;
    assert_eq!(node.rows("aircraft", &[]).await, [json!({"airports": 1, "flights": 1, "tail": "N1"})]);
}

#[tokio::test]
async fn a_projector_that_fails_goes_on_when_it_can() {
    let node = one(FLIGHTS).await;
    node.read_store.faults().unavailable(Some("gone"));
    take(&node, &Step::Fly { aircraft: 1, dest: 1 }).await;
    node.writer.region().env.sleep(std::time::Duration::from_millis(100)).await;
    assert!(node.reads.status().views[0].staleness_seconds > 0.0);
    node.read_store.faults().unavailable(None);
    check(&node).await;
    assert_eq!(node.reads.status().views[0].staleness_seconds, 0.0);
}

/// So many events that a batch is prepared while the one before it is committed.
#[tokio::test]
async fn a_commit_that_fails_under_the_next_batch_loses_and_doubles_nothing() {
    for faults in [vec![Fault::Lost], vec![Fault::Applied], vec![Fault::Applied, Fault::Lost, Fault::Applied]] {
        let node = one(FLIGHTS).await;
        node.read_store.faults().hold();
        for round in 0..30_u8 {
            let steps =
                (0..200_u8).map(|n| Step::Depart { flight: n, carrier: round % 3, place: (round ^ n) % 4, sched_dep: i64::from(round) });
            futures::future::join_all(steps.collect::<Vec<_>>().iter().map(|step| take(&node, step))).await;
        }
        faults.iter().for_each(|fault| node.read_store.faults().next_commit(*fault));
        node.read_store.faults().release();
        check(&node).await;
        node.scope.stop().await;
    }
}

#[tokio::test]
async fn documents_larger_than_a_value_are_kept_and_shrink() {
    let node = one(FLIGHTS).await;
    let long = "x".repeat(60_000);
    for at in 0..4 {
        node.run("aircraft", "N1", "fly", json!({"dest": format!("{at}{long}")})).await;
    }
    check(&node).await;
    assert!(node.document("aircraft", "N1").await.expect("it is there").len() > 240_000);
    node.reads.rebuild("aircraft").await.expect("it is declared");
    node.built().await;
    check(&node).await;
}

#[tokio::test]
async fn min_and_max_of_many_values_are_taken_back() {
    let node = one(FLIGHTS).await;
    let depart = |flight: usize, carrier: &str| {
        let args = json!({"carrier": carrier, "origin": "JFK", "dest": "SFO", "day": "2013-01-01", "sched_dep": 1});
        (format!("g-{flight:04}"), args)
    };
    for flight in 0..320 {
        let (id, args) = depart(flight, "AA");
        node.run("flight", &id, "depart", args).await;
        node.run("flight", &id, "arrive", json!({"arr_delay": flight})).await;
    }
    check(&node).await;
    assert!(!contents(&*node.read_store, b"x").await.is_empty(), "there are too many values for a record");
    for flight in (0..320).rev() {
        let (id, args) = depart(flight, "BB");
        node.run("flight", &id, "depart", args).await;
        if flight % 80 == 0 {
            check(&node).await;
        }
    }
    assert_eq!(expected::rows(&node, "extremes").await.len(), 1);
}

#[tokio::test]
async fn what_is_done_is_counted() {
    let node = one(FLIGHTS).await;
    take(&node, &Step::Depart { flight: 1, carrier: 1, place: 1, sched_dep: 0 }).await;
    take(&node, &Step::Fly { aircraft: 1, dest: 1 }).await;
    check(&node).await;
    let families = node.registry.gather();
    let value = |name: &str| {
        let family = families.iter().find(|family| family.name() == name).unwrap_or_else(|| panic!("{name} is missing"));
        family.get_metric().iter().map(|metric| metric.get_counter().get_value() + metric.get_histogram().get_sample_sum()).sum::<f64>()
    };
    assert_eq!((value("sterna_read_events_total"), value("sterna_read_batch_events")), (2.0, 2.0));
    assert!(value("sterna_read_batch_duration_seconds") > 0.0 && value("sterna_read_queries_total") > 8.0);
    assert!(families.iter().any(|family| family.name() == "sterna_read_view_staleness_seconds"));
}

#[tokio::test]
async fn a_batch_of_large_documents_takes_several_transactions() {
    let (store, _) = {
        let node = one(FLIGHTS).await;
        for aircraft in 0..12 {
            for at in 0..7 {
                node.run("aircraft", &format!("N{aircraft}"), "fly", json!({"dest": format!("{at}{}", "x".repeat(60_000))})).await;
            }
        }
        node.stop().await
    };
    let node = start("one", &["one"], FLIGHTS, store, Memory::default()).await;
    check(&node).await;
    let heard = contents(&*node.read_store, b"f").await.len();
    assert!(heard > 1, "each part has its own pages: {heard}");
}
