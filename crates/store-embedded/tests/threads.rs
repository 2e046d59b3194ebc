//! Readers and writers on threads of their own, while the committer works.

use std::{sync::Arc, thread::scope};

use bytes::Bytes;
use futures::executor::block_on;
use sterna_store::{CommitError, Store, Transaction, get, scan_prefix};
use sterna_store_embedded::{Embedded, Options};

const WRITERS: u64 = 6;
const ROUNDS: u64 = 300;

fn number(value: Option<Bytes>) -> u64 {
    value.map_or(0, |v| String::from_utf8_lossy(&v).parse().expect("a number"))
}

/// Adds one to a shared counter and appends what it made of it, in one transaction.
async fn increment(store: &Embedded) -> u64 {
    loop {
        let snapshot = store.snapshot().await.expect("open");
        let next = number(get(snapshot.as_ref(), &"n".into()).await.expect("readable")) + 1;
        let mut t = Transaction::new(snapshot.version());
        t.read_key(b"n").put("n", next.to_string()).put(format!("made/{next:08}"), "");
        match store.commit(t).await {
            Ok(committed) => {
                let after = store.snapshot().await.expect("open");
                assert!(after.version() >= committed.version);
                assert!(number(get(after.as_ref(), &"n".into()).await.expect("readable")) >= next);
                return next;
            }
            Err(CommitError::Conflict { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// In every snapshot the counter is the number of what was appended, and never goes back.
async fn observe(store: &Embedded) {
    let mut last = 0;
    while last < WRITERS * ROUNDS {
        let snapshot = store.snapshot().await.expect("open");
        let n = number(get(snapshot.as_ref(), &"n".into()).await.expect("readable"));
        let made = scan_prefix(snapshot.as_ref(), b"made/").await.expect("readable");
        assert_eq!(made.len() as u64, n);
        assert!(n >= last);
        last = n;
    }
}

/// A small memtable, so that it is flushed and compacted meanwhile.
fn open(options: Options) -> Arc<Embedded> {
    Embedded::open(Options { memtable_bytes: 16 << 10, ..options }).expect("a new store")
}

#[test]
fn counters_and_snapshots_agree_on_all_threads() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = open(Options::read(folder.path()));
    scope(|scope| {
        scope.spawn(|| block_on(observe(&store)));
        let writers: Vec<_> = (0..WRITERS).map(|_| scope.spawn(|| (0..ROUNDS).map(|_| block_on(increment(&store))).collect())).collect();
        let mut all: Vec<u64> = writers.into_iter().flat_map(|writer| -> Vec<u64> { writer.join().expect("a writer") }).collect();
        all.sort();
        assert_eq!(all, (1..=WRITERS * ROUNDS).collect::<Vec<_>>());
    });
}
