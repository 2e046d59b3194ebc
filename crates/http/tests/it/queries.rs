//! Documents, history, views and conflicts.

use crate::region::{Answer, TestRegion};
use axum::body::Body;
use http::Request;
use serde_json::json;

impl TestRegion {
    /// With what `seen` answered.
    async fn after(&self, seen: &Answer, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = Request::get(path).header("sterna-token", seen.header("sterna-token"));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.ask(request.body(Body::empty()).expect("a request")).await
    }
}

#[tokio::test]
async fn a_client_reads_its_own_write_with_its_token() {
    let region = TestRegion::start().await;
    let written = region.post("/v1/cart/c-1/add_item", r#"{"sku":"tea","quantity":2}"#).await;
    let read = region.after(&written, "/v1/cart/c-1", &[]).await;
    assert_eq!(read.status, 200, "{:?}", read.body);
    let document = read.json();
    assert_eq!((&document["type"], &document["id"], &document["state"]["items"]), (&json!("cart"), &json!("c-1"), &json!({ "tea": 2 })));
    assert_eq!((read.header("etag"), read.header("cache-control")), (written.header("etag"), "no-cache"));
    assert!(!read.header("sterna-token").is_empty());
    region.get("/v1/cart/none").await.problem(404, "not-found");
    region.get("/v1/cat/none").await.problem(404, "unknown-type");
}

#[tokio::test]
async fn a_document_that_the_client_has_is_not_sent_again() {
    let region = TestRegion::start().await;
    let written = region.post("/v1/cart/c-1/open", "{}").await;
    let etag = written.header("etag").to_owned();
    let same = region.after(&written, "/v1/cart/c-1", &[("if-none-match", &etag)]).await;
    assert_eq!((same.status.as_u16(), same.body.len(), same.header("etag")), (304, 0, etag.as_str()));
    assert!(!same.header("sterna-token").is_empty());
    let other = region.after(&written, "/v1/cart/c-1", &[("if-none-match", "\"other\"")]).await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn a_view_pages_through_its_rows_by_link() {
    let region = TestRegion::start().await;
    let mut written = None;
    for n in 1..=5 {
        written = Some(region.post(&format!("/v1/cart/c-{n}/add_item"), &format!(r#"{{"sku":"tea","quantity":{n}}}"#)).await);
        let token = written.as_ref().map(|w| w.header("sterna-token").to_owned()).unwrap_or_default();
        written = Some(region.post_with(&format!("/v1/cart/c-{n}/annotate"), r#"{"note":"x"}"#, &[("sterna-token", &token)]).await);
    }
    let written = written.expect("five were written");
    // The last token names its own shard only: wait until all of them are there.
    let mut carts = Vec::new();
    for _ in 0..200 {
        carts.clear();
        let mut path = "/v1/views/carts?limit=2".to_owned();
        loop {
            let page = region.after(&written, &path, &[]).await;
            assert_eq!(page.status, 200, "{:?}", page.body);
            let body = page.json();
            carts.extend(body["data"].as_array().expect("rows").iter().map(|row| row["items"].as_i64().unwrap_or_default()));
            let Some(next) = body["next"].as_str() else {
                assert_eq!(page.header("link"), "");
                break;
            };
            assert_eq!(page.header("link"), format!("</v1/views/carts?limit=2&after={next}>; rel=\"next\""));
            path = format!("/v1/views/carts?limit=2&after={next}");
        }
        if carts.len() == 5 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(carts, [5, 4, 3, 2, 1]);
}

#[tokio::test]
async fn rows_are_found_by_value_by_range_and_by_group() {
    let region = TestRegion::start().await;
    let mut tokens = Vec::new();
    for (id, note, items) in [("c-1", "x", 1), ("c-2", "y", 2), ("c-3", "x", 3)] {
        region.post(&format!("/v1/cart/{id}/annotate"), &format!(r#"{{"note":"{note}"}}"#)).await;
        let written = region.post(&format!("/v1/cart/{id}/add_item"), &format!(r#"{{"sku":"tea","quantity":{items}}}"#)).await;
        tokens.push(written.header("sterna-token").to_owned());
    }
    let tokens = tokens.join(", ");
    let rows = async |query: &str| {
        let request = Request::get(format!("/v1/views/{query}")).header("sterna-token", &tokens).body(Body::empty()).expect("a request");
        let answer = region.ask(request).await;
        assert_eq!(answer.status, 200, "{query}: {:?}", answer.body);
        answer.json()["data"].clone()
    };
    let carts = async |query: &str| {
        let rows = rows(&format!("carts?{query}")).await;
        rows.as_array().expect("rows").iter().map(|row| row["cart"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(carts("note=x").await, ["c-3", "c-1"], "by an index, then in the view's order");
    assert_eq!(carts("note=x&items[gte]=2").await, ["c-3"]);
    assert_eq!(carts("note=x&items[gt]=0&items[lt]=3").await, ["c-1"]);
    assert_eq!(carts("note[gt]=x").await, ["c-2"]);
    assert_eq!(carts("note[lte]=x").await, ["c-3", "c-1"]);
    assert_eq!(rows("notes").await, json!([{ "note": "x", "carts": 2 }, { "note": "y", "carts": 1 }]), "in the order of the group key");
    assert_eq!(rows("notes?note=y").await, json!([{ "note": "y", "carts": 1 }]));
}

#[tokio::test]
async fn what_a_view_may_be_refused_for() {
    let region = TestRegion::start().await;
    region.get("/v1/views/carte").await.problem(404, "unknown-view");
    region.get("/v1/views/carts?color=red").await.problem(400, "unknown-column");
    region.get("/v1/views/carts?limit=0").await.problem(400, "invalid-limit");
    region.get("/v1/views/carts?limit=1001").await.problem(400, "invalid-limit");
    region.get("/v1/views/carts?limit=x").await.problem(400, "invalid-limit");
    region.get("/v1/views/carts?limit=1&limit=2").await.problem(400, "invalid-query");
    region.get("/v1/views/carts?after=garbage").await.problem(400, "invalid-cursor");
    let not_indexed = region.get("/v1/views/carts?cart=c-1").await.problem(400, "not-indexed");
    assert!(not_indexed["indexes"].is_array() && not_indexed["wanted"].is_array(), "{not_indexed}");
    region.get("/v1/views/carts?items[gte]=x").await.problem(400, "invalid-filter");
}

#[tokio::test]
async fn history_and_ledger_are_pages() {
    let region = TestRegion::start().await;
    region.post("/v1/cart/c-1/annotate", r#"{"note":"a"}"#).await;
    let written = region.post("/v1/cart/c-1/annotate", r#"{"note":"b"}"#).await;
    let history = region.after(&written, "/v1/cart/c-1/events?limit=1", &[]).await;
    let body = history.json();
    assert_eq!(
        (&body["data"][0]["command"], &body["data"][0]["args"]["note"], &body["data"][0]["region"]),
        (&json!("annotate"), &json!("a"), &json!("eu-west"))
    );
    let next = body["next"].as_str().expect("there is more").to_owned();
    let rest = region.after(&written, &format!("/v1/cart/c-1/events?after={next}"), &[]).await.json();
    assert_eq!((&rest["data"][0]["args"]["note"], &rest["next"]), (&json!("b"), &json!(null)));
    region.get("/v1/cart/c-1/events?color=red").await.problem(400, "invalid-query");
    assert_eq!(region.get("/v1/conflicts").await.json(), json!({ "data": [], "next": null }));
    region.get("/v1/conflicts?limit=0").await.problem(400, "invalid-limit");
    region.get("/v1/conflicts?after=!").await.problem(400, "invalid-cursor");
    region.get("/v1/conflicts?type=cat").await.problem(404, "unknown-type");
    region.get("/v1/conflicts?id=c-1").await.problem(400, "invalid-query");
    region.get("/v1/conflicts?limt=1").await.problem(400, "invalid-query");
}
