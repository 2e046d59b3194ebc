//! Probes, metrics, status, problems' pages, admin.

use crate::region::{TestRegion, ask};
use axum::body::Body;
use http::Request;
use parking_lot::Mutex;
use serde_json::json;
use std::sync::Arc;
use sterna_http::{Code, Limits, LinkState, Links, Services, UnknownPeer};

#[tokio::test]
async fn readiness_says_why_not() {
    let region = TestRegion::start().await;
    assert_eq!(region.get("/healthz").await.json(), json!({ "healthy": true }));
    assert_eq!(region.get("/readyz").await.json(), json!({ "ready": true }));
    region.services.writer.region().set_gate(sterna_write::Gate::Closed("its clock runs ahead".to_owned()));
    region.services.readiness.drain();
    let problem = region.get("/readyz").await.problem(503, "not-ready");
    assert_eq!(problem["reasons"], json!(["it is draining", "it takes no commands: its clock runs ahead"]));
    assert_eq!(region.get("/healthz").await.status, 200, "a draining process is healthy");
}

#[tokio::test]
async fn metrics_count_requests_by_route() {
    let region = TestRegion::start().await;
    region.post("/v1/cart/c-1/open", "{}").await;
    region.get("/v1/cart/none").await;
    region.get("/nowhere/1").await;
    region.bulk(crate::region::line("c", "tea", 1, "k")).await;
    let answer = region.get("/metrics").await;
    assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"));
    let text = answer.text();
    for line in [
        r#"sterna_http_requests_total{method="POST",route="/v1/{aggregate}/{id}/{command}",status="200"} 1"#,
        r#"sterna_http_requests_total{method="GET",route="/v1/{aggregate}/{id}",status="404"} 1"#,
        r#"sterna_http_requests_total{method="GET",route="unmatched",status="404"} 1"#,
        r#"sterna_http_bulk_lines_total{outcome="accepted"} 1"#,
        r#"sterna_http_request_duration_seconds_count{route="/v1/{aggregate}/{id}"} 1"#,
        "sterna_http_requests_in_flight 1",
        "# TYPE sterna_write_commands_total counter",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[tokio::test]
async fn status_shows_the_region_its_logs_and_its_views() {
    let region = TestRegion::start().await;
    let status = region.get("/v1/status").await.json();
    assert_eq!((&status["region"], &status["shards"], &status["closed"]), (&json!("eu-west"), &json!(4), &json!(null)));
    assert_eq!(status["regions"][0]["logs"].as_array().map(Vec::len), Some(4));
    assert_eq!(status["model"]["version"], 1);
    let views: Vec<_> = status["views"].as_array().expect("views").iter().map(|view| view["name"].clone()).collect();
    assert_eq!(views, [json!("carts"), json!("notes")]);
}

#[tokio::test]
async fn every_problem_has_a_page() {
    let region = TestRegion::start().await;
    let list = region.get("/problems").await;
    assert!(list.header("content-type").starts_with("text/html"));
    for code in Code::ALL {
        let page = region.get(&format!("/problems/{}", code.as_str())).await;
        assert_eq!(page.status, 200, "{code:?}");
        assert!(page.text().contains(code.as_str()) && list.text().contains(code.as_str()));
    }
    region.get("/problems/none").await.problem(404, "unknown-path");
    region.get("/problems/%ff").await.problem(400, "invalid-path");
}

#[tokio::test]
async fn a_view_is_rebuilt_on_request() {
    let region = TestRegion::start().await;
    let answer = region.post("/admin/views/carts/rebuild", "").await;
    assert_eq!(answer.status, 202, "{:?}", answer.body);
    assert!(answer.json()["generation"].is_u64());
    region.post("/admin/views/none/rebuild", "").await.problem(404, "unknown-view");
}

#[derive(Default)]
struct FakeLinks(Mutex<bool>);

impl Links for FakeLinks {
    fn links(&self) -> Vec<LinkState> {
        vec![LinkState { peer: "us-east".to_owned(), cut: *self.0.lock() }]
    }

    fn cut(&self, peer: &str) -> Result<(), UnknownPeer> {
        self.set(peer, true)
    }

    fn heal(&self, peer: &str) -> Result<(), UnknownPeer> {
        self.set(peer, false)
    }
}

impl FakeLinks {
    fn set(&self, peer: &str, cut: bool) -> Result<(), UnknownPeer> {
        if peer != "us-east" {
            return Err(UnknownPeer(peer.to_owned()));
        }
        *self.0.lock() = cut;
        Ok(())
    }
}

#[tokio::test]
async fn links_are_cut_and_healed_only_where_a_developer_asked_for_it() {
    let region = TestRegion::start().await;
    region.post("/admin/links/us-east/cut", "").await.problem(404, "unknown-path");
    let dev = sterna_http::router(Services { links: Some(Arc::new(FakeLinks::default())), ..region.services.clone() });
    let post = |path: &str| Request::post(path).body(Body::empty()).expect("a request");
    let cut = ask(&dev, post("/admin/links/us-east/cut")).await;
    assert_eq!(cut.json(), json!({ "links": [{ "peer": "us-east", "cut": true }] }));
    assert_eq!(ask(&dev, post("/admin/links/us-east/heal")).await.json()["links"][0]["cut"], false);
    ask(&dev, post("/admin/links/mars/cut")).await.problem(404, "unknown-peer");
}

#[tokio::test]
async fn too_many_requests_are_refused_but_operators_are_answered() {
    let region = TestRegion::with(Limits { requests_max: 0, ..Limits::default() }).await;
    let answer = region.get("/v1/cart/c-1").await;
    answer.problem(429, "overloaded");
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(region.get("/readyz").await.status, 200);
    assert_eq!(region.get("/metrics").await.status, 200);
}
