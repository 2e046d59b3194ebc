//! One command over several attempts and regions.

use crate::server::{Answer, Server, accepted, client, ok, problem};
use sterna_client::{Accepted, Client, Error};

async fn open(client: &Client) -> Result<Accepted, Error> {
    client.command("cart", "c", "open", serde_json::json!({ "a": 1 })).send().await
}

/// What a region that has just died does.
fn dead() -> Answer {
    Answer(String::new(), true)
}

#[tokio::test]
async fn a_command_is_sent_whole_with_a_key_of_128_bits() {
    let server = Server::start([accepted("e-1")]).await;
    let answer = open(&client(&[&server])).await.expect("accepted");
    let asked = &server.asked()[0];
    assert!(asked.head.starts_with("POST /v1/cart/c/open HTTP/1.1\n"), "{}", asked.head);
    assert_eq!((asked.body.as_str(), asked.header("content-type")), (r#"{"a":1}"#, Some("application/json")));
    let key = asked.header("idempotency-key").expect("a key");
    assert!(key.len() == 32 && key.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!((answer.event.as_str(), answer.key.as_str(), answer.etag.as_deref(), answer.replayed), ("e-1", key, Some("\"e\""), false));
}

#[tokio::test]
async fn the_key_is_kept_over_failures_and_regions() {
    let first = Server::start([dead(), problem(503, "not-accepting", "same-key", "")]).await;
    let second = Server::start([problem(429, "overloaded", "same-key", ""), accepted("e-1")]).await;
    let answer = open(&client(&[&first, &second])).await.expect("accepted at last");
    let keys: Vec<_> =
        [first.asked(), second.asked()].concat().iter().map(|asked| asked.header("idempotency-key").map(str::to_owned)).collect();
    assert!(keys.len() >= 3 && keys.iter().all(|key| key.as_deref() == Some(answer.key.as_str())), "{keys:?}");
}

#[tokio::test]
async fn a_region_that_does_not_answer_is_passed_over_and_then_left_alone() {
    let gone = Server::gone();
    let there = Server::start([accepted("e-1"), accepted("e-2"), accepted("e-3")]).await;
    let client = client(&[&gone, &there]);
    for event in ["e-1", "e-2", "e-3"] {
        assert_eq!(open(&client).await.expect("accepted").event, event);
    }
}

#[tokio::test]
async fn retry_after_is_honoured_within_bounds() {
    let server = Server::start([problem(429, "overloaded", "same-key", "retry-after: 3600\r\n"), accepted("e-1")]).await;
    let began = std::time::Instant::now();
    assert!(open(&client(&[&server])).await.is_ok());
    let waited = began.elapsed().as_millis();
    assert!((20..3_000).contains(&waited), "{waited} ms");
}

#[tokio::test]
async fn what_no_retry_helps_is_answered_at_once() {
    let server = Server::start([problem(412, "version-mismatch", "never", "etag: \"new\"\r\n")]).await;
    let refused = open(&client(&[&server])).await.expect_err("refused");
    let problem = refused.problem().expect("a problem");
    assert_eq!((problem.status, problem.code.as_str(), problem.etag.as_deref()), (412, "version-mismatch", Some("\"new\"")));
    assert_eq!(refused.to_string(), "412 version-mismatch: d");
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn attempts_are_bounded() {
    let server = Server::start([]).await;
    let error = open(&client(&[&server])).await.expect_err("it never answers");
    assert!(matches!(error, Error::Unreachable { attempts: 4, .. }), "{error}");
    let busy = Server::start((0..10).map(|_| problem(503, "not-accepting", "same-key", ""))).await;
    assert_eq!(open(&client(&[&busy])).await.expect_err("it never accepts").code(), "not-accepting");
    assert_eq!(busy.asked().len(), 4);
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_meanwhile_costs_no_attempt() {
    let Answer(text, _) = accepted("e-1");
    let server = Server::start([Answer(text, true), accepted("e-2")]).await;
    let options = sterna_client::Options { attempts_max: 1, ..sterna_client::Options::new([server.url.clone()]) };
    let client = Client::new(sterna_env::Env::real(), options).expect("the url is valid");
    assert_eq!(open(&client).await.expect("accepted").event, "e-1");
    assert_eq!(open(&client).await.expect("accepted").event, "e-2");
}

#[tokio::test]
async fn a_proxys_page_becomes_a_problem_and_is_tried_again() {
    let page = Answer("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 6\r\n\r\n<html>".to_owned(), false);
    let server = Server::start([page.clone(), accepted("e-1")]).await;
    assert!(open(&client(&[&server])).await.is_ok());
    let nonsense = Server::start([ok("", "<html>")]).await;
    assert!(matches!(open(&client(&[&nonsense])).await, Err(Error::Unintelligible(_))));
}

#[tokio::test]
async fn tokens_are_sent_back_and_a_session_begins_without() {
    let server = Server::start([accepted("e-1"), ok("sterna-token: t-2\r\n", "{}"), ok("", "{}"), ok("", "{}")]).await;
    let client = client(&[&server]);
    open(&client).await.expect("accepted");
    client.status().await.expect("answered");
    client.status().await.expect("answered");
    client.session().status().await.expect("answered");
    let tokens: Vec<_> = server.asked().iter().map(|asked| asked.header("sterna-token").map(str::to_owned)).collect();
    assert_eq!(tokens, [None, Some("t-1".to_owned()), Some("t-2".to_owned()), None]);
    assert_eq!(client.token().as_deref(), Some("t-2"));
}

#[tokio::test]
async fn documents_that_are_not_there_are_none() {
    let server = Server::start([
        problem(404, "not-found", "never", ""),
        problem(410, "deleted", "never", ""),
        problem(404, "unknown-type", "never", ""),
    ])
    .await;
    let client = client(&[&server]);
    assert!(client.get("cart", "c").await.expect("answered").is_none());
    assert!(client.get("cart", "c").await.expect("answered").is_none());
    assert_eq!(client.get("cat", "c").await.expect_err("no such type").code(), "unknown-type");
}
