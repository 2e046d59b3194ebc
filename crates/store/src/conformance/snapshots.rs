//! Snapshots: consistent, durable, isolated.

use super::{all_keys, put, snapshot, value};
use crate::{Store, get};

/// An empty store has no keys.
pub async fn sees_nothing_at_first(store: &dyn Store) {
    assert_eq!(value(store, "a").await, None);
    assert!(all_keys(store).await.is_empty());
}

/// A snapshot shows what was committed before it, and its version says so.
pub async fn sees_what_was_committed_before(store: &dyn Store) {
    for text in ["1", "2", "3"] {
        let committed = put(store, "a", text).await;
        let snapshot = snapshot(store).await;
        assert!(snapshot.version() >= committed.version);
        let read = get(snapshot.as_ref(), &"a".into()).await.unwrap();
        assert_eq!(read.unwrap(), text);
    }
}

/// A snapshot doesn't change.
pub async fn is_isolated_from_later_commits(store: &dyn Store) {
    put(store, "a", "old").await;
    put(store, "gone", "old").await;
    let before = snapshot(store).await;
    put(store, "a", "new").await;
    put(store, "b", "new").await;
    let mut t = crate::Transaction::blind();
    t.clear_key(b"gone");
    store.commit(t).await.unwrap();

    let keys = ["a".into(), "b".into(), "gone".into()];
    let read = before.get_many(&keys).await.unwrap();
    assert_eq!(read, [Some("old".into()), None, Some("old".into())]);
    let pairs = crate::scan_prefix(before.as_ref(), b"").await.unwrap();
    assert_eq!(pairs.len(), 2);
    let now = snapshot(store).await.get_many(&keys).await.unwrap();
    assert_eq!(now, [Some("new".into()), Some("new".into()), None]);
}

/// Versions of snapshots and commits never go back.
pub async fn versions_never_go_back(store: &dyn Store) {
    let mut last = snapshot(store).await.version();
    for _ in 0..20 {
        let committed = put(store, "a", "v").await;
        assert!(committed.version > last);
        assert_eq!(committed.stamp.version(), committed.version);
        last = snapshot(store).await.version();
        assert!(last >= committed.version);
    }
}

/// `get_many` answers in the order of its keys, doubles included.
pub async fn keeps_the_order_of_keys(store: &dyn Store) {
    put(store, "a", "1").await;
    put(store, "b", "2").await;
    let keys = ["b".into(), "x".into(), "a".into(), "b".into()];
    let read = snapshot(store).await.get_many(&keys).await.unwrap();
    let expected = [Some("2".into()), None, Some("1".into()), Some("2".into())];
    assert_eq!(read, expected);
}
