//! Real sockets: both protocols, bounds, shutdown.

use crate::region::{TestRegion, line};
use bytes::Bytes;
use futures::StreamExt;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::time::Duration;
use sterna_http::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work).await.expect("it happens in time")
}

#[tokio::test]
async fn the_client_commands_and_reads_what_it_wrote() {
    let region = TestRegion::start().await;
    let (_, client) = region.listen().await;
    for n in 1..=3 {
        client.command("cart", "c-1", "add_item", serde_json::json!({ "sku": "tea", "quantity": n })).send().await.expect("accepted");
        let document = client.get("cart", "c-1").await.expect("answered").expect("there");
        assert_eq!(document.body["state"]["items"]["tea"], [1, 3, 6][n - 1], "it reads its own writes");
    }
    assert!(client.get("cart", "none").await.expect("answered").is_none());
    let key = client.make_key();
    let first = client.command("cart", "c-2", "open", serde_json::json!({})).key(&key).represent().send().await.expect("accepted");
    let again = client.command("cart", "c-2", "open", serde_json::json!({})).key(&key).send().await.expect("accepted");
    assert_eq!((first.event, first.replayed, again.replayed), (again.event, false, true));
    assert!(first.document.is_some_and(|document| document["state"]["note"] == "new"));
    let refused = client.command("cart", "c-2", "open", serde_json::json!({})).send().await.expect_err("it is there");
    assert_eq!(refused.code(), "already-exists");
    let stale =
        client.command("cart", "c-2", "close", serde_json::json!({})).if_match("\"0000000000000000\"").send().await.expect_err("stale");
    assert_eq!(stale.problem().and_then(|problem| problem.etag.clone()), again.etag);
    assert_eq!(client.status().await.expect("answered")["region"], "eu-west");
    let page = client.view::<serde_json::Value>("carts", &[("note", "new")]).await.expect("answered");
    assert_eq!(page.data.len(), 1);
}

#[tokio::test]
async fn http_2_is_spoken_by_prior_knowledge() {
    let region = TestRegion::start().await;
    let (address, _) = region.listen().await;
    let socket = TcpStream::connect(&address).await.expect("it listens");
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await.expect("a preface");
    tokio::spawn(connection);
    let request =
        Request::post(format!("http://{address}/v1/cart/c-1/open")).body(Full::new(Bytes::from_static(b"{}"))).expect("a request");
    let response = within(sender.send_request(request)).await.expect("an answer");
    assert_eq!(response.status(), 200);
    let body = response.into_body().collect().await.expect("whole").to_bytes();
    assert!(body.starts_with(b"{\"type\":\"cart\""));
}

#[tokio::test]
async fn answers_stream_while_lines_are_still_sent() {
    let region = TestRegion::start().await;
    let (_, client) = region.listen().await;
    let (lines, sent) = tokio::sync::mpsc::channel::<Bytes>(1);
    let sent = futures::stream::unfold(sent, |mut sent| async move { sent.recv().await.map(|line| (line, sent)) });
    lines.send(line("c", "tea", 1, "k-0").into()).await.expect("there is room");
    let mut answers = within(client.bulk(sent)).await.expect("accepted");
    for n in 1..5 {
        let answer = within(answers.next()).await.expect("an answer").expect("whole");
        assert_eq!((answer.line, answer.status), (n, 200));
        lines.send(line("c", "tea", 1, &format!("k-{n}")).into()).await.expect("there is room");
    }
    drop(lines);
    let (rest, done) = within(answers.finish()).await.expect("whole");
    assert_eq!((rest.len(), done.accepted, done.refused), (1, 5, 0));
}

#[tokio::test]
async fn stopping_in_the_middle_of_a_bulk_request_answers_what_was_accepted_and_says_that_it_is_cut() {
    let region = TestRegion::start().await;
    let (_, client) = region.listen().await;
    let (lines, sent) = tokio::sync::mpsc::channel::<Bytes>(1);
    let sent = futures::stream::unfold(sent, |mut sent| async move { sent.recv().await.map(|line| (line, sent)) });
    lines.send(line("c", "tea", 1, "k-0").into()).await.expect("there is room");
    let mut answers = within(client.bulk(sent)).await.expect("accepted");
    assert_eq!(within(answers.next()).await.expect("an answer").expect("whole").status, 200);
    let stopping = tokio::spawn(region.stop());
    let cut = within(answers.next()).await.expect("an end").expect_err("it is no whole answer");
    assert!(matches!(cut, sterna_client::Error::Truncated { answered: 1, .. }), "{cut}");
    drop((lines, answers));
    within(stopping).await.expect("it stops");
}

#[tokio::test]
async fn a_connection_cut_in_the_middle_of_a_line_has_no_effect() {
    let region = TestRegion::start().await;
    let (address, client) = region.listen().await;
    let mut socket = TcpStream::connect(&address).await.expect("it listens");
    let (whole, cut) = (line("c", "tea", 1, "k-1"), line("c", "tea", 7, "k-2"));
    let head = "POST /v1/commands HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = format!("{whole}{}", cut.trim_end());
    socket.write_all(format!("{head}{:x}\r\n{chunk}\r\n", chunk.len()).as_bytes()).await.expect("it reads");
    let mut answer = [0; 64];
    within(socket.read_exact(&mut answer)).await.expect("it answers");
    drop(socket);
    for _ in 0..100 {
        let document = client.get("cart", "c").await.expect("answered");
        if document.is_some_and(|document| document.body["state"]["items"]["tea"] == 1) && region.services.metrics.bulks.get() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let document = client.get("cart", "c").await.expect("answered").expect("there");
    assert_eq!(document.body["state"]["items"]["tea"], 1);
}

#[tokio::test]
async fn a_head_that_does_not_come_is_given_up() {
    let region = TestRegion::with(Limits { head_wait_max: Duration::from_millis(100), ..Limits::default() }).await;
    let (address, _) = region.listen().await;
    let mut socket = TcpStream::connect(&address).await.expect("it listens");
    socket.write_all(b"GET /healthz HTTP/1.1\r\nhost").await.expect("it reads");
    let mut rest = Vec::new();
    within(socket.read_to_end(&mut rest)).await.expect("it closes");
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{:?}", String::from_utf8_lossy(&rest));
}

#[tokio::test]
async fn connections_are_bounded_and_more_wait() {
    let region = TestRegion::with(Limits { connections_max: 1, ..Limits::default() }).await;
    let (address, client) = region.listen().await;
    let first = TcpStream::connect(&address).await.expect("it listens");
    while region.services.metrics.connections.get() == 0 {
        tokio::task::yield_now().await;
    }
    let mut waiting = tokio::spawn(async move { client.status().await.is_ok() });
    assert!(tokio::time::timeout(Duration::from_millis(100), &mut waiting).await.is_err(), "there is no place for it");
    drop(first);
    assert!(within(waiting).await.expect("the task ends"));
}

#[tokio::test]
async fn stopping_closes_idle_connections_and_the_port() {
    let region = TestRegion::start().await;
    let (address, client) = region.listen().await;
    client.status().await.expect("answered");
    within(region.stop()).await;
    assert!(TcpStream::connect(&address).await.is_err());
}
