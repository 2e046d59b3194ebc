//! Servers that die, freeze and come back.

use crate::{Lane, Test, block_on};
use bytes::Bytes;
use futures::future::join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use sterna_env::Env;
use sterna_store::{CommitError, ReadError, Retry, Store, Transaction, get, scan_prefix};
use sterna_store_foundationdb::FoundationDb;

pub fn tests() -> Vec<(&'static str, Test)> {
    vec![
        ("faults::a_cluster_that_is_away_for_a_while_is_waited_for", away),
        ("faults::kill_9_under_load_loses_nothing_and_applies_nothing_twice", killed),
    ]
}

const PATIENCE: Duration = Duration::from_secs(120);

fn away(lane: &Lane) {
    let cluster = lane.own_cluster();
    block_on(async {
        let store = lane.open(&cluster).await;
        let put = |key: &'static str| {
            let mut t = Transaction::blind();
            t.put(key, "v");
            store.commit(t)
        };
        put("before").await.unwrap();
        cluster.freeze();
        let meanwhile = put("meanwhile");
        let error = store.snapshot().await.err().expect("nobody answers");
        assert!(matches!(error, ReadError::Unavailable(_)) && error.retry() == Retry::Safe, "{error:?}");
        assert!(!store.health().await.available);
        cluster.thaw();
        let env = Env::real();
        let answer = env.timeout(PATIENCE, meanwhile).await.expect("a commit ends when the cluster is back");
        // It was frozen before it sent the commit, while that was decided, or after that.
        assert!(matches!(answer, Ok(_) | Err(CommitError::MaybeCommitted | CommitError::TooOld)), "{answer:?}");
        let began = env.now();
        while let Err(error) = store.snapshot().await {
            assert!(env.now() - began < PATIENCE, "{error}");
        }
        put("after").await.unwrap();
    });
}

/// Adds one to a counter and leaves a mark, until it knows that it did: once.
async fn add(store: &FoundationDb, env: &Env, mark: &str, unknown: &AtomicU64) {
    loop {
        let Ok(snapshot) = store.snapshot().await else { continue };
        let keys = [Bytes::from("n"), Bytes::from(mark.to_owned())];
        let Ok(read) = snapshot.get_many(&keys).await else { continue };
        if read[1].is_some() {
            return;
        }
        let n: u64 = read[0].as_ref().map_or(0, |bytes| String::from_utf8_lossy(bytes).parse().unwrap());
        let mut t = Transaction::new(snapshot.version());
        t.read_key(&keys[0]).read_key(&keys[1]);
        t.put("n", (n + 1).to_string()).put(keys[1].clone(), "v");
        match store.commit(t).await {
            Ok(_) => return,
            Err(CommitError::MaybeCommitted) => _ = unknown.fetch_add(1, Ordering::Relaxed),
            Err(error) if error.retry() == Retry::Safe => env.sleep(Duration::from_millis(5)).await,
            Err(error) => panic!("{error}"),
        }
    }
}

fn killed(lane: &Lane) {
    const TASKS: usize = 8;
    const KILLS_MIN: u64 = 3;
    const KILLS_MAX: u64 = 12;
    let cluster = Arc::new(lane.own_cluster());
    block_on(async {
        let store = lane.open(&cluster).await;
        let (env, done) = (Env::real(), AtomicBool::new(false));
        let (acknowledged, unknown) = (AtomicU64::new(0), AtomicU64::new(0));
        let load = async |task: usize| {
            for n in 0.. {
                if done.load(Ordering::Relaxed) {
                    return;
                }
                add(&store, &env, &format!("mark/{task}/{n}"), &unknown).await;
                acknowledged.fetch_add(1, Ordering::Relaxed);
            }
        };
        let kills = async {
            let mut kills = 0;
            // Until a commit was under way when the server died, which is a matter of luck.
            while kills < KILLS_MIN || unknown.load(Ordering::Relaxed) == 0 && kills < KILLS_MAX {
                let before = acknowledged.load(Ordering::Relaxed);
                let began = env.now();
                while acknowledged.load(Ordering::Relaxed) < before + 40 {
                    assert!(env.now() - began < PATIENCE, "no progress after {kills} kills");
                    env.sleep(Duration::from_millis(5)).await;
                }
                cluster.kill();
                cluster.resume();
                kills += 1;
            }
            tokio::task::block_in_place(|| cluster.available());
            done.store(true, Ordering::Relaxed);
            kills
        };
        let (kills, _) = futures::join!(kills, join_all((0..TASKS).map(load)));
        let snapshot = store.snapshot().await.unwrap();
        let n: u64 = get(&*snapshot, &"n".into()).await.unwrap().map_or(0, |b| String::from_utf8_lossy(&b).parse().unwrap());
        let marks = scan_prefix(&*snapshot, b"mark/").await.unwrap().len() as u64;
        assert_eq!((n, marks), (acknowledged.into_inner(), n));
        assert!(unknown.into_inner() > 0, "no commit was under way in any of {kills} kills");
    });
}
