//! Tokens: own writes are read, and nobody goes back in time.

use crate::models::FLIGHTS;
use crate::world::{WAIT, aggregate, data, one, two};
use serde_json::json;
use std::time::Duration;
use sterna_log::{LogId, Position, Token, shard_of};
use sterna_read::ReadRefused;

#[tokio::test]
async fn a_token_reads_its_own_writes_in_documents_histories_and_views() {
    let node = one(FLIGHTS).await;
    for at in 1..50 {
        let accepted = node.run("aircraft", "N1", "fly", json!({"dest": format!("D{at}")})).await;
        let found = node.reads.document("aircraft", "N1", Some(&accepted.token), WAIT).await.expect("it is there");
        assert_eq!(
            (found.etag, String::from_utf8_lossy(&found.json)),
            (accepted.etag, accepted.document.expect("it was asked for").into())
        );
        let page = node.reads.view("aircraft", &[], None, None, Some(&accepted.token), WAIT).await.expect("it is declared");
        assert_eq!(data(&page)[0]["flights"], at);
        let history = node.reads.history("aircraft", "N1", Some(100), None, Some(&accepted.token), WAIT).await.expect("it is there");
        assert_eq!(data(&history).len(), at);
    }
}

#[tokio::test]
async fn an_answers_token_holds_what_the_answer_was_made_from() {
    let nodes = two(FLIGHTS).await;
    let [east, west] = &nodes;
    let id = aggregate("aircraft", "N1");
    let shard = shard_of(&id.kind, &id.id, east.writer.region().shards());
    for at in 1..20 {
        let accepted = east.run("aircraft", "N1", "fly", json!({"dest": "D"})).await;
        let found = east.reads.document("aircraft", "N1", Some(&accepted.token), WAIT).await.expect("it is there");
        assert!(found.token.needs(LogId { origin: east.me(), shard }) >= accepted.position);
        let refused = west.reads.document("aircraft", "N1", Some(&found.token), Duration::from_millis(5)).await;
        assert!(matches!(refused, Err(ReadRefused::BehindToken { missing }) if missing == ["east".into()]), "before it has arrived");
        west.pull(east).await;
        let seen = west.reads.document("aircraft", "N1", Some(&found.token), WAIT).await.expect("it has arrived");
        assert_eq!(seen.json, found.json);
        assert_eq!(seen.etag, found.etag);
        let page = west.reads.view("aircraft", &[], None, None, Some(&found.token), WAIT).await.expect("it has arrived");
        assert_eq!(data(&page)[0]["flights"], at);
    }
}

#[tokio::test]
async fn a_document_waits_for_its_own_shard_only() {
    let node = one(FLIGHTS).await;
    let accepted = node.run("aircraft", "N1", "fly", json!({"dest": "D"})).await;
    let other = node.writer.region().board.shards().find(|shard| *shard != accepted.log.shard).expect("there are several");
    let mut token = accepted.token.clone();
    token.raise(LogId { shard: other, ..accepted.log }, Position::new(u64::MAX, [0; 10], 0));
    node.reads.document("aircraft", "N1", Some(&token), WAIT).await.expect("another shard is no matter");
    let refused = node.reads.view("aircraft", &[], None, None, Some(&token), Duration::from_millis(5)).await;
    assert!(matches!(refused, Err(ReadRefused::BehindToken { .. })));
}

#[tokio::test]
async fn a_floor_is_reached_where_nothing_was_written() {
    let node = one(FLIGHTS).await;
    let accepted = node.run("aircraft", "N1", "fly", json!({"dest": "D"})).await;
    let mut token = Token::default();
    // More exact positions than a token holds raise a floor over all shards.
    for shard in 0..40 {
        token.raise(LogId { origin: node.me(), shard: sterna_log::ShardId(100 + shard) }, accepted.position);
    }
    for shard in node.writer.region().board.shards() {
        assert_eq!(token.needs(LogId { origin: node.me(), shard }), accepted.position);
    }
    let page = node.reads.view("aircraft", &[], None, None, Some(&token), WAIT).await.expect("everything up to the floor is here");
    assert_eq!(data(&page).len(), 1);
}

#[tokio::test]
async fn there_is_room_again_once_events_are_projected() {
    let node = one(FLIGHTS).await;
    node.read_store.faults().unavailable(Some("gone"));
    for at in 0..20 {
        node.run("aircraft", "N1", "fly", json!({"dest": format!("D{at}")})).await;
    }
    let env = node.writer.region().env.clone();
    assert_eq!(env.timeout(Duration::from_millis(50), node.reads.room(20)).await, None);
    assert_eq!(env.timeout(Duration::from_millis(50), node.reads.room(21)).await, Some(()));
    node.read_store.faults().unavailable(None);
    assert_eq!(env.timeout(WAIT, node.reads.room(1)).await, Some(()));
}
