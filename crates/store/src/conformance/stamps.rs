//! Stamps: written where told, equal to the answer's, strictly growing.

use super::{snapshot, value};
use crate::{STAMP_BYTES, Stamp, StampAt, Store, Transaction, scan_prefix};

const KEY: &str = "log/----------/tail";

fn stamped_key(stamp: Stamp) -> Vec<u8> {
    let mut key = KEY.as_bytes().to_vec();
    key[4..4 + STAMP_BYTES].copy_from_slice(&stamp.0);
    key
}

/// The placeholder is replaced, in the key or in the value, and nothing beside it.
pub async fn stamp_is_written_where_told(store: &dyn Store) {
    let mut t = Transaction::blind();
    t.put_stamped(KEY, "in the key", StampAt::Key(4));
    t.put_stamped("value", "<..........>", StampAt::Value(1));
    let committed = store.commit(t).await.unwrap();
    assert_eq!(committed.stamp.version(), committed.version);

    let logged = scan_prefix(snapshot(store).await.as_ref(), b"log/").await.unwrap();
    assert_eq!(logged.len(), 1);
    assert_eq!(logged[0].0, stamped_key(committed.stamp));
    assert_eq!(logged[0].1, "in the key");
    let expected = [b"<".as_slice(), &committed.stamp.0, b">"].concat();
    assert_eq!(value(store, "value").await.unwrap(), expected);
}

/// Stamped keys sort as their transactions committed, also those that share a version.
pub async fn stamped_keys_are_in_commit_order(store: &dyn Store) {
    let commits: Vec<_> = (0..50)
        .map(|n: u32| {
            let mut t = Transaction::blind();
            t.put_stamped(KEY, n.to_string(), StampAt::Key(4));
            store.commit(t)
        })
        .collect();
    let mut stamps = Vec::new();
    for (n, commit) in commits.into_iter().enumerate() {
        stamps.push((commit.await.unwrap().stamp, n.to_string()));
    }
    if store.limits().sole_writer {
        assert!(stamps.is_sorted(), "enqueued in order, committed in order");
    }
    stamps.sort();
    let logged = scan_prefix(snapshot(store).await.as_ref(), b"log/").await.unwrap();
    assert_eq!(logged.len(), stamps.len());
    for ((key, text), (stamp, n)) in logged.iter().zip(&stamps) {
        assert_eq!(key, &stamped_key(*stamp));
        assert_eq!(text, n);
    }
}

/// All stamped writes of a transaction get the same stamp.
pub async fn one_transaction_has_one_stamp(store: &dyn Store) {
    let mut t = Transaction::blind();
    for prefix in ["a/", "b/", "c/"] {
        t.put_stamped(format!("{prefix}----------"), "v", StampAt::Key(2));
    }
    let stamp = store.commit(t).await.unwrap().stamp;
    for prefix in ["a/", "b/", "c/"] {
        let snapshot = snapshot(store).await;
        let pairs = scan_prefix(snapshot.as_ref(), prefix.as_bytes()).await.unwrap();
        assert_eq!(pairs.len(), 1);
        assert_eq!(pairs[0].0[2..], stamp.0);
    }
}

/// No stamp is used twice.
pub async fn stamps_grow(store: &dyn Store) {
    let mut last = Stamp::default();
    for _ in 0..20 {
        let mut t = Transaction::blind();
        t.put("a", "v");
        let stamp = store.commit(t).await.unwrap().stamp;
        assert!(stamp > last);
        last = stamp;
    }
}
