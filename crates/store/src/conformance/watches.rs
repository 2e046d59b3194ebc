//! Watches: they fire when told, and by contract perhaps without a reason, so nothing is asked of
//! those that shouldn't.

use futures::future::join_all;

use super::{put, snapshot};
use crate::{Store, Transaction, prefix_range};

/// A change after the watch.
pub async fn fires_on_change(store: &dyn Store) {
    put(store, "a", "1").await;
    let seen = snapshot(store).await.version();
    let watch = store.watch("a".into(), seen);
    put(store, "b", "elsewhere").await;
    put(store, "a", "2").await;
    watch.await.unwrap();
}

/// A change between what was seen and the watch: no wake-up is lost.
pub async fn fires_when_already_changed(store: &dyn Store) {
    put(store, "a", "1").await;
    let seen = snapshot(store).await.version();
    put(store, "a", "2").await;
    store.watch("a".into(), seen).await.unwrap();
}

/// A key that goes with a range.
pub async fn fires_on_clear(store: &dyn Store) {
    put(store, "a1", "1").await;
    let seen = snapshot(store).await.version();
    let watch = store.watch("a1".into(), seen);
    let mut t = Transaction::blind();
    t.clear(prefix_range(b"a"));
    store.commit(t).await.unwrap();
    watch.await.unwrap();
}

/// Many may watch one key, and those who left don't matter.
pub async fn fires_for_everybody(store: &dyn Store) {
    let seen = snapshot(store).await.version();
    let watches: Vec<_> = (0..10).map(|_| store.watch("a".into(), seen)).collect();
    drop(store.watch("a".into(), seen));
    put(store, "a", "1").await;
    for told in join_all(watches).await {
        told.unwrap();
    }
}
