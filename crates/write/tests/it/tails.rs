//! A tail's length is a metric, whenever the process began; and who knows a tail does not read it.

use crate::cluster::{MODEL, TestRegion, converge, memory, open_counted, open_with};
use bytes::Bytes;
use prometheus::Registry;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use sterna_env::Boxed;
use sterna_store::{CommitError, Committed, Limits, Page, ReadError, Snapshot, Store, Transaction, Version};

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

/// Counts the chunks of tails that are read from it.
struct Watched {
    inner: Arc<dyn Store>,
    chunks: Arc<AtomicUsize>,
}

struct WatchedSnapshot {
    inner: Box<dyn Snapshot>,
    chunks: Arc<AtomicUsize>,
}

impl Store for Watched {
    fn limits(&self) -> &Limits {
        self.inner.limits()
    }

    fn snapshot(&self) -> Boxed<'_, Result<Box<dyn Snapshot>, ReadError>> {
        Box::pin(async move {
            let snapshot = WatchedSnapshot { inner: self.inner.snapshot().await?, chunks: Arc::clone(&self.chunks) };
            Ok(Box::new(snapshot) as Box<dyn Snapshot>)
        })
    }

    fn commit(&self, t: Transaction) -> Boxed<'static, Result<Committed, CommitError>> {
        self.inner.commit(t)
    }

    fn watch(&self, key: Bytes, seen: Version) -> Boxed<'static, Result<(), ReadError>> {
        self.inner.watch(key, seen)
    }
}

impl Snapshot for WatchedSnapshot {
    fn version(&self) -> Version {
        self.inner.version()
    }

    fn get_many<'a>(&'a self, keys: &'a [Bytes]) -> Boxed<'a, Result<Vec<Option<Bytes>>, ReadError>> {
        self.chunks.fetch_add(keys.iter().filter(|key| key.starts_with(b"t")).count(), Ordering::Relaxed);
        self.inner.get_many(keys)
    }

    fn scan<'a>(&'a self, range: Range<Bytes>, page: Page) -> Boxed<'a, Result<Vec<(Bytes, Bytes)>, ReadError>> {
        self.inner.scan(range, page)
    }
}

#[tokio::test]
async fn where_others_may_write_too_of_a_tail_only_what_came_since_is_read() {
    let chunks = Arc::new(AtomicUsize::new(0));
    let store: Arc<dyn Store> = Arc::new(Watched { inner: memory(false), chunks: Arc::clone(&chunks) });
    let read = || chunks.swap(0, Ordering::Relaxed);
    let add = async |region: &TestRegion, key: Option<&str>| {
        region.run("c", "add_item", r#"{"sku":"tea","quantity":1}"#, key).await.expect("it is valid");
    };
    let other = open_with("b", &MEMBERS, memory(true), MODEL).await.expect("it is empty");
    add(&other, Some("key-7")).await;
    let open = async || open_with("a", &MEMBERS, Arc::clone(&store), MODEL).await.expect("it fits");
    let (first, second) = (open().await, open().await);
    for n in 0..200 {
        add(&first, Some(&format!("key-{n}"))).await;
    }
    assert_eq!((first.open("c").await, read()), (200, 0), "who wrote it knows it");
    add(&second, None).await;
    let all = read();
    assert!(all >= 200 / 10, "who does not know it reads it: {all}");
    add(&second, None).await;
    assert_eq!(read(), 0);
    for _ in 0..50 {
        add(&first, None).await;
        add(&second, None).await;
    }
    let since = read();
    assert!(since <= 2 * 102 / 8, "each of the two reads what the other one wrote, once: {since}");
    assert_eq!(first.open("c").await, 302);
    let state = first.state("c").await;
    assert_eq!(state["state"]["items"]["tea"], 302, "{state}");

    // The other region accepted the key of an event in an old chunk before this one did: the event becomes void, which changes the chunk.
    for merged in first.pull(&other, other.me()).await {
        merged.expect("frames come without holes");
    }
    assert_eq!(first.open("c").await, 303);
    _ = read();
    let [state, again] = [second.state("c").await, open().await.state("c").await];
    assert!(read() > all, "two read the whole tail");
    assert_eq!((&state["state"]["items"]["tea"], &state), (&302.into(), &again), "who knew it before, and who never did");

    // What the other region has is closed, by whoever writes next, also of what the other process wrote.
    for merged in other.pull(&first, first.me()).await.into_iter().chain(first.pull(&other, other.me()).await) {
        merged.expect("frames come without holes");
    }
    add(&second, None).await;
    add(&first, None).await;
    assert!(first.open("c").await < 20, "{} of 305 are open", first.open("c").await);
    assert_eq!(first.state("c").await, second.state("c").await);
}
