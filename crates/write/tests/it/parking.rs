//! An event that can't be applied parks its aggregate, and nothing else; once it can be, the aggregate goes on.

use crate::cluster::{MODEL, TestRegion, command, converge, memory, model, open_with};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use sterna_log::{Entry, LogId, Position, shard_of};
use sterna_store::{Store, Transaction};
use sterna_write::keys::{log, parked};
use sterna_write::{Refused, Writer};

const MEMBERS: [&str; 3] = ["a", "b", "c"];

/// With a field and a command that [`MODEL`] lacks.
fn haunted(version: u32) -> String {
    let text = MODEL.replace("version = 1", &format!("version = {version}"));
    text.replace("note    = \"string?\"", "note    = \"string?\"\nghost   = \"string?\"")
        + "\n[aggregate.cart.commands.haunt]\nargs = { ghost = \"string\" }\neffects = [{ set = \"args.ghost\", to = \"ghost\" }]\n"
}

fn parked(region: &TestRegion) -> Vec<String> {
    region.writer.region().board.parked().into_iter().map(|(id, _)| id.to_string()).collect()
}

async fn unparked(writer: &Writer) {
    let none = async {
        while !writer.region().board.parked().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), none).await.expect("what it is parked for can be applied now");
}

/// How many are listed in the store.
async fn listed(store: &Arc<dyn Store>) -> usize {
    let snapshot = store.snapshot().await.expect("memory can be read");
    sterna_store::scan_all(&*snapshot, parked::all()).await.expect("memory can be read").len()
}

