//! What opening refuses, and what it says.

use crate::{Lane, Test, block_on};
use futures::future::join_all;
use std::fs;
use sterna_env::Env;
use sterna_store::{Store, Transaction};
use sterna_store_foundationdb::{FoundationDb, Kind, OpenError, Options, Part};
use tempfile::TempDir;

pub fn tests() -> Vec<(&'static str, Test)> {
    vec![
        ("opening::a_missing_cluster_file_is_named", missing),
        ("opening::a_file_that_is_no_cluster_file_is_told", malformed),
        ("opening::a_cluster_that_is_not_there_is_told_with_its_coordinators", unreachable),
        ("opening::a_cluster_keeps_the_shards_that_it_was_given", assigned),
        ("opening::of_two_that_disagree_one_is_refused", disagreeing),
        ("opening::stores_of_other_names_and_kinds_are_apart", apart),
        ("opening::a_closed_store_refuses", closed),
        ("opening::the_status_says_how_the_cluster_does", status),
    ]
}

fn with_file(lane: &Lane, text: Option<&str>) -> (TempDir, Options) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("fdb.cluster");
    if let Some(text) = text {
        fs::write(&path, text).unwrap();
    }
    let options = lane.options_of(path, "lost".to_owned());
    (folder, options)
}

fn missing(lane: &Lane) {
    let (_folder, options) = with_file(lane, None);
    let error = block_on(lane.refused(options)).to_string();
    assert!(error.contains("fdb.cluster can't be read: No such file"), "{error}");
}

fn malformed(lane: &Lane) {
    let (_folder, options) = with_file(lane, Some("10.1.0.5:4500\n"));
    let error = block_on(lane.refused(options)).to_string();
    assert!(error.contains("is no cluster file: there is no @"), "{error}");
}

fn unreachable(lane: &Lane) {
    let nobody = sterna_test_engines::free_port();
    let (_folder, options) = with_file(lane, Some(&format!("d:i@127.0.0.1:{nobody}\n")));
    let error = block_on(lane.refused(options));
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains(&format!("coordinators 127.0.0.1:{nobody}")), "{error}");
}

fn assigned(lane: &Lane) {
    block_on(async {
        let first = lane.options(lane.shared());
        let part = |first, last| Part { shards: 4, first, last };
        FoundationDb::open(Options { part: part(0, 1), ..first.clone() }).await.unwrap();
        FoundationDb::open(Options { part: part(0, 1), ..first.clone() }).await.unwrap();
        let error = lane.refused(Options { part: part(0, 3), ..first }).await.to_string();
        assert!(error.contains("holds shards 0 to 1 of 4 of this region, and the configuration says shards 0 to 3 of 4"), "{error}");
    });
}

fn disagreeing(lane: &Lane) {
    block_on(async {
        let options = lane.options(lane.shared());
        let with = |last| Options { part: Part { shards: 4, first: 0, last }, ..options.clone() };
        let opened = join_all([1, 2, 1, 2].map(|last| FoundationDb::open(with(last)))).await;
        let parts: Vec<_> = opened.iter().flatten().map(|store| store.part()).collect();
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[0], parts[1]);
    });
}

fn apart(lane: &Lane) {
    block_on(async {
        let one = lane.options(lane.shared());
        let other = Options { name: format!("{}-x", one.name), ..one.clone() };
        let kind = Options { kind: Kind::Read, ..one.clone() };
        let stores =
            [FoundationDb::open(one).await.unwrap(), FoundationDb::open(other).await.unwrap(), FoundationDb::open(kind).await.unwrap()];
        let mut t = Transaction::blind();
        t.put("k", "v");
        stores[0].commit(t).await.unwrap();
        for (at, store) in stores.iter().enumerate() {
            let pairs = sterna_store::scan_all(&*store.snapshot().await.unwrap(), sterna_store::all_keys()).await.unwrap();
            assert_eq!(pairs.len(), usize::from(at == 0));
        }
    });
}

fn closed(lane: &Lane) {
    block_on(async {
        let store = lane.open(lane.shared()).await;
        store.close();
        assert!(store.snapshot().await.is_err());
        let mut t = Transaction::blind();
        t.put("k", "v");
        assert_eq!(store.commit(t).await, Err(sterna_store::CommitError::Closed));
    });
}

fn status(lane: &Lane) {
    block_on(async {
        let store = lane.open(lane.shared()).await;
        let env = Env::real();
        // The cluster's own account of itself comes some seconds after it has begun.
        for _ in 0..600 {
            let health = store.health().await;
            if health.available && health.redundancy.as_deref() == Some("single") {
                return;
            }
            env.sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("{:?}", store.health().await);
    });
}
