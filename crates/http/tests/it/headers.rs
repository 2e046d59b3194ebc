//! What every path shares.

use crate::region::TestRegion;
use axum::body::Body;
use http::{Method, Request};
use sterna_crdt::RegionId;
use sterna_log::{LogId, Position, ShardId, Token, TokenKey};

fn request(method: Method, path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(Body::empty()).expect("a request")
}

#[tokio::test]
async fn a_request_id_is_kept_or_made() {
    let region = TestRegion::start().await;
    let given = region.ask(request(Method::GET, "/nowhere", &[("x-request-id", "mine-1")])).await;
    assert_eq!(given.header("x-request-id"), "mine-1");
    assert_eq!(given.problem(404, "unknown-path")["request_id"], "mine-1");
    let (a, b) = (region.get("/healthz").await, region.get("/healthz").await);
    assert!(a.header("x-request-id").len() == 16 && a.header("x-request-id") != b.header("x-request-id"));
    let bad = region.ask(request(Method::GET, "/healthz", &[("x-request-id", &"x".repeat(500))])).await;
    assert_eq!(bad.header("x-request-id").len(), 16);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let region = TestRegion::start().await;
    for path in ["/", "/v1", "/v1/cart", "/v2/cart/c-1", "/v1/cart/c-1/events/more", "/admin/links"] {
        region.get(path).await.problem(404, "unknown-path");
    }
    let allowed = [("/v1/cart/c-1", "GET,HEAD"), ("/v1/commands", "POST"), ("/healthz", "GET,HEAD"), ("/v1/cart/c-1/events", "GET,HEAD")];
    for (path, allow) in allowed {
        let answer = region.ask(request(Method::DELETE, path, &[])).await;
        answer.problem(405, "method-not-allowed");
        assert_eq!(answer.header("allow"), allow, "{path}");
        let options = region.ask(request(Method::OPTIONS, path, &[])).await;
        assert_eq!((options.status.as_u16(), options.header("allow"), options.body.len()), (204, allow, 0), "{path}");
    }
}

#[tokio::test]
async fn head_answers_as_get_without_a_body() {
    let region = TestRegion::start().await;
    assert_eq!(region.post("/v1/cart/c-1/open", "{}").await.status, 200);
    let (get, head) = (region.get("/openapi.json").await, region.ask(request(Method::HEAD, "/openapi.json", &[])).await);
    assert_eq!((head.status, head.body.len(), head.header("content-type")), (get.status, 0, get.header("content-type")));
    assert_eq!(head.header("content-length"), get.body.len().to_string());
    let missing = region.ask(request(Method::HEAD, "/v1/cart/none", &[])).await;
    assert_eq!((missing.status.as_u16(), missing.body.len()), (404, 0));
}

#[tokio::test]
async fn pages_of_other_origins_may_ask() {
    let region = TestRegion::start().await;
    let wanted = [
        ("origin", "https://shop.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "sterna-token, idempotency-key"),
    ];
    let preflight = region.ask(request(Method::OPTIONS, "/v1/cart/c-1/open", &wanted)).await;
    assert_eq!((preflight.status.as_u16(), preflight.header("access-control-allow-origin")), (204, "*"));
    assert_eq!(preflight.header("access-control-allow-headers"), "sterna-token, idempotency-key");
    assert!(preflight.header("access-control-allow-methods").contains("POST"));
    let answer = region.ask(request(Method::GET, "/nowhere", &[("origin", "https://shop.example")])).await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(answer.header("access-control-expose-headers").contains("sterna-token"));
    assert!(!region.get("/healthz").await.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn tokens_that_are_not_ours_are_refused_everywhere() {
    let region = TestRegion::start().await;
    let theirs = Token::at(LogId { origin: RegionId(0), shard: ShardId(0) }, Position::seal(1, 1)).encode(&TokenKey::derive(b"another"));
    for path in ["/v1/cart/c-1", "/v1/cart/c-1/events", "/v1/views/carts"] {
        region.ask(request(Method::GET, path, &[("sterna-token", "garbage")])).await.problem(400, "invalid-token");
        region.ask(request(Method::GET, path, &[("sterna-token", &theirs)])).await.problem(400, "foreign-token");
    }
    region.post_with("/v1/cart/c-1/open", "{}", &[("sterna-token", "garbage")]).await.problem(400, "invalid-token");
    region.post_with("/v1/cart/c-1/open", "{}", &[("sterna-token", &theirs)]).await.problem(400, "foreign-token");
    let bulk = [("sterna-token", "garbage"), ("content-type", "application/x-ndjson")];
    region.ask(request(Method::POST, "/v1/commands", &bulk)).await.problem(400, "invalid-token");
}

#[tokio::test]
async fn a_token_from_the_future_is_waited_for_within_bounds() {
    let region = TestRegion::start().await;
    let shard = sterna_log::shard_of("cart", "c-1", 4);
    let future = Position::seal(u64::MAX / 2, 1);
    let token = Token::at(LogId { origin: RegionId(0), shard }, future).encode(&TokenKey::derive(crate::region::SECRET));
    let headers = [("sterna-token", token.as_str()), ("prefer", "wait=0.05")];
    let read = region.ask(request(Method::GET, "/v1/cart/c-1", &headers)).await;
    assert_eq!(read.problem(503, "behind-token")["missing"], serde_json::json!(["eu-west"]));
    assert_eq!((read.header("sterna-token"), read.header("retry-after")), (token.as_str(), "1"), "the token is not lost");
    let write = region.post_with("/v1/cart/c-1/open", "{}", &headers).await;
    assert_eq!(write.problem(503, "behind-token")["missing"], serde_json::json!(["eu-west"]));
}
