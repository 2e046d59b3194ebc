//! Writes: in order, all or none.

use super::{all_keys, begin, put, range, value};
use crate::{Store, Transaction, prefix_range};

/// Writes apply in their order.
pub async fn later_writes_win(store: &dyn Store) {
    let mut t = Transaction::blind();
    t.put("a", "1").put("a", "2");
    t.put("b", "1").clear_key(b"b");
    t.clear_key(b"c").put("c", "1");
    t.clear(prefix_range(b"d")).put("d1", "1");
    store.commit(t).await.unwrap();
    assert_eq!(value(store, "a").await.unwrap(), "2");
    assert_eq!(all_keys(store).await, ["a", "c", "d1"]);
}

/// A range clear takes its start, and not its end.
pub async fn clear_removes_its_range_alone(store: &dyn Store) {
    for key in ["a", "b", "b\0", "bz", "c", "d"] {
        put(store, key, "v").await;
    }
    let mut t = Transaction::blind();
    t.clear(range("b", "c"));
    store.commit(t).await.unwrap();
    assert_eq!(all_keys(store).await, ["a", "c", "d"]);
    let mut t = Transaction::blind();
    t.clear(crate::all_keys());
    store.commit(t).await.unwrap();
    assert!(all_keys(store).await.is_empty());
}

/// A range clear removes what the same transaction, or one just before it, wrote.
pub async fn clear_sees_earlier_writes(store: &dyn Store) {
    put(store, "a1", "v").await;
    let mut before = Transaction::blind();
    before.put("a2", "v");
    let mut t = Transaction::blind();
    t.put("a3", "v").clear(prefix_range(b"a")).put("a4", "v");
    let commits = [store.commit(before), store.commit(t)];
    for commit in commits {
        commit.await.unwrap();
    }
    let left = all_keys(store).await;
    if store.limits().sole_writer {
        assert_eq!(left, ["a4"]);
    } else {
        assert!(left == ["a4"] || left == ["a2", "a4"], "{left:?}");
    }
}

/// A transaction that is refused leaves nothing behind.
pub async fn all_or_nothing(store: &dyn Store) {
    let mut t = begin(store).await;
    t.read_key(b"a");
    for key in ["x", "y", "z"] {
        t.put(key, "v");
    }
    put(store, "a", "v").await;
    assert!(store.commit(t).await.is_err());
    assert_eq!(all_keys(store).await, ["a"]);
}

/// An empty value is not an absent one.
pub async fn empty_values_are_values(store: &dyn Store) {
    put(store, "a", "").await;
    assert_eq!(value(store, "a").await.unwrap(), "");
    assert_eq!(all_keys(store).await, ["a"]);
}
