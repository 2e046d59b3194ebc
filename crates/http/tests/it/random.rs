//! Whatever is asked, the answer is one of the interface's: no panic, no internal error, and every refusal a problem document.

use crate::region::{Answer, TestRegion};
use axum::body::Body;
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::BodyExt;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::collections::BTreeMap;
use tower::ServiceExt;

const REQUESTS: usize = 4_000;

#[derive(Clone, Debug)]
struct Asked {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// Which text that was given out stands for [`GIVEN`], and how it is changed.
    changed: (usize, u8, usize, u8),
}

/// Paths that are there, so that what is behind them is reached.
const KNOWN: [&str; 12] = [
    "/v1/cart/c-1",
    "/v1/cart/c-1/events",
    "/v1/cart/c-1/open",
    "/v1/cart/c-1/close",
    "/v1/cart/c-1/add_item",
    "/v1/cart/c-1/add_item",
    "/v1/cart/c-1/remove_item",
    "/v1/views/carts",
    "/v1/views/notes",
    "/v1/conflicts",
    "/v1/commands",
    "/v1/changes",
];

/// Stands for a text that the region gave out.
const GIVEN: &str = "GIVEN";

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
    let values =
        ["", "1", "0", "-1", "1001", "99999999999999999999", "new", "cart", "carts", "AAAA", "%00", "%ff", "a%20b", "1=2", GIVEN, GIVEN];
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
        GIVEN,
        GIVEN,
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
        Just(br#"{"sku":"mug"}"#.to_vec()),
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
    let known = proptest::sample::select(KNOWN.to_vec()).prop_map(str::to_owned);
    let path = (prop_oneof![6 => known, 2 => v1, 1 => any], query()).prop_map(|(path, query)| path + &query);
    (method, path, proptest::collection::vec(header(), 0..4), body(), proptest::arbitrary::any::<(usize, u8, usize, u8)>())
        .prop_map(|(method, path, headers, body, changed)| Asked { method, path, headers, body, changed })
}

/// What a region gave out, and a client may hand back changed.
struct Given {
    texts: Vec<String>,
}

impl Given {
    async fn of(region: &TestRegion) -> Self {
        let mut texts = Vec::new();
        for n in 0..3 {
            let key = format!("seed-{n}");
            let written = region.post_with("/v1/cart/c-1/annotate", r#"{"note":"x"}"#, &[("idempotency-key", &key)]).await;
            texts.extend(["sterna-token", "etag"].map(|name| written.header(name).to_owned()));
            region.post_with("/v1/cart/c-2/annotate", r#"{"note":"x"}"#, &[("idempotency-key", &key)]).await;
        }
        let token = texts[texts.len() - 2].clone();
        for path in ["/v1/cart/c-1/events?limit=1", "/v1/views/carts?limit=1", "/v1/views/carts?note=x&limit=1"] {
            let request = Request::get(path).header("sterna-token", &token).body(Body::empty()).expect("a request");
            let page = region.ask(request).await;
            texts.extend(page.json()["next"].as_str().map(str::to_owned));
        }
        texts.push(region.services.reads.feed_end().to_string());
        Self { texts }
    }

    /// One of them, changed a little, or not.
    fn changed(&self, at: usize, how: u8, place: usize, byte: u8) -> String {
        let mut bytes = self.texts[at % self.texts.len()].clone().into_bytes();
        let place = place % bytes.len().max(1);
        match how % 5 {
            0 => bytes[place] = b' ' + byte % 94,
            1 => bytes.truncate(place),
            2 => bytes.insert(place, b' ' + byte % 94),
            3 => bytes.extend_from_within(..place),
            _ => {}
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

fn request(asked: &Asked, given: &Given) -> Option<Request<Body>> {
    let (at, how, place, byte) = asked.changed;
    let changed = given.changed(at, how, place, byte);
    let path = asked.path.replace(GIVEN, &changed.replace(['#', ' ', '\\', '"', '<', '>', '`', '{', '}', '^', '|'], "_"));
    let mut request = Request::builder().method(asked.method.clone()).uri(path).body(Body::from(asked.body.clone())).ok()?;
    request.headers_mut().insert("prefer", HeaderValue::from_static("wait=0"));
    for (name, value) in &asked.headers {
        let value = value.replace(GIVEN, &changed);
        request.headers_mut().append(HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?);
    }
    Some(request)
}

/// `STERNA_FUZZ=1000000` asks for more.
pub fn requests() -> usize {
    std::env::var("STERNA_FUZZ").ok().and_then(|count| count.parse().ok()).unwrap_or(REQUESTS)
}

/// Another one each time where many are asked for, and told; the same one else.
pub fn runner(requests: usize) -> TestRunner {
    if requests == REQUESTS {
        return TestRunner::deterministic();
    }
    let seed =
        std::env::var("STERNA_FUZZ_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| sterna_env::Env::real().random_u64());
    println!("{requests} inputs, STERNA_FUZZ_SEED={seed}");
    let bytes: [u8; 32] = std::array::from_fn(|at| seed.rotate_left(8 * at as u32).to_le_bytes()[at % 8] ^ at as u8);
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

#[tokio::test]
async fn every_answer_is_one_of_the_interface() {
    let region = TestRegion::start().await;
    let given = Given::of(&region).await;
    let requests = requests();
    let mut runner = runner(requests);
    let strategy = asked();
    let (mut answered, mut statuses) = (0, BTreeMap::<u16, usize>::new());
    for _ in 0..requests {
        let asked = strategy.new_tree(&mut runner).expect("the strategy filters nothing").current();
        let Some(request) = request(&asked, &given) else { continue };
        let path = request.uri().to_string();
        let response = region.router.clone().oneshot(request).await.expect("a router always answers");
        let (parts, body) = response.into_parts();
        let kind = parts.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        assert!(parts.headers.contains_key("x-request-id"), "{asked:?}");
        assert_ne!(parts.status, 500, "{asked:?}");
        answered += 1;
        *statuses.entry(parts.status.as_u16()).or_default() += 1;
        if kind == "text/event-stream" {
            continue;
        }
        let body = body.collect().await.expect("no stream breaks here").to_bytes();
        if parts.status.is_client_error() || parts.status.is_server_error() {
            assert_eq!(kind, "application/problem+json", "{asked:?}: {body:?}");
        }
        let answer = Answer { status: parts.status, headers: parts.headers, body };
        crate::contract::check(&asked.method, &path, &answer);
        if kind == "application/problem+json" && asked.method != Method::HEAD {
            assert_eq!(answer.json()["status"], answer.status.as_u16(), "{asked:?}");
        }
        if kind == "application/x-ndjson" && asked.method == Method::POST {
            let last = answer.text().lines().last().expect("there is a last answer").to_owned();
            assert!(last.starts_with("{\"done\":true"), "{asked:?}");
        }
    }
    if requests != REQUESTS {
        println!("{answered} answered, by status: {statuses:?}");
    }
    assert!(answered > requests / 2, "{answered}");
    for status in [200, 204, 400, 404, 405, 409, 412, 415, 422] {
        assert!(statuses.contains_key(&status), "{status} was not among the answers: {statuses:?}");
    }
}
