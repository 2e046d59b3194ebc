//! What is too much, or no HTTP, is refused with a problem that its sender gets to read.

use crate::region::TestRegion;
use serde_json::Value;
use std::time::Duration;
use sterna_http::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Several times what sockets buffer.
const LARGE: usize = 6 << 20;

/// Sends all of it, as clients do, and reads only then. The status and the problem.
async fn exchange(address: &str, head: &str, body: &[u8]) -> (u16, Value) {
    let work = async {
        let mut socket = TcpStream::connect(address).await.expect("it listens");
        socket.write_all(head.as_bytes()).await.expect("the head is read");
        socket.write_all(body).await.expect("the body is read on");
        let mut answer = Vec::new();
        // A reset may follow the answer, and must not come before it.
        let _ = socket.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    let answer = tokio::time::timeout(Duration::from_secs(60), work).await.expect("it is answered");
    let status = answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no answer to {head:?}: {answer:?}"));
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no whole head: {answer}"));
    assert!(head.contains("content-type: application/problem+json") && head.contains("x-request-id: "), "{head}");
    (status, serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}")))
}

#[tokio::test]
async fn whoever_still_sends_a_large_body_gets_to_read_why_it_is_refused() {
    let region = TestRegion::start().await;
    let (address, _) = region.listen().await;
    let body = vec![b' '; LARGE];
    let asked = [
        ("POST /v1/cart/c-1/open", "application/json", 413, "body-too-large"),
        ("POST /v1/cart/c-1/open", "text/plain", 415, "unsupported-media-type"),
        ("POST /v1/cart/c-1/none/of/these", "application/json", 404, "unknown-path"),
        ("PUT /v1/cart/c-1", "application/json", 405, "method-not-allowed"),
        ("POST /v1/commands", "application/json", 415, "unsupported-media-type"),
        ("POST /admin/views/none/rebuild", "application/json", 404, "unknown-view"),
    ];
    for (line, kind, status, code) in asked {
        let head = format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {LARGE}\r\n\r\n");
        let (answered, problem) = exchange(&address, &head, &body).await;
        assert_eq!((answered, problem["code"].as_str()), (status, Some(code)), "{line} {kind}");
    }
    let mut chunked = format!("{LARGE:x}\r\n").into_bytes();
    chunked.extend_from_slice(&body);
    chunked.extend_from_slice(b"\r\n0\r\n\r\n");
    let head = "POST /v1/cart/c-1/open HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    assert_eq!(exchange(&address, head, &chunked).await.1["code"], "body-too-large", "also if nobody said how much comes");
}

#[tokio::test]
async fn whoever_asks_first_is_refused_before_the_body_is_sent() {
    let region = TestRegion::start().await;
    let (address, _) = region.listen().await;
    let head = format!("POST /v1/cart/c-1/open HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {LARGE}\r\n\r\n");
    let (status, problem) = exchange(&address, &head, b"").await;
    assert_eq!((status, problem["code"].as_str()), (413, Some("body-too-large")));
}

#[tokio::test]
async fn what_is_no_http_or_has_too_large_a_head_is_told_so() {
    let region = TestRegion::with(Limits { header_bytes_max: 16 << 10, ..Limits::default() }).await;
    let (address, client) = region.listen().await;
    let cases = [
        ("GET / HTTP/1.1\r\nhost x\r\n\r\n".to_owned(), 400, "invalid-request"),
        ("not http at all\r\n\r\n".to_owned(), 400, "invalid-request"),
        ("GET /v1/cart/c 1 HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), 400, "invalid-request"),
        ("POST /v1/commands HTTP/1.1\r\nhost: x\r\ncontent-length: ten\r\n\r\n".to_owned(), 400, "invalid-request"),
        (format!("GET /healthz HTTP/1.1\r\nhost: x\r\ncookie: {}\r\n\r\n", "c".repeat(20 << 10)), 431, "head-too-large"),
        (format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(200)), 431, "head-too-large"),
        (format!("GET /healthz?{} HTTP/1.1\r\nhost: x\r\n\r\n", "q".repeat(20 << 10)), 431, "head-too-large"),
    ];
    for (head, status, code) in cases {
        let (answered, problem) = exchange(&address, &head, b"").await;
        assert_eq!((answered, problem["code"].as_str()), (status, Some(code)), "{}", &head[..head.len().min(60)]);
    }
    client.status().await.expect("others are answered as before");
}

#[tokio::test]
async fn a_page_a_token_and_a_line_have_their_bounds() {
    let region = TestRegion::start().await;
    for path in ["/v1/views/carts", "/v1/cart/c-1/events", "/v1/conflicts"] {
        region.get(&format!("{path}?limit=1001")).await.problem(400, "invalid-limit");
        region.get(&format!("{path}?limit=-1")).await.problem(400, "invalid-limit");
        region.get(&format!("{path}?after={}", "A".repeat(9_000))).await.problem(400, "invalid-cursor");
    }
    let written = region.post("/v1/cart/c-1/open", "{}").await;
    let tokens = vec![written.header("sterna-token"); 17].join(",");
    region.post_with("/v1/cart/c-1/close", "{}", &[("sterna-token", &tokens)]).await.problem(400, "invalid-header");
    region.post_with("/v1/cart/c-1/close", "{}", &[("sterna-actor", &"a".repeat(129))]).await.problem(400, "invalid-header");
    region.post(&format!("/v1/cart/c-1/{}", "c".repeat(9_000)), "{}").await.problem(404, "unknown-command");
}
