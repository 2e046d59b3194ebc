//! `POST /v1/{aggregate}/{id}/{command}`, case by case.

use crate::region::TestRegion;
use serde_json::json;

#[tokio::test]
async fn an_accepted_command_says_what_became_of_it() {
    let region = TestRegion::start().await;
    let answer = region.post_with("/v1/cart/c-1/add_item", r#"{"sku":"tea","quantity":2}"#, &[("idempotency-key", "k-1")]).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let body = answer.json();
    assert_eq!((&body["type"], &body["id"]), (&json!("cart"), &json!("c-1")));
    assert!(body["event"].is_string() && body.get("document").is_none());
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!((answer.header("idempotency-key"), answer.header("sterna-region")), ("k-1", "eu-west"));
    assert!(answer.header("etag").len() == 18 && !answer.header("sterna-token").is_empty() && !answer.header("x-request-id").is_empty());
    assert!(!answer.headers.contains_key("idempotent-replayed"));
}

#[tokio::test]
async fn a_retry_gets_the_same_answer_and_another_body_is_refused() {
    let region = TestRegion::start().await;
    let key = [("idempotency-key", "k-1")];
    let first = region.post_with("/v1/cart/c-1/add_item", r#"{"sku":"tea","quantity":2}"#, &key).await;
    let again = region.post_with("/v1/cart/c-1/add_item", r#"{ "quantity": 2, "sku": "tea" }"#, &key).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (first.status, "true"));
    assert_eq!(again.body, first.body);
    let other = region.post_with("/v1/cart/c-1/add_item", r#"{"sku":"tea","quantity":3}"#, &key).await;
    assert_eq!(other.problem(422, "key-reused")["retry"], "never");
    assert_eq!(other.header("idempotency-key"), "k-1", "a key that was sent is echoed");
}

#[tokio::test]
async fn a_missing_key_is_made_and_echoed() {
    let region = TestRegion::start().await;
    let first = region.post("/v1/cart/c-1/open", "").await;
    assert_eq!(first.status, 200, "{:?}", first.body);
    let key = first.header("idempotency-key").to_owned();
    assert!(key.starts_with("~0~") && key.len() == "~0~".len() + 32, "the server's mark, its region's number, and chance: {key}");
    let again = region.post_with("/v1/cart/c-1/open", "{}", &[("idempotency-key", &key)]).await;
    assert_eq!((again.status.as_u16(), again.header("idempotent-replayed")), (200, "true"));
}

#[tokio::test]
async fn what_a_command_may_be_refused_for() {
    let region = TestRegion::start().await;
    let bad = region.post("/v1/cart/c-1/add_item", r#"{"sku":7,"quantity":0,"color":"red"}"#).await.problem(400, "invalid-arguments");
    let pointers: Vec<_> =
        bad["errors"].as_array().expect("a list").iter().map(|error| error["pointer"].as_str().unwrap_or_default()).collect();
    assert!(["/sku", "/quantity", "/color"].iter().all(|pointer| pointers.contains(pointer)), "{bad}");
    region.post("/v1/cart/c-1/add_item", "not json").await.problem(400, "invalid-arguments");
    region.post("/v1/cart/c-1/close", "{}").await.problem(404, "not-found");
    assert_eq!(region.post("/v1/cart/c-1/open", "{}").await.status, 200);
    region.post("/v1/cart/c-1/open", "{}").await.problem(409, "already-exists");
    let guard = region.post("/v1/cart/c-1/remove_item", r#"{"sku":"tea"}"#).await.problem(422, "guard-refused");
    assert_eq!((&guard["guard"], &guard["detail"]), (&json!("not-in-cart"), &json!("there is no such item in the cart")));
    let unknown = region.post("/v1/cat/c-1/open", "{}").await.problem(404, "unknown-type");
    assert!(unknown["detail"].as_str().is_some_and(|detail| detail.contains("cart")), "{unknown}");
    region.post("/v1/cart/c-1/opn", "{}").await.problem(404, "unknown-command");
    region.post("/v1/cart/a%20b/open", "{}").await.problem(400, "invalid-id");
    region.post(&format!("/v1/cart/{}/open", "x".repeat(129)), "{}").await.problem(400, "invalid-id");
    region.post("/v1/cart/%FF/open", "{}").await.problem(400, "invalid-path");
    region.post_with("/v1/cart/c-2/open", "{}", &[("idempotency-key", "a b")]).await.problem(400, "invalid-key");
    region.post("/v1/commands/c-1/open", "{}").await.problem(404, "unknown-type");
}

#[tokio::test]
async fn a_stale_if_match_is_told_the_current_etag_and_a_retry_never_gets_it() {
    let region = TestRegion::start().await;
    let first = region.post("/v1/cart/c-1/annotate", r#"{"note":"a"}"#).await;
    let etag = first.header("etag").to_owned();
    let key = [("idempotency-key", "k"), ("if-match", etag.as_str())];
    let second = region.post_with("/v1/cart/c-1/annotate", r#"{"note":"b"}"#, &key).await;
    assert_eq!(second.status, 200);
    let again = region.post_with("/v1/cart/c-1/annotate", r#"{"note":"b"}"#, &key).await;
    assert_eq!((again.status.as_u16(), again.header("idempotent-replayed")), (200, "true"));
    let stale = region.post_with("/v1/cart/c-1/annotate", r#"{"note":"c"}"#, &[("if-match", &etag)]).await;
    stale.problem(412, "version-mismatch");
    assert_eq!(stale.header("etag"), second.header("etag"));
    region.post_with("/v1/cart/c-1/annotate", r#"{"note":"c"}"#, &[("if-match", "\"foreign\"")]).await.problem(412, "version-mismatch");
    region.post_with("/v1/cart/c-1/annotate", r#"{"note":"c"}"#, &[("if-match", "*")]).await.problem(400, "invalid-header");
}

#[tokio::test]
async fn a_representation_is_answered_if_it_is_preferred() {
    let region = TestRegion::start().await;
    let prefer = [("prefer", "wait=1, return=representation")];
    let answer = region.post_with("/v1/cart/c-1/add_item", r#"{"sku":"tea","quantity":2}"#, &prefer).await;
    assert_eq!(answer.json()["document"]["state"]["items"], json!({ "tea": 2 }));
    assert_eq!(answer.header("preference-applied"), "return=representation");
}

#[tokio::test]
async fn trace_context_and_actor_are_kept_in_the_event() {
    let region = TestRegion::start().await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let answer = region.post_with("/v1/cart/c-1/open", "{}", &[("traceparent", trace), ("sterna-actor", "ann")]).await;
    let mut read = axum::http::Request::get("/v1/cart/c-1/events").body(axum::body::Body::empty()).expect("a request");
    read.headers_mut().insert("sterna-token", answer.headers["sterna-token"].clone());
    let events = region.ask(read).await.json();
    assert_eq!(events["data"][0]["actor"], "ann", "{events}");
    let writer = &region.services.writer;
    let shard = sterna_log::shard_of("cart", "c-1", 4);
    let log = sterna_log::LogId { origin: writer.region().me, shard };
    let snapshot = writer.region().store.snapshot().await.expect("it can be read");
    let range = sterna_write::keys::log::behind(log, sterna_log::Position::ZERO);
    let pairs = snapshot.scan(range, sterna_store::Page::first(10)).await.expect("it can be read");
    assert!(pairs.iter().any(|(_, value)| value.windows(trace.len()).any(|window| window == trace.as_bytes())));
}

#[tokio::test]
async fn bodies_are_bounded_and_say_what_they_are() {
    let region = TestRegion::with(sterna_http::Limits { body_bytes_max: 100, ..sterna_http::Limits::default() }).await;
    region.post("/v1/cart/c-1/open", &" ".repeat(101)).await.problem(413, "body-too-large");
    let stream = futures::stream::iter((0..20).map(|_| Ok::<_, std::convert::Infallible>(bytes::Bytes::from_static(&[b' '; 10]))));
    let request = http::Request::post("/v1/cart/c-1/open").body(axum::body::Body::from_stream(stream)).expect("a request");
    region.ask(request).await.problem(413, "body-too-large");
    let typed = [("content-type", "application/x-www-form-urlencoded")];
    let request = typed.iter().fold(http::Request::post("/v1/cart/c-1/open"), |request, (name, value)| request.header(*name, *value));
    region.ask(request.body(axum::body::Body::from("a=b")).expect("a request")).await.problem(415, "unsupported-media-type");
    let broken = futures::stream::iter([Ok(bytes::Bytes::from_static(b"{")), Err(std::io::Error::other("gone"))]);
    let request = http::Request::post("/v1/cart/c-1/open").body(axum::body::Body::from_stream(broken)).expect("a request");
    region.ask(request).await.problem(400, "body-cut");
    assert_eq!(
        region.services.writer.execute(crate::bulk::command("c-1", "close", "{}")).await.map(|_| ()).map_err(|e| e.to_string()),
        Err("there is no such aggregate".to_owned()),
        "nothing had an effect"
    );
}

#[tokio::test]
async fn a_closed_gate_refuses_and_says_why() {
    let region = TestRegion::start().await;
    region.services.writer.region().set_gate(sterna_write::Gate::Closed("it is being restored".to_owned()));
    let answer = region.post("/v1/cart/c-1/open", "{}").await;
    let problem = answer.problem(503, "not-accepting");
    assert_eq!((&problem["retry"], answer.header("retry-after")), (&json!("same-key"), "1"));
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("being restored")));
}
