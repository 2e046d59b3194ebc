//! A tail's length is a metric, whenever the process began.

use crate::cluster::{MODEL, TestRegion, converge, memory, open_counted, open_with};
use prometheus::Registry;
use std::sync::Arc;
use std::time::Duration;

const MEMBERS: [&str; 2] = ["a", "b"];

fn tail_events(registry: &Registry) -> f64 {
    let families = registry.gather();
    let family = families.iter().find(|family| family.name() == "sterna_write_tail_events").expect("it is registered");
    family.get_metric().iter().map(|metric| metric.get_gauge().get_value()).sum()
}

async fn becomes(registry: &Registry, events: f64) {
    let counted = async {
        while tail_events(registry) != events {
            tokio::task::yield_now().await;
        }
    };
    let counted = tokio::time::timeout(Duration::from_secs(30), counted).await;
    counted.unwrap_or_else(|_| panic!("{} events, and not {events}", tail_events(registry)));
}

async fn add(region: &TestRegion, count: usize) {
    for n in 0..count {
        let args = format!(r#"{{"sku":"sku-{}","quantity":1}}"#, n % 3);
        region.run(&format!("c-{}", n % 4), "add_item", &args, None).await.expect("it is valid");
    }
}

#[tokio::test]
async fn what_was_open_before_the_process_began_is_counted_too() {
    let store = memory(true);
    let first = Registry::new();
    let a = open_counted("a", &MEMBERS, Arc::clone(&store), MODEL, Some(&first)).await.expect("it is empty");
    let b = open_with("b", &MEMBERS, memory(true), MODEL).await.expect("it is empty");
    add(&a, 300).await;
    assert_eq!(tail_events(&first), 300.0, "nobody has heard of them");
    a.scope.stop().await;

    let second = Registry::new();
    let a = open_counted("a", &MEMBERS, Arc::clone(&store), MODEL, Some(&second)).await.expect("it fits");
    add(&a, 20).await;
    becomes(&second, 320.0).await;
    let pair = [a, b];
    converge(&pair).await;
    becomes(&second, 0.0).await;
}
