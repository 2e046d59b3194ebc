//! When a region should get no clients.

use crate::region::TestRegion;
use std::time::Duration;
use sterna_http::Limits;

/// Far more than anything here takes, also on a busy machine.
const POLLS_MAX: usize = 3_000;

#[tokio::test]
async fn a_region_whose_store_is_away_is_not_ready_until_it_is_back() {
    let region = TestRegion::start().await;
    let [store, _] = &region.faults;
    store.unavailable(Some("the cluster has no quorum"));
    let problem = region.get("/readyz").await.problem(503, "not-ready");
    let told = problem["reasons"][0].as_str().unwrap_or_default();
    assert!(told.starts_with("its store does not answer: ") && told.contains("no quorum"), "{problem}");
    assert_eq!(region.get("/healthz").await.status, 200, "the process is well");
    store.unavailable(None);
    assert_eq!(region.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn a_region_whose_views_stand_still_is_not_ready_until_they_have_caught_up() {
    let region = TestRegion::with(Limits { ready_staleness_max: Some(Duration::from_millis(100)), ..Limits::default() }).await;
    until(&region, 200, "\"ready\":true").await;
    let [_, read_store] = &region.faults;
    read_store.hold();
    assert_eq!(region.post("/v1/cart/c-1/open", "{}").await.status, 200, "commands go on");
    until(&region, 503, "view carts is ").await;
    read_store.release();
    until(&region, 200, "\"ready\":true").await;
}

async fn until(region: &TestRegion, status: u16, text: &str) {
    let mut last = String::new();
    for _ in 0..POLLS_MAX {
        let answer = region.get("/readyz").await;
        if answer.status == status && answer.text().contains(text) {
            return;
        }
        answer.text().clone_into(&mut last);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not {status} with {text}: {last}");
}
