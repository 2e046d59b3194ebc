//! Conflicts: found where something read has changed, and nowhere else.

use super::{begin, put, range, snapshot, value};
use crate::{CommitError, StampAt, Store, Transaction, Version, prefix_range};

async fn refused(store: &dyn Store, t: Transaction) -> Vec<bytes::Bytes> {
    match store.commit(t).await {
        Err(CommitError::Conflict { keys }) => keys,
        other => panic!("should conflict: {other:?}"),
    }
}

/// Of two that read a key and write it, one loses.
pub async fn lost_update_is_refused(store: &dyn Store) {
    put(store, "a", "0").await;
    let mut first = begin(store).await;
    first.read_key(b"a").put("a", "first");
    let mut second = first.clone();
    second.writes.clear();
    second.put("a", "second");
    store.commit(first).await.unwrap();
    assert_eq!(refused(store, second).await, ["a"]);
    assert_eq!(value(store, "a").await.unwrap(), "first");
}

/// What others write elsewhere doesn't matter.
pub async fn untouched_reads_commit(store: &dyn Store) {
    put(store, "a", "0").await;
    let mut t = begin(store).await;
    t.read_key(b"a").read_range(range("m", "n")).put("a", "1");
    for key in ["a0", "b", "l", "n", "\0"] {
        put(store, key, "v").await;
    }
    store.commit(t).await.unwrap();
}

/// Two that each read what the other writes: one loses.
pub async fn write_skew_is_refused(store: &dyn Store) {
    put(store, "a", "on").await;
    put(store, "b", "on").await;
    let mut first = begin(store).await;
    first.read_key(b"a").read_key(b"b").put("a", "off");
    let mut second = begin(store).await;
    second.read_key(b"a").read_key(b"b").put("b", "off");
    store.commit(first).await.unwrap();
    assert_eq!(refused(store, second).await, ["a"]);
}

/// A key that appears in a range that was read.
pub async fn phantom_is_refused(store: &dyn Store) {
    put(store, "p1", "v").await;
    let mut t = begin(store).await;
    t.read_range(prefix_range(b"p")).put("count", "1");
    put(store, "p2", "v").await;
    assert_eq!(refused(store, t).await, ["p"]);
}

/// A range clear changes the keys in it.
pub async fn clear_conflicts_with_reads_in_it(store: &dyn Store) {
    for key in ["a", "b1", "c"] {
        put(store, key, "v").await;
    }
    let mut reader = begin(store).await;
    reader.read_key(b"b1").put("x", "v");
    let mut ranger = begin(store).await;
    ranger.read_range(range("b1", "b2")).put("x", "v");
    let mut outside = begin(store).await;
    outside.read_key(b"a").read_key(b"c").put("x", "v");
    let mut clear = Transaction::blind();
    clear.clear(prefix_range(b"b"));
    store.commit(clear).await.unwrap();

    assert_eq!(refused(store, reader).await, ["b1"]);
    assert_eq!(refused(store, ranger).await, ["b1"]);
    store.commit(outside).await.unwrap();
}

/// A key that goes, read by key and by range.
pub async fn removed_key_conflicts(store: &dyn Store) {
    put(store, "a", "v").await;
    let mut reader = begin(store).await;
    reader.read_key(b"a").put("x", "v");
    let mut ranger = begin(store).await;
    ranger.read_range(range("", "b")).put("y", "v");
    let mut clear = Transaction::blind();
    clear.clear_key(b"a");
    store.commit(clear).await.unwrap();
    refused(store, reader).await;
    refused(store, ranger).await;
}

/// Without reads, the last one wins.
pub async fn blind_writes_never_conflict(store: &dyn Store) {
    let mut first = begin(store).await;
    first.put("a", "first");
    let mut second = begin(store).await;
    second.put("a", "second");
    store.commit(second).await.unwrap();
    store.commit(first).await.unwrap();
    assert_eq!(value(store, "a").await.unwrap(), "first");
}

/// The starts of ranges that changed, and of no others.
pub async fn conflicting_keys_are_reported(store: &dyn Store) {
    let mut t = begin(store).await;
    t.read_key(b"a").read_key(b"b").read_key(b"c");
    t.read_range(range("d", "e")).put("x", "v");
    put(store, "b", "v").await;
    put(store, "d5", "v").await;
    let keys = refused(store, t).await;
    assert!(!keys.is_empty());
    assert!(keys.iter().all(|key| key == "b" || key == "d"), "{keys:?}");
}

/// A stamped key is a written key.
pub async fn stamped_keys_conflict(store: &dyn Store) {
    let mut t = begin(store).await;
    t.read_range(prefix_range(b"log/")).put("x", "v");
    let mut append = Transaction::blind();
    append.put_stamped("log/----------", "v", StampAt::Key(4));
    store.commit(append).await.unwrap();
    refused(store, t).await;
}

/// However old a read version, the answer is conflict or too old, never a lost update.
pub async fn old_read_versions_are_never_wrong(store: &dyn Store) {
    let mut stale = begin(store).await;
    stale.read_key(b"a").put("a", "stale");
    put(store, "a", "fresh").await;
    for _ in 0..500 {
        put(store, "b", "v").await;
    }
    let mut oldest = stale.clone();
    oldest.read_version = Version(0);
    for t in [stale, oldest] {
        let answer = store.commit(t).await;
        let expected = matches!(answer, Err(CommitError::Conflict { .. } | CommitError::TooOld));
        assert!(expected, "{answer:?}");
    }
    assert_eq!(value(store, "a").await.unwrap(), "fresh");
}

/// A read version that this store never had (another store's, or an older copy's) is refused.
pub async fn future_read_versions_are_refused(store: &dyn Store) {
    let mut t = begin(store).await;
    t.read_version.0 += 1_000_000_000_000;
    t.read_key(b"a").put("a", "v");
    assert!(store.commit(t).await.is_err());
    assert_eq!(value(store, "a").await, None);
}

/// An empty range holds nothing that could change.
pub async fn empty_ranges_never_conflict(store: &dyn Store) {
    let mut t = begin(store).await;
    t.read_range(range("a", "a")).clear(range("b", "b"));
    put(store, "a", "v").await;
    put(store, "b", "v").await;
    store.commit(t).await.unwrap();
    assert!(value(store, "b").await.is_some());
}

/// One may commit only to learn that nothing has changed.
pub async fn a_transaction_without_writes_is_checked(store: &dyn Store) {
    let mut t = begin(store).await;
    t.read_key(b"a");
    let version = snapshot(store).await.version();
    assert!(store.commit(t.clone()).await.unwrap().version >= version);
    put(store, "a", "v").await;
    refused(store, t).await;
}
