//! One region.

use crate::cluster::{command, memory, open, regions};
use futures::future::join_all;
use serde_json::json;
use sterna_log::{LogId, ShardId, shard_of};
use sterna_write::{ETag, Refused};

#[tokio::test]
async fn an_accepted_command_changes_its_aggregate_and_survives_a_restart() {
    let store = memory(true);
    let region = open("one", &["one"], store.clone()).await;
    let accepted = region.run("c-1", "add_item", r#"{"sku":"tea","quantity":2}"#, None).await.expect("it is valid");
    assert_eq!(accepted.event.n, 1);
    let document: serde_json::Value = serde_json::from_str(&accepted.document.expect("it was asked for")).expect("it is JSON");
    assert_eq!(document["state"]["items"], json!({"tea": 2}));
    drop(region.writer);
    region.scope.stop().await;
    let again = open("one", &["one"], store).await;
    assert_eq!(again.state("c-1").await["state"]["items"], json!({"tea": 2}));
    let second = again.run("c-1", "add_item", r#"{"sku":"tea","quantity":3}"#, None).await.expect("it is valid");
    assert_eq!((second.event.n, again.state("c-1").await["state"]["items"].clone()), (2, json!({"tea": 5})));
}

#[tokio::test]
async fn a_key_has_one_effect_also_for_twins_in_one_batch() {
    for sole_writer in [true, false] {
        let region = open("one", &["one"], memory(sole_writer)).await;
        let twins = (0..20).map(|_| region.run("c-1", "add_item", r#"{"sku":"tea","quantity":1}"#, Some("k")));
        let answers = futures::future::join_all(twins).await;
        let answers: Vec<_> = answers.into_iter().map(|a| a.expect("it is the same command")).collect();
        assert_eq!(answers.iter().filter(|a| !a.replayed).count(), 1);
        assert!(answers.iter().all(|a| a.event == answers[0].event));
        let other = region.run("c-1", "add_item", r#"{"sku":"tea","quantity":2}"#, Some("k")).await;
        assert!(matches!(other, Err(Refused::KeyReused)), "{other:?}");
        let reordered =
            region.run("c-1", "add_item", r#"{ "quantity": 1, "sku": "tea" }"#, Some("k")).await.expect("it is the same command");
        assert!(reordered.replayed);
        assert_eq!(region.state("c-1").await["state"]["items"], json!({"tea": 1}));
    }
}

#[tokio::test]
async fn commands_of_one_aggregate_take_effect_in_order() {
    for sole_writer in [true, false] {
        let region = open("one", &["one"], memory(sole_writer)).await;
        let mut replies = Vec::new();
        for n in 0..500 {
            let args = format!(r#"{{"note":"{n}"}}"#);
            let reply = region.writer.submit(command(&format!("c-{}", n % 3), "annotate", &args, None)).await.expect("there is room");
            replies.push(reply);
        }
        let mut last = [0; 3];
        for (n, reply) in replies.into_iter().enumerate() {
            let accepted = reply.await.expect("it is valid");
            assert_eq!(accepted.event.n, last[n % 3] + 1);
            last[n % 3] += 1;
        }
        assert_eq!(region.state("c-1").await["state"]["note"], json!("499"));
    }
}

#[tokio::test]
async fn refusals_say_why_and_change_nothing() {
    let region = open("one", &["one"], memory(true)).await;
    let refused = |result: Result<sterna_write::Accepted, Refused>| result.expect_err("it is refused").outcome();
    assert_eq!(refused(region.run("c-1", "remove_item", r#"{"sku":"tea"}"#, None).await), "guard-refused");
    assert_eq!(refused(region.run("c-1", "add_item", r#"{"sku":"tea","quantity":0}"#, None).await), "invalid-arguments");
    assert_eq!(refused(region.run("c-1", "ad_item", "{}", None).await), "unknown-command");
    assert_eq!(refused(region.run("..", "open", "{}", None).await), "invalid-id");
    assert_eq!(refused(region.run("c-1", "open", "{}", Some("\n")).await), "invalid-key");
    assert_eq!(region.state("c-1").await, json!(null));
    let first = region.run("c-1", "open", "{}", None).await.expect("it is absent");
    assert_eq!(refused(region.run("c-1", "open", "{}", None).await), "already-exists");
    let stale = sterna_write::Command { if_match: ETag::parse("0123456789abcdef"), ..command("c-1", "annotate", r#"{"note":"x"}"#, None) };
    let Err(Refused::VersionMismatch { current }) = region.writer.execute(stale).await else { panic!("it is stale") };
    assert_eq!(current, Some(first.etag));
    let fresh = sterna_write::Command { if_match: current, ..command("c-1", "annotate", r#"{"note":"x"}"#, None) };
    assert_ne!(region.writer.execute(fresh).await.expect("it is current").etag, first.etag);
}

#[tokio::test]
async fn a_large_aggregate_is_chunked_and_a_larger_one_refused() {
    let store = memory(true);
    let region = open("one", &["one"], store.clone()).await;
    let long = "x".repeat(50_000);
    let mut fitted = 0;
    let refused = loop {
        match region.run("c-1", "add_item", &format!(r#"{{"sku":"{fitted}-{long}","quantity":1}}"#), None).await {
            Ok(_) => fitted += 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, Refused::AggregateTooLarge { .. }), "{refused:?}");
    assert_eq!(fitted, 19, "a record has at most 1 MB");
    region.run("c-1", "remove_item", &format!(r#"{{"sku":"0-{long}"}}"#), None).await.expect("a removal makes room");
    drop(region.writer);
    region.scope.stop().await;
    let again = open("one", &["one"], store).await;
    let state = again.state("c-1").await;
    assert_eq!(state["state"]["items"].as_object().map(serde_json::Map::len), Some(fitted - 1));
}

#[tokio::test]
async fn many_large_aggregates_at_once_are_written_and_merged_in_several_transactions() {
    let pair = regions(&["a", "b"]).await;
    let one_shard = |id: &String| shard_of("cart", id, 4) == ShardId(0);
    let ids: Vec<String> = (0..).map(|n| format!("c-{n}")).filter(one_shard).take(12).collect();
    let long = "x".repeat(62_000);
    for n in 0..15 {
        let args = format!(r#"{{"sku":"{n}-{long}","quantity":1}}"#);
        let answers = join_all(ids.iter().map(|id| pair[0].run(id, "add_item", &args, None))).await;
        assert!(answers.iter().all(Result::is_ok), "all of them are over 10 MB: {n} {:?}", answers.iter().find(|answer| answer.is_err()));
    }
    let log = LogId { origin: pair[0].me(), shard: ShardId(0) };
    let end = || pair[0].writer.region().board.applied(log.shard).get(log.origin);
    while pair[1].writer.region().board.applied(log.shard).get(log.origin) < end() {
        let after = pair[1].writer.region().board.copied(log.shard).get(log.origin);
        pair[1].writer.merge(pair[0].frame(log, after).await).await.expect("it is no hole");
    }
    for id in ids {
        assert_eq!(pair[1].state(&id).await["state"]["items"].as_object().map(serde_json::Map::len), Some(15));
    }
}

#[tokio::test]
async fn a_command_waits_for_what_its_token_has_seen() {
    let pair = regions(&["a", "b"]).await;
    let there = pair[1].run("c-1", "add_item", r#"{"sku":"tea","quantity":1}"#, None).await.expect("it is valid");
    let seen = sterna_write::Command { token: Some(there.token.clone()), ..command("c-1", "annotate", r#"{"note":"x"}"#, None) };
    let Err(Refused::BehindToken { missing }) = pair[0].writer.execute(seen.clone()).await else { panic!("it has not arrived") };
    assert_eq!(&*missing[0], "b");
    pair[0].pull(&pair[1], pair[1].me()).await;
    let accepted = pair[0].writer.execute(seen).await.expect("it has arrived");
    assert_eq!(accepted.event.n, 1);
}
