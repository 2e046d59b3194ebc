//! Scans: whole ranges, page by page, both ways.

use super::{put, range, snapshot};
use crate::{Page, Pair, Store, Transaction, prefix_range, scan_all};

const COUNT: usize = 25;

async fn fill(store: &dyn Store) {
    let mut t = Transaction::blind();
    for n in 0..COUNT {
        t.put(format!("k{n:02}"), format!("value {n}"));
    }
    t.put("j", "before").put("l", "after");
    store.commit(t).await.unwrap();
}

async fn pages(store: &dyn Store, page: Page) -> Vec<Vec<Pair>> {
    let snapshot = snapshot(store).await;
    let mut rest = prefix_range(b"k");
    let mut pages = Vec::new();
    loop {
        let pairs = snapshot.scan(rest.clone(), page).await.unwrap();
        rest = page.rest(&rest, &pairs);
        let last = page.is_short(&pairs);
        pages.push(pairs);
        if last {
            return pages;
        }
    }
}

fn numbers(pages: &[Vec<Pair>]) -> Vec<usize> {
    let number = |pair: &Pair| String::from_utf8_lossy(&pair.0[1..]).parse().unwrap();
    pages.iter().flatten().map(number).collect()
}

/// Every pair once, in order, in pages of the size asked for.
pub async fn pages_forward(store: &dyn Store) {
    fill(store).await;
    let pages = pages(store, Page::first(10)).await;
    let sizes: Vec<_> = pages.iter().map(Vec::len).collect();
    assert_eq!(sizes, [10, 10, 5]);
    assert_eq!(numbers(&pages), (0..COUNT).collect::<Vec<_>>());
    assert_eq!(pages[0][3].1, "value 3");
}

/// The same from the end.
pub async fn pages_backward(store: &dyn Store) {
    fill(store).await;
    let pages = pages(store, Page::last(10)).await;
    let sizes: Vec<_> = pages.iter().map(Vec::len).collect();
    assert_eq!(sizes, [10, 10, 5]);
    assert_eq!(numbers(&pages), (0..COUNT).rev().collect::<Vec<_>>());
}

/// A page ends with the pair that reaches its bytes, and has at least one.
pub async fn cuts_by_bytes(store: &dyn Store) {
    fill(store).await;
    for reverse in [false, true] {
        for bytes in [0, 1, 10, 11, 50] {
            let page = Page { limit: usize::MAX, bytes, reverse };
            let pages = pages(store, page).await;
            assert_eq!(numbers(&pages).len(), COUNT);
            for full in &pages[..pages.len() - 1] {
                let sizes: Vec<_> = full.iter().map(|(k, v)| k.len() + v.len()).collect();
                let (last, before) = sizes.split_last().unwrap();
                let before: usize = before.iter().sum();
                assert!(before + last >= bytes);
                assert!(before == 0 || before < bytes);
            }
        }
    }
}

/// Empty ranges, and ranges without keys.
pub async fn empty_ranges_are_empty(store: &dyn Store) {
    fill(store).await;
    let snapshot = snapshot(store).await;
    for range in [range("k", "k"), range("k05", "k05"), range("x", "z"), range("z", "a")] {
        for page in [Page::first(10), Page::last(10)] {
            let pairs = snapshot.scan(range.clone(), page).await.unwrap();
            assert!(pairs.is_empty());
        }
    }
    let page = Page::first(0);
    let pairs = snapshot.scan(prefix_range(b"k"), page).await.unwrap();
    assert!(pairs.is_empty());
}

/// A range has its start, and not its end; an empty start is the first key.
pub async fn bounds_are_half_open(store: &dyn Store) {
    for key in ["a", "b", "c"] {
        put(store, key, "v").await;
    }
    let snapshot = snapshot(store).await;
    for (range, expected) in [
        (range("a", "c"), vec!["a", "b"]),
        (range("a\0", "c\0"), vec!["b", "c"]),
        (range("", "b"), vec!["a"]),
        (prefix_range(b""), vec!["a", "b", "c"]),
    ] {
        let pairs = scan_all(snapshot.as_ref(), range).await.unwrap();
        let keys: Vec<_> = pairs.into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, expected);
    }
}
