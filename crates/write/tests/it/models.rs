//! A model that follows another one.

use crate::cluster::{MODEL, converge, memory, model, open_with, regions};
use serde_json::json;
use std::sync::Arc;
use sterna_write::{OpenError, Refused, TakeModelError};

const MEMBERS: [&str; 2] = ["a", "b"];

/// `note` is called `remark`, and the cart takes a size.
fn next() -> String {
    let text = MODEL.replace("version = 1", "version = 2");
    let text = text.replace("note    = \"string?\"", "remark  = { \"string?\" = {}, was = \"note\" }\nsize    = \"int\"");
    text.replace("to = \"note\"", "to = \"remark\"")
        + "\n[aggregate.cart.commands.resize]\nargs = { size = \"int\" }\neffects = [{ set = \"args.size\", to = \"size\" }]\n"
}

#[tokio::test]
async fn an_event_of_the_next_version_waits_until_that_is_taken() {
    let two = regions(&MEMBERS).await;
    let (a, b) = (&two[0], &two[1]);
    a.run("c-1", "annotate", r#"{"note":"old"}"#, None).await.expect("it is valid");
    converge(&two).await;
    for region in &two {
        region.writer.region().offer_model(Arc::new(model(&next()))).expect("it may follow");
        assert_eq!(region.writer.region().model().version, 1, "offered, not taken");
    }
    assert!(matches!(a.run("c-1", "resize", r#"{"size":3}"#, None).await, Err(Refused::UnknownCommand { .. })));
    a.writer.region().take_next_model().await.expect("the store takes it");
    a.run("c-1", "resize", r#"{"size":3}"#, None).await.expect("it is taken");
    assert!(!b.writer.region().has_met_next_model());
    for result in b.pull(a, a.me()).await {
        result.expect("frames come without holes");
    }
    assert_eq!(b.state("c-1").await["state"]["note"], "old", "the entry is copied and not applied");
    assert!(b.writer.region().has_met_next_model(), "so every member holds it");
    b.writer.region().take_next_model().await.expect("the store takes it");
    converge(&two).await;
    let state = json!({ "items": {}, "coupons": [], "remark": "old", "size": 3, "address": null, "gifts": {} });
    assert_eq!((a.state("c-1").await["state"].clone(), b.state("c-1").await["state"].clone()), (state.clone(), state));
}

#[tokio::test]
async fn a_region_starts_under_what_it_has_taken_and_holds_what_it_is_given() {
    let store = memory(true);
    let first = open_with("a", &MEMBERS, Arc::clone(&store), MODEL).await.expect("the store is empty");
    first.scope.stop().await;
    let second = open_with("a", &MEMBERS, Arc::clone(&store), &next()).await.expect("it may follow");
    let region = second.writer.region();
    assert_eq!((region.model().version, region.next_model().map(|next| next.version)), (1, Some(2)));
    region.take_next_model().await.expect("the store takes it");
    assert_eq!((region.model().version, region.next_model().map(|next| next.version)), (2, None));
    second.scope.stop().await;
    let older = open_with("a", &MEMBERS, Arc::clone(&store), MODEL).await.err();
    assert!(matches!(older, Some(OpenError::OlderModel { stored: 2, given: 1 })), "{older:?}");
    let same = open_with("a", &MEMBERS, Arc::clone(&store), &next().replace("version = 2", "version = 3")).await;
    assert_eq!(same.expect("nothing but the version changed").writer.region().model().version, 2);
}

#[tokio::test]
async fn a_process_that_was_overtaken_does_not_take_the_region_s_model_back() {
    let store = memory(false);
    let first = open_with("a", &MEMBERS, Arc::clone(&store), MODEL).await.expect("the store is empty");
    first.scope.stop().await;
    let slow = open_with("a", &MEMBERS, Arc::clone(&store), &next()).await.expect("it may follow");
    let quick = open_with("a", &MEMBERS, Arc::clone(&store), &next().replace("version = 2", "version = 3")).await.expect("it may follow");
    quick.writer.region().take_next_model().await.expect("the store takes it");
    let refused = slow.writer.region().take_next_model().await;
    assert_eq!(refused, Err(TakeModelError::Overtaken { stored: 3, given: 2 }));
    assert_eq!(slow.writer.region().model().version, 1);
    let late = open_with("a", &MEMBERS, store, &next()).await.err();
    assert!(matches!(late, Some(OpenError::OlderModel { stored: 3, given: 2 })), "{late:?}");
}

#[tokio::test]
async fn a_model_that_can_t_follow_is_refused_at_the_start_and_while_it_runs() {
    let store = memory(true);
    let first = open_with("a", &MEMBERS, Arc::clone(&store), MODEL).await.expect("the store is empty");
    let other = MODEL.replace("version = 1", "version = 2").replace("note    = \"string?\"", "note    = { set = \"string\" }");
    let other = other.replace("set = \"args.note\"", "insert = \"args.note\"").replace("set = \"'new'\"", "insert = \"'new'\"");
    let why = first.writer.region().offer_model(Arc::new(model(&other))).expect_err("a register became a set");
    assert_eq!((why.held, why.given, why.mistakes.len()), (1, 2, 1));
    assert_eq!(why.mistakes[0].code, "needs-a-new-name");
    assert!(first.writer.region().next_model().is_none());
    first.scope.stop().await;
    let refused = open_with("a", &MEMBERS, store, &other).await.err();
    assert!(matches!(refused, Some(OpenError::UnsafeModel(_))), "{refused:?}");
}