#[tokio::test]
async fn a_parked_aggregate_waits_alone_and_goes_on_with_a_model_that_knows_its_events() {
    // No region of a real cluster gets so far: models that differ in one version refuse each other.
    let a = open_with("a", &MEMBERS, memory(true), &haunted(1)).await.expect("it is empty");
    let c = open_with("c", &MEMBERS, memory(true), &haunted(1)).await.expect("it is empty");
    let (store, others) = (memory(true), [a, c]);
    let b = open_with("b", &MEMBERS, Arc::clone(&store), MODEL).await.expect("it is empty");
    let [a, c] = &others;
    a.run("c-1", "annotate", r#"{"note":"before"}"#, None).await.expect("it is valid");
    a.run("c-1", "haunt", r#"{"ghost":"boo"}"#, None).await.expect("it is valid");
    a.run("c-1", "annotate", r#"{"note":"after"}"#, Some("key")).await.expect("it is valid");
    a.run("c-2", "annotate", r#"{"note":"another"}"#, None).await.expect("it is valid");
    for region in [c, &b] {
        for result in region.pull(a, a.me()).await {
            result.expect("frames come without holes");
        }
    }
    c.run("c-1", "add_item", r#"{"sku":"tea","quantity":3}"#, None).await.expect("it has seen the ghost");
    for result in b.pull(c, c.me()).await {
        result.expect("frames come without holes");
    }
    assert_eq!((parked(&b), listed(&store).await), (vec!["cart/c-1".to_owned()], 1));
    let reason = &b.writer.region().board.parked()[0].1;
    assert!(reason.contains("the model has no field `ghost`"), "{reason}");
    assert_eq!(b.state("c-1").await["state"]["note"], "before", "up to the event that it can't apply");
    assert_eq!(b.state("c-2").await["state"]["note"], "another", "all others go on");
    let refused = b.run("c-1", "annotate", r#"{"note":"here"}"#, None).await;
    assert!(matches!(refused, Err(Refused::Parked { .. })), "{refused:?}");
    b.run("c-2", "annotate", r#"{"note":"here"}"#, None).await.expect("it is not parked");

    // A restart under the same model changes nothing, and says it again.
    b.scope.stop().await;
    let b = open_with("b", &MEMBERS, Arc::clone(&store), MODEL).await.expect("it fits");
    assert_eq!(parked(&b), ["cart/c-1"]);
    for region in [a, c, &b] {
        region.writer.region().offer_model(Arc::new(model(&haunted(2)))).expect("it may follow");
        region.writer.region().take_next_model().await.expect("the store takes it");
    }
    unparked(&b.writer).await;
    assert_eq!(listed(&store).await, 0);
    let replay = b.run("c-1", "annotate", r#"{"note":"after"}"#, Some("key")).await.expect("its key has come too");
    assert!(replay.replayed);
    b.run("c-1", "add_item", r#"{"sku":"pot","quantity":1}"#, None).await.expect("it takes commands again");
    let [a, c] = others;
    let all = [a, b, c];
    converge(&all).await;
    let state = all[1].state("c-1").await;
    let wanted = json!({ "items": { "pot": 1, "tea": 3 }, "coupons": [], "gifts": {}, "note": "after", "ghost": "boo", "address": null });
    assert_eq!(state["state"], wanted);
    for region in &all {
        assert_eq!(region.state("c-1").await, state);
    }
}

/// The entry's bytes with the number of its removal's action changed to one that no release has.
fn of_a_newer_release(bytes: &[u8]) -> Vec<u8> {
    const REMOVE_KEY: [u8; 2] = [7 << 3, 1];
    const UNKNOWN: [u8; 2] = [15 << 3, 1];
    const HEADER_BYTES: usize = 5;
    let field = bytes.windows(5).position(|window| window == b"items").expect("it removes an item");
    let action = field + bytes[field..].windows(2).position(|window| window == REMOVE_KEY).expect("by its key");
    let mut bytes = bytes.to_vec();
    bytes[action..action + 2].copy_from_slice(&UNKNOWN);
    let sum = crc32c::crc32c(&bytes[HEADER_BYTES..]);
    bytes[1..HEADER_BYTES].copy_from_slice(&sum.to_be_bytes());
    bytes
}

#[tokio::test]
async fn an_operation_of_a_newer_release_parks_its_aggregate_until_a_process_starts_that_can_read_it() {
    let pair = ["a", "b"];
    let a = open_with("a", &pair, memory(true), MODEL).await.expect("it is empty");
    let store = memory(true);
    let b = open_with("b", &pair, Arc::clone(&store), MODEL).await.expect("it is empty");
    a.run("c-1", "add_item", r#"{"sku":"tea","quantity":3}"#, None).await.expect("it is valid");
    a.run("c-1", "remove_item", r#"{"sku":"tea"}"#, None).await.expect("it is there");
    // More than are looked at in one go.
    for n in 0..600 {
        let args = format!(r#"{{"sku":"sku-{}","quantity":1}}"#, n % 7);
        a.run("c-1", "add_item", &args, None).await.expect("it is valid");
    }
    let in_log = LogId { origin: a.me(), shard: shard_of("cart", "c-1", 4) };
    let mut frame = a.frame(in_log, Position::ZERO).await;
    let removal = &mut frame.entries[1];
    let (position, readable) = (removal.position, removal.bytes.clone());
    removal.bytes = of_a_newer_release(&readable).into();
    let decoded = Entry::decode(&removal.bytes).expect("the entry is whole");
    assert!(decoded.events[0].unreadable.is_some() && decoded.events[0].critical);
    b.writer.merge(frame).await.expect("it is copied");
    assert_eq!(parked(&b), ["cart/c-1"]);
    assert_eq!(b.state("c-1").await["state"]["items"], json!({ "tea": 3 }));
    b.scope.stop().await;

    // The new release reads what this one could not: here the bytes change in its stead.
    let mut t = Transaction::blind();
    log::copy(in_log, position, &readable).into_iter().for_each(|write| t.writes.push(write));
    store.commit(t).await.expect("the store takes it");
    let b = open_with("b", &pair, store, MODEL).await.expect("it fits");
    unparked(&b.writer).await;
    assert_eq!(b.state("c-1").await, a.state("c-1").await);
    b.writer.execute(command("c-1", "remove_item", r#"{"sku":"sku-3"}"#, None)).await.expect("it takes commands");
    let both = [a, b];
    converge(&both).await;
    assert_eq!(both[0].state("c-1").await, both[1].state("c-1").await);
}
