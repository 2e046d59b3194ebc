use futures::FutureExt as _;

use super::*;
use crate::{Stamp, get};

async fn value(store: &Memory, key: &'static str) -> Option<Bytes> {
    let snapshot = store.snapshot().await.unwrap();
    get(snapshot.as_ref(), &key.into()).await.unwrap()
}

fn put(key: &'static str) -> Transaction {
    let mut t = Transaction::blind();
    t.put(key, "v");
    t
}

#[tokio::test]
async fn held_commits_are_invisible_and_then_share_a_version() {
    let store = Memory::default();
    store.faults().hold();
    let mut first = store.commit(put("a"));
    let second = store.commit(put("b"));
    assert_eq!((&mut first).now_or_never(), None);
    assert_eq!(value(&store, "a").await, None);

    store.faults().release();
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert_eq!(first.version, second.version);
    assert_eq!(first.stamp, Stamp::new(first.version, 0));
    assert_eq!(second.stamp, Stamp::new(first.version, 1));
    assert_eq!(value(&store, "a").await.unwrap(), "v");
}

#[tokio::test]
async fn a_transaction_conflicts_with_one_of_its_own_batch() {
    let store = Memory::default();
    store.faults().hold();
    let first = store.commit(put("a"));
    let mut t = Transaction::new(Version(0));
    t.read_key(b"a").put("b", "v");
    let second = store.commit(t);
    store.faults().release();
    first.await.unwrap();
    let keys = vec![Bytes::from("a")];
    assert_eq!(second.await, Err(CommitError::Conflict { keys }));
}

#[tokio::test]
async fn a_delayed_commit_waits_for_its_pause_and_commits_though_dropped() {
    let store = Memory::default();
    let (open, gate) = oneshot::channel::<()>();
    let gate = gate.map(|_| ()).shared();
    store.faults().delay(Some(Arc::new(move || Box::pin(gate.clone()))));
    let mut commit = store.commit(put("a"));
    assert_eq!((&mut commit).now_or_never(), None);
    assert_eq!(value(&store, "a").await, None);
    open.send(()).unwrap();
    commit.await.unwrap();
    assert_eq!(value(&store, "a").await.unwrap(), "v");

    drop(store.commit(put("b")));
    assert_eq!(value(&store, "b").await.unwrap(), "v");
}

#[tokio::test]
async fn a_crash_loses_what_was_not_synced() {
    let store = Memory::default();
    store.commit(put("synced")).await.unwrap();
    store.faults().hold();
    let kept = store.commit(put("kept"));
    let lost = store.commit(put("lost"));
    let snapshot = store.snapshot().await.unwrap();
    store.faults().crash(1);

    assert_eq!(kept.await, Err(CommitError::MaybeCommitted));
    assert_eq!(lost.await, Err(CommitError::MaybeCommitted));
    assert_eq!(store.commit(put("a")).await, Err(CommitError::Closed));
    assert_eq!(get(&*snapshot, &"kept".into()).await, Err(ReadError::Closed));

    let restarted = store.copy();
    assert_eq!(value(&restarted, "synced").await.unwrap(), "v");
    assert_eq!(value(&restarted, "kept").await.unwrap(), "v");
    assert_eq!(value(&restarted, "lost").await, None);
}

#[tokio::test]
async fn an_uncertain_commit_may_have_happened_or_not() {
    let store = Memory::default();
    store.faults().next_commit(Fault::Lost);
    store.faults().next_commit(Fault::Applied);
    for key in ["lost", "applied"] {
        let answer = store.commit(put(key)).await;
        assert_eq!(answer, Err(CommitError::MaybeCommitted));
    }
    assert_eq!(value(&store, "lost").await, None);
    assert_eq!(value(&store, "applied").await.unwrap(), "v");
}

#[tokio::test]
async fn a_full_store_can_still_be_read() {
    let store = Memory::default();
    store.commit(put("a")).await.unwrap();
    store.faults().full(true);
    assert_eq!(store.commit(put("b")).await, Err(CommitError::Full));
    assert_eq!(value(&store, "a").await.unwrap(), "v");
    store.faults().full(false);
    store.commit(put("b")).await.unwrap();
}

#[tokio::test]
async fn an_unavailable_store_refuses_everything_until_mended() {
    let store = Memory::default();
    store.faults().unavailable(Some("cut off"));
    let refused = store.commit(put("a")).await;
    assert_eq!(refused, Err(CommitError::Unavailable("cut off".into())));
    assert!(store.snapshot().await.is_err());
    store.faults().unavailable(None);
    store.commit(put("a")).await.unwrap();
}

#[tokio::test]
async fn what_is_no_longer_kept_is_too_old() {
    let store = Memory::new(Limits::default(), 10);
    let snapshot = store.snapshot().await.unwrap();
    let mut stale = Transaction::new(snapshot.version());
    stale.read_key(b"other").put("x", "v");
    for _ in 0..30 {
        store.commit(put("a")).await.unwrap();
    }
    assert_eq!(get(&*snapshot, &"a".into()).await, Err(ReadError::TooOld));
    assert_eq!(store.commit(stale).await, Err(CommitError::TooOld));
    assert!(store.shared.state.lock().data.versions() < 30);
}
