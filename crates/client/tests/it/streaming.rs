//! Bulk requests and the change feed.

use crate::server::{Answer, Server, client, problem};
use bytes::Bytes;
use futures::StreamExt;
use sterna_client::{BulkLine, Change, Changes, Error};

const HEAD: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
const END: &str = "0\r\n\r\n";

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// The server reads no chunked body, so nothing is sent.
fn nothing() -> impl futures::Stream<Item = Bytes> + Send + 'static {
    futures::stream::empty()
}

#[tokio::test]
async fn answers_are_read_wherever_they_are_cut() {
    let (a, b) =
        ("{\"line\":1,\"status\":200,\"body\":{\"event\":\"e\"}}\n", "{\"done\":true,\"accepted\":1,\"refused\":0,\"token\":\"t-9\"}\n");
    let text = format!("{a}{b}");
    for at in 1..text.len() {
        let (x, y) = text.split_at(at);
        let server = Server::start([Answer(format!("{HEAD}{}{}{END}", chunk(x), chunk(y)), false)]).await;
        let client = client(&[&server]);
        let (answers, done) = client.bulk(nothing()).await.expect("accepted").finish().await.expect("whole");
        assert_eq!((answers.len(), answers[0].status, answers[0].body.get(), done.accepted), (1, 200, r#"{"event":"e"}"#, 1));
        assert_eq!(client.token().as_deref(), Some("t-9"));
    }
}

#[tokio::test]
async fn a_response_without_its_last_line_is_truncated() {
    let line = chunk("{\"line\":1,\"status\":200,\"body\":{}}\n");
    for end in [END, ""] {
        let server = Server::start([Answer(format!("{HEAD}{line}{end}"), true)]).await;
        let mut bulk = client(&[&server]).bulk(nothing()).await.expect("accepted");
        assert!(bulk.next().await.expect("an answer").is_ok());
        let error = bulk.next().await.expect("an end").expect_err("it is cut");
        assert!(matches!(error, Error::Truncated { answered: 1, .. }), "{error}");
        assert!(bulk.next().await.is_none() && bulk.done().is_none());
    }
}

#[tokio::test]
async fn a_bulk_request_may_be_refused_as_a_whole() {
    let server = Server::start([problem(429, "overloaded", "same-key", "")]).await;
    let refused = client(&[&server]).bulk(nothing()).await.err().expect("refused");
    assert_eq!(refused.code(), "overloaded");
}

#[test]
fn a_line_is_written_as_the_service_reads_it() {
    let mut out = Vec::new();
    let line = BulkLine { kind: "cart", id: "c", command: "open", args: serde_json::json!({}), key: "k", if_match: None };
    line.write(&mut out).expect("it serializes");
    assert_eq!(out, b"{\"type\":\"cart\",\"id\":\"c\",\"command\":\"open\",\"args\":{},\"key\":\"k\"}\n");
}

fn change(cursor: &str, id: &str) -> String {
    chunk(&format!("id: {cursor}\nevent: cart\ndata: {{\"id\":\"{id}\",\"event\":\"e\",\"command\":\"open\",\"views\":[]}}\n\n"))
}

#[tokio::test]
async fn a_feed_goes_on_behind_the_last_change_wherever_it_broke() {
    let first = format!("{HEAD}{}", change("1", "a"));
    let second = format!("{HEAD}{}{}", chunk("id: 3\n\n"), chunk("id: 4\nevent: cart\ndata: {\"id\""));
    let third = format!("{HEAD}{}{}", chunk("id: 5\nevent: reset\ndata: {}\n\n"), change("6", "b"));
    let server =
        Server::start([Answer(first, true), Answer(second, true), problem(503, "not-accepting", "same-key", ""), Answer(third, true)])
            .await;
    let wanted = Changes { after: Some("0".to_owned()), aggregate: Some("cart".to_owned()), ..Changes::default() };
    let changes: Vec<_> = client(&[&server]).changes(wanted).take(3).collect().await;
    let said: Vec<_> = changes
        .into_iter()
        .map(|change| match change.expect("no error") {
            Change::Changed { cursor, data, .. } => format!("{cursor} {}", data.id),
            Change::Reset { cursor } => format!("{} reset", cursor.unwrap_or_default()),
        })
        .collect();
    assert_eq!(said, ["1 a", "5 reset", "6 b"]);
    let from: Vec<_> = server.asked().iter().map(|asked| asked.header("last-event-id").unwrap_or_default().to_owned()).collect();
    assert_eq!(from, ["0", "1", "3", "3"]);
    assert!(server.asked()[0].head.starts_with("GET /v1/changes?aggregate=cart HTTP/1.1"));
}

#[tokio::test]
async fn a_feed_that_is_refused_ends_with_the_reason() {
    let server = Server::start([problem(400, "invalid-cursor", "never", "")]).await;
    let mut feed = Box::pin(client(&[&server]).changes(Changes::default()));
    assert_eq!(feed.next().await.expect("an item").expect_err("refused").code(), "invalid-cursor");
    assert!(feed.next().await.is_none());
}
