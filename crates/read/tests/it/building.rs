//! Views that are built beside what answers.

use crate::expected::check;
use crate::models::{FLIGHTS, later_flights};
use crate::projecting::{Step, take};
use crate::world::{Node, contents, model, one, start};
use std::time::Duration;

async fn write_some(node: &Node, from: u8) {
    for at in 0..40u8 {
        let flight = (from + at) % 60;
        take(node, &Step::Depart { flight, carrier: at % 3, place: at % 4, sched_dep: i64::from(at % 5) }).await;
        take(node, &Step::Arrive { flight, delay: Some(i64::from(at)) }).await;
        if at % 7 == 0 {
            take(node, &Step::Drop { flight: flight / 2 }).await;
        }
        take(node, &Step::Fly { aircraft: at % 4, dest: at % 9 }).await;
    }
}

#[tokio::test]
async fn a_view_is_built_anew_while_it_answers_and_while_its_source_changes() {
    let node = one(FLIGHTS).await;
    write_some(&node, 0).await;
    check(&node).await;
    for view in ["board", "extremes", "arrivals", "activity"] {
        let before = node.reads.status();
        let generation = node.reads.rebuild(view).await.expect("it is declared");
        write_some(&node, 20).await;
        node.built().await;
        let now = node.reads.status().views.into_iter().find(|status| *status.name == *view).expect("it is declared");
        assert_eq!(now.generation, Some(generation));
        assert!(before.views.iter().all(|status| status.generation != Some(generation)));
        check(&node).await;
    }
}

#[tokio::test]
async fn a_building_survives_restarts() {
    let mut node = one(FLIGHTS).await;
    write_some(&node, 0).await;
    node.projected().await;
    let mut generations = Vec::new();
    for _ in 0..4 {
        for view in ["board", "punctuality", "activity"] {
            generations.push(node.reads.rebuild(view).await.expect("it is declared"));
        }
        // Perhaps one of them is done, perhaps none.
        tokio::task::yield_now().await;
        let (store, read_store) = node.stop().await;
        node = start("one", &["one"], FLIGHTS, store, read_store).await;
        write_some(&node, 7).await;
    }
    node.built().await;
    check(&node).await;
}

#[tokio::test]
async fn a_changed_model_builds_what_changed_and_clears_what_is_gone() {
    let node = one(FLIGHTS).await;
    write_some(&node, 0).await;
    check(&node).await;
    let generations = |node: &Node| node.reads.status().views.into_iter().map(|view| (view.name, view.generation)).collect::<Vec<_>>();
    let before = generations(&node);
    let (store, read_store) = node.stop().await;
    let node = start("one", &["one"], &later_flights(), store, read_store).await;
    assert!(!node.rows("punctuality", &[]).await.is_empty(), "what answered before answers until the new one is built");
    write_some(&node, 3).await;
    node.built().await;
    check(&node).await;
    let after = generations(&node);
    for (name, generation) in &after {
        let same = before.contains(&(name.clone(), *generation));
        assert_eq!(same, !matches!(&**name, "punctuality" | "carriers"), "{name}");
    }
    assert!(node.document("flight", "f-30").await.is_ok_and(|json| json.contains("\"added\":null")));
}

#[tokio::test]
async fn a_model_that_is_taken_up_while_running_changes_its_views() {
    let node = one(FLIGHTS).await;
    write_some(&node, 0).await;
    check(&node).await;
    node.writer.region().set_model(model(&later_flights()));
    write_some(&node, 9).await;
    node.projected().await;
    node.built().await;
    check(&node).await;
    node.writer.region().set_model(model(&FLIGHTS.replace("version = 1", "version = 3")));
    write_some(&node, 1).await;
    node.projected().await;
    node.built().await;
    check(&node).await;
}

#[tokio::test(start_paused = true)]
async fn an_old_generation_is_cleared_after_a_while() {
    let node = one(FLIGHTS).await;
    write_some(&node, 0).await;
    node.projected().await;
    let rows = contents(&*node.read_store, b"tgxn").await.len();
    for view in ["board", "extremes", "fragile"] {
        node.reads.rebuild(view).await.expect("it is declared");
    }
    node.built().await;
    assert!(contents(&*node.read_store, b"tgxn").await.len() > rows);
    node.writer.region().env.sleep(Duration::from_secs(30)).await;
    assert_eq!(contents(&*node.read_store, b"tgxn").await.len(), rows);
    check(&node).await;
}
