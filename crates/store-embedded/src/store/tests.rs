use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use sterna_store::{StampAt, get, scan_all};

use super::*;

fn put(key: &str) -> Transaction {
    let mut t = Transaction::blind();
    t.put(key.to_owned(), "v");
    t
}

async fn has(store: &Embedded, key: &'static str) -> bool {
    let snapshot = store.snapshot().await.unwrap();
    let value = get(snapshot.as_ref(), &key.into()).await.unwrap();
    value.is_some()
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, name) = entry.map(|e| (e.path(), e.file_name())).unwrap();
        if from.is_dir() {
            copy_folder(&from, &to.join(name));
        } else {
            fs::copy(from, to.join(name)).unwrap();
        }
    }
}

#[tokio::test]
async fn a_store_keeps_its_keys_and_its_stamps_grow_over_restarts() {
    let base = tempfile::tempdir().unwrap();
    let mut last = sterna_store::Stamp::default();
    for round in 0..4_usize {
        let store = Embedded::open(Options::write(base.path())).unwrap();
        let opened = store.snapshot().await.unwrap();
        assert!(opened.version() >= last.version());
        let all = scan_all(opened.as_ref(), sterna_store::all_keys()).await;
        assert_eq!(all.unwrap().len(), round * 2);
        let mut t = put(&format!("key {round}"));
        t.put_stamped("stamped----------", "v", StampAt::Key(7));
        let committed = store.commit(t).await.unwrap();
        assert!(committed.stamp > last);
        last = committed.stamp;
    }
}

#[tokio::test]
async fn a_read_version_from_before_a_restart_is_refused_or_right() {
    let base = tempfile::tempdir().unwrap();
    let store = Embedded::open(Options::write(base.path())).unwrap();
    let version = store.snapshot().await.unwrap().version();
    store.commit(put("a")).await.unwrap();
    drop(store);
    let store = Embedded::open(Options::write(base.path())).unwrap();
    let mut t = Transaction::new(version);
    t.read_key(b"a").put("b", "v");
    assert_eq!(store.commit(t).await, Err(CommitError::TooOld));
}

#[tokio::test]
async fn versions_outlast_their_reserve() {
    let base = tempfile::tempdir().unwrap();
    let store = Embedded::open(Options::read(base.path())).unwrap();
    let reserved = read_reserved(&store);
    let mut version = Version(0);
    while version <= reserved {
        version = store.commit(put("a")).await.unwrap().version;
    }
    assert!(read_reserved(&store) > reserved);
    drop(store);
    let store = Embedded::open(Options::read(base.path())).unwrap();
    assert!(store.snapshot().await.unwrap().version() >= version);
}

fn read_reserved(store: &Embedded) -> Version {
    let value = store.shared.keyspace.get(b"\xffsterna/versions");
    let bytes = value.unwrap().unwrap()[..].try_into().unwrap();
    Version(u64::from_be_bytes(bytes))
}

#[tokio::test]
async fn a_full_disk_refuses_commits_until_there_is_room() {
    let base = tempfile::tempdir().unwrap();
    let free = Arc::new(AtomicU64::new(u64::MAX));
    let probe = free.clone();
    let mut options = Options::write(base.path());
    options.reserve_bytes = 1_000;
    let probe: Probe = Box::new(move || Ok(probe.load(Ordering::SeqCst)));
    let store = Embedded::open_with(options, probe).unwrap();
    free.store(1_001, Ordering::SeqCst);
    assert_eq!(store.commit(put("before")).await, Err(CommitError::Full));
    free.store(1_000_000, Ordering::SeqCst);
    store.commit(put("a")).await.unwrap();
    assert!(has(&store, "a").await && !has(&store, "before").await);
}

#[tokio::test]
async fn a_second_opening_is_refused_and_a_closed_store_frees_its_folder() {
    let base = tempfile::tempdir().unwrap();
    let store = Embedded::open(Options::write(base.path())).unwrap();
    let second = Embedded::open(Options::write(base.path()));
    assert!(matches!(second, Err(OpenError::Locked { .. })));
    let pending = store.commit(put("a"));
    let watch = store.watch("never".into(), Version(u64::MAX));
    store.close();
    pending.await.unwrap();
    assert_eq!(watch.await, Err(ReadError::Closed));
    assert_eq!(store.commit(put("b")).await, Err(CommitError::Closed));
    assert!(matches!(store.snapshot().await, Err(ReadError::Closed)));
    drop(store);
    let store = Embedded::open(Options::write(base.path())).unwrap();
    assert!(has(&store, "a").await);
}

#[tokio::test]
async fn a_copied_folder_says_so_until_it_is_accepted() {
    let base = tempfile::tempdir().unwrap();
    let (original, copy) = (base.path().join("original"), base.path().join("copy"));
    let store = Embedded::open(Options::write(&original)).unwrap();
    store.commit(put("a")).await.unwrap();
    let id = store.identity();
    assert!(!store.copied());
    drop(store);
    copy_folder(&original, &copy);
    assert!(!Embedded::open(Options::write(&original)).unwrap().copied());

    let store = Embedded::open(Options::write(&copy)).unwrap();
    assert!(store.copied() && store.identity() == id);
    drop(store);
    let store = Embedded::open(Options::write(&copy)).unwrap();
    assert!(store.copied() && has(&store, "a").await);
    store.accept_copy().unwrap();
    assert!(!store.copied() && store.identity() != id);
    drop(store);
    assert!(!Embedded::open(Options::write(&copy)).unwrap().copied());
}

#[tokio::test]
async fn a_small_window_makes_old_reads_too_old() {
    let base = tempfile::tempdir().unwrap();
    let mut options = Options::read(base.path());
    options.window_keys = 10;
    let store = Embedded::open(options).unwrap();
    let mut stale = Transaction::new(store.snapshot().await.unwrap().version());
    stale.read_key(b"other").put("x", "v");
    for n in 0..30 {
        store.commit(put(&n.to_string())).await.unwrap();
    }
    assert_eq!(store.commit(stale).await, Err(CommitError::TooOld));
}

#[tokio::test]
async fn two_stores_share_a_registry() {
    let base = tempfile::tempdir().unwrap();
    let registry = prometheus::Registry::new();
    let with_registry = |mut options: Options| {
        options.registry = Some(registry.clone());
        Embedded::open(options).unwrap()
    };
    let write = with_registry(Options::write(base.path().join("write")));
    let _read = with_registry(Options::read(base.path().join("read")));
    write.commit(put("a")).await.unwrap();
    let mut conflict = Transaction::new(Version(0));
    conflict.read_key(b"a");
    write.commit(conflict).await.unwrap_err();
    let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    assert!(text.contains(r#"sterna_store_commits_total{store="write"} 1"#));
    assert!(text.contains(r#"sterna_store_refusals_total{reason="conflict",store="write"} 1"#));
    assert!(text.contains(r#"sterna_store_commits_total{store="read"} 0"#));
    drop(write);
    drop(with_registry(Options::write(base.path().join("write"))));
}
