//! Limits: what they allow works, what they don't is refused without effect.

use bytes::Bytes;

use super::{all_keys, range, snapshot};
use crate::{CommitError, StampAt, Store, Transaction, get, key_range};

fn zeros(length: usize) -> Bytes {
    Bytes::from(vec![b'0'; length])
}

async fn refusal(store: &dyn Store, t: Transaction) -> CommitError {
    let refusal = store.commit(t).await.unwrap_err();
    assert!(all_keys(store).await.is_empty());
    refusal
}

/// Keys, values and transactions of exactly the limit.
pub async fn the_greatest_is_taken(store: &dyn Store) {
    let limits = *store.limits();
    let (key, value) = (zeros(limits.key_bytes_max), zeros(limits.value_bytes_max));
    let mut t = Transaction::new(snapshot(store).await.version());
    t.read_key(&key).put(key.clone(), value.clone());
    store.commit(t).await.unwrap();
    let read = get(snapshot(store).await.as_ref(), &key).await.unwrap();
    assert_eq!(read.unwrap(), value);

    let mut t = Transaction::blind();
    t.clear_key(&key);
    for n in 100.. {
        let room = limits.transaction_bytes_max - t.bytes() - 3;
        t.put(n.to_string(), zeros(room.min(limits.value_bytes_max)));
        if room <= limits.value_bytes_max {
            break;
        }
    }
    assert_eq!(t.bytes(), limits.transaction_bytes_max);
    store.commit(t).await.unwrap();
}

/// One byte more.
pub async fn what_is_larger_is_refused(store: &dyn Store) {
    let limits = *store.limits();
    let mut key = Transaction::blind();
    key.put(zeros(limits.key_bytes_max + 1), "v");
    let mut value = Transaction::blind();
    value.put("k", zeros(limits.value_bytes_max + 1));
    let mut read = Transaction::blind();
    read.read_range(key_range(&zeros(limits.key_bytes_max + 1)));
    let mut all = Transaction::blind();
    for n in 0..=limits.transaction_bytes_max / limits.value_bytes_max {
        all.put(format!("{n}"), zeros(limits.value_bytes_max));
    }
    for t in [key, value, read, all] {
        assert_eq!(refusal(store, t).await, CommitError::TooLarge);
    }
}

/// Keys that are empty or belong to engines.
pub async fn reserved_keys_are_refused(store: &dyn Store) {
    let mut empty = Transaction::blind();
    empty.put("", "v");
    let mut reserved = Transaction::blind();
    reserved.put(Bytes::from_static(b"\xff/version"), "v");
    let mut cleared = Transaction::blind();
    cleared.clear(Bytes::from_static(b"a")..Bytes::from_static(b"\xff\xff"));
    let mut inverted = Transaction::blind();
    inverted.clear(range("b", "a"));
    for t in [empty, reserved, cleared, inverted] {
        let refusal = refusal(store, t).await;
        assert!(matches!(refusal, CommitError::Invalid(_)), "{refusal:?}");
    }
}

/// Stamps that would reach over the end, or make a key's first byte.
pub async fn misplaced_stamps_are_refused(store: &dyn Store) {
    for at in [StampAt::Key(0), StampAt::Key(2), StampAt::Key(usize::MAX), StampAt::Value(1)] {
        let mut t = Transaction::blind();
        t.put_stamped("k----------", "----------", at);
        let refusal = refusal(store, t).await;
        assert!(matches!(refusal, CommitError::Invalid(_)), "{refusal:?}");
    }
}
