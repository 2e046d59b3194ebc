//! Whatever is asked, the answer is one of the interface's: no panic, no internal error, and every refusal a problem document.

use crate::region::TestRegion;
use axum::body::Body;
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::BodyExt;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tower::ServiceExt;

const REQUESTS: usize = 4_000;

#[derive(Clone, Debug)]
struct Asked {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

fn segment() -> impl Strategy<Value = String> {
    let known =
        ["v1", "cart", "views", "carts", "notes", "commands", "changes", "conflicts", "status", "events", "open", "add_item", "annotate"];
    let more = [
        "admin",
        "rebuild",
        "links",
        "problems",
        "not-found",
        "openapi.json",
        "healthz",
        "readyz",
        "c-1",
        ".",
        "..",
        "%2e%2e",
        "%00",
        "%ff",
        "",
    ];
    prop_oneof![
        4 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned),
        3 => proptest::sample::select(more.to_vec()).prop_map(str::to_owned),
        1 => "[!-~]{0,12}".prop_map(|text| text.replace(['#', '?', '\\', '"', '<', '>', '`', '{', '}', '^', '|'], "_")),
    ]
}

fn query() -> impl Strategy<Value = String> {
    let names = ["limit", "after", "note", "note[gte]", "items[lt]", "items[", "aggregate", "view", "id", "type", "%", "%5b"];
    let values = ["", "1", "0", "-1", "1001", "99999999999999999999", "new", "cart", "carts", "AAAA", "%00", "%ff", "a%20b", "1=2"];
    let pair = (proptest::sample::select(names.to_vec()), proptest::sample::select(values.to_vec())).prop_map(|(n, v)| format!("{n}={v}"));
    proptest::collection::vec(pair, 0..4).prop_map(|pairs| if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) })
}

fn header() -> impl Strategy<Value = (&'static str, String)> {
    let names = [
        "sterna-token",
        "idempotency-key",
        "if-match",
        "if-none-match",
        "prefer",
        "traceparent",
        "sterna-actor",
        "x-request-id",
        "last-event-id",
        "content-type",
        "accept",
        "origin",
        "content-length",
    ];
    let values = [
        "",
        "*",
        "\"0000000000000000\"",
        "W/\"a\"",
        "wait=0",
        "wait=1e9, return=representation",
        "application/json",
        "application/x-ndjson",
        "AAAA",
        "0",
    ];
    let value = prop_oneof![proptest::sample::select(values.to_vec()).prop_map(str::to_owned), "[ -~]{0,40}"];
    (proptest::sample::select(names.to_vec()), value)
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let line = r#"{"type":"cart","id":"c-1","command":"add_item","args":{"sku":"tea","quantity":2},"key":"k"}"#;
    prop_oneof![
        Just(Vec::new()),
        Just(b"{}".to_vec()),
        Just(br#"{"sku":"tea","quantity":2}"#.to_vec()),
        (0..line.len()).prop_map(move |at| line.as_bytes()[..at].to_vec()),
        (0..line.len(), any::<u8>()).prop_map(move |(at, byte)| {
            let mut bytes = format!("{line}\n{line}\n").into_bytes();
            bytes[at] = byte;
            bytes
        }),
        proptest::collection::vec(any::<u8>(), 0..200),
    ]
}

fn asked() -> impl Strategy<Value = Asked> {
    let method =
        proptest::sample::select(vec![Method::GET, Method::GET, Method::POST, Method::POST, Method::HEAD, Method::PUT, Method::OPTIONS]);
    let v1 = proptest::collection::vec(segment(), 1..4).prop_map(|segments| format!("/v1/{}", segments.join("/")));
    let any = proptest::collection::vec(segment(), 0..5).prop_map(|segments| format!("/{}", segments.join("/")));
    let path = (prop_oneof![3 => v1, 1 => any], query()).prop_map(|(path, query)| path + &query);
    (method, path, proptest::collection::vec(header(), 0..4), body()).prop_map(|(method, path, headers, body)| Asked {
        method,
        path,
        headers,
        body,
    })
}

fn request(asked: &Asked) -> Option<Request<Body>> {
    let mut request = Request::builder().method(asked.method.clone()).uri(&asked.path).body(Body::from(asked.body.clone())).ok()?;
    request.headers_mut().insert("prefer", HeaderValue::from_static("wait=0"));
    for (name, value) in &asked.headers {
        request.headers_mut().append(HeaderName::from_static(name), HeaderValue::from_str(value).ok()?);
    }
    Some(request)
}

#[tokio::test]
async fn every_answer_is_one_of_the_interface() {
    let region = TestRegion::start().await;
    let mut runner = TestRunner::deterministic();
    let strategy = asked();
    let mut answered = 0;
    for _ in 0..REQUESTS {
        let asked = strategy.new_tree(&mut runner).expect("the strategy filters nothing").current();
        let Some(request) = request(&asked) else { continue };
        let response = region.router.clone().oneshot(request).await.expect("a router always answers");
        let (parts, body) = response.into_parts();
        let kind = parts.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        assert!(parts.headers.contains_key("x-request-id"), "{asked:?}");
        assert_ne!(parts.status, 500, "{asked:?}");
        answered += 1;
        if kind == "text/event-stream" {
            continue;
        }
        let body = body.collect().await.expect("no stream breaks here").to_bytes();
        if parts.status.is_client_error() || parts.status.is_server_error() {
            assert_eq!(kind, "application/problem+json", "{asked:?}: {body:?}");
            if asked.method != Method::HEAD {
                let problem: serde_json::Value = serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{error}: {asked:?}"));
                let known = problem["code"].as_str().is_some_and(|code| code.parse::<sterna_http::Code>().is_ok());
                assert!(known && problem["status"] == parts.status.as_u16(), "{asked:?}: {problem}");
            }
        }
        if kind == "application/x-ndjson" && asked.method == Method::POST {
            let lines: Vec<_> = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
            let last: serde_json::Value = serde_json::from_slice(lines.last().expect("there is a last answer")).expect("it is JSON");
            assert_eq!(last["done"], true, "{asked:?}");
        }
    }
    assert!(answered > REQUESTS / 2, "{answered}");
}
