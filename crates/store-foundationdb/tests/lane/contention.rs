//! Several handles on one store, as several processes have them.

use crate::{Lane, Test, block_on};
use bytes::Bytes;
use futures::future::join_all;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use sterna_env::Env;
use sterna_store::{CommitError, ReadError, StampAt, Store, Transaction, get, scan_prefix};
use sterna_store_foundationdb::FoundationDb;

pub fn tests() -> Vec<(&'static str, Test)> {
    vec![
        ("contention::two_handles_that_count_lose_nothing", counting),
        ("contention::stamps_of_two_handles_are_in_the_order_of_their_commits", stamping),
        ("contention::a_watch_hears_of_another_handle", watching),
        ("contention::a_dropped_answer_cancels_no_commit", dropping),
    ]
}

async fn two(lane: &Lane) -> [Arc<FoundationDb>; 2] {
    let options = lane.options(lane.shared());
    [FoundationDb::open(options.clone()).await.unwrap(), FoundationDb::open(options).await.unwrap()]
}

fn number(value: Option<Bytes>) -> u64 {
    value.map_or(0, |bytes| String::from_utf8_lossy(&bytes).parse().unwrap())
}

fn counting(lane: &Lane) {
    const EACH: u64 = 60;
    block_on(async {
        let stores = two(lane).await;
        let count = async |store: &Arc<FoundationDb>| {
            let mut conflicts = 0;
            for _ in 0..EACH {
                loop {
                    let snapshot = store.snapshot().await.unwrap();
                    let mut t = Transaction::new(snapshot.version());
                    let n = number(get(&*snapshot, &"n".into()).await.unwrap());
                    t.read_key(b"n").put("n", (n + 1).to_string());
                    match store.commit(t).await {
                        Ok(_) => break,
                        Err(CommitError::Conflict { keys }) => {
                            assert_eq!(keys, ["n"]);
                            conflicts += 1;
                        }
                        Err(other) => panic!("{other}"),
                    }
                }
            }
            conflicts
        };
        let conflicts: u64 = join_all(stores.iter().chain(&stores).map(count)).await.into_iter().sum();
        let snapshot = stores[0].snapshot().await.unwrap();
        assert_eq!(number(get(&*snapshot, &"n".into()).await.unwrap()), 4 * EACH);
        assert!(conflicts > 0, "four that count at once never met");
    });
}

fn stamping(lane: &Lane) {
    block_on(async {
        let stores = two(lane).await;
        let append = |n: usize| {
            let mut t = Transaction::blind();
            t.put_stamped("log/----------", n.to_string(), StampAt::Key(4));
            stores[n % 2].commit(t)
        };
        let mut stamps: Vec<_> = join_all((0..100).map(append)).await.into_iter().map(|done| done.unwrap().stamp).collect();
        let snapshot = stores[1].snapshot().await.unwrap();
        let logged = scan_prefix(&*snapshot, b"log/").await.unwrap();
        stamps.sort();
        assert_eq!(stamps.iter().collect::<BTreeSet<_>>().len(), 100);
        assert!(logged.iter().map(|(key, _)| &key[4..]).eq(stamps.iter().map(|stamp| &stamp.0[..])));
    });
}

fn watching(lane: &Lane) {
    block_on(async {
        let [here, there] = two(lane).await;
        let seen = here.snapshot().await.unwrap().version();
        let watches: Vec<_> = (0..50).map(|n| here.watch(format!("k{n}").into(), seen)).collect();
        let mut t = Transaction::blind();
        (0..50).for_each(|n| _ = t.put(format!("k{n}"), "v"));
        there.commit(t).await.unwrap();
        let told = Env::real().timeout(Duration::from_secs(60), join_all(watches)).await.expect("watches fire");
        assert!(told.iter().all(Result::is_ok), "{told:?}");
    });
}

fn dropping(lane: &Lane) {
    block_on(async {
        let store = lane.open(lane.shared()).await;
        for n in 0..20 {
            let mut t = Transaction::blind();
            t.put(format!("k/{n:02}"), "v");
            drop(store.commit(t));
        }
        let env = Env::real();
        for _ in 0..600 {
            let snapshot = store.snapshot().await.unwrap();
            if scan_prefix(&*snapshot, b"k/").await.unwrap().len() == 20 {
                return;
            }
            env.sleep(Duration::from_millis(100)).await;
        }
        panic!("not all were committed");
    });
}

/// Until a snapshot is too old, which FoundationDB says after five seconds.
pub fn ageing(lane: &Lane) {
    block_on(async {
        let store = lane.open(lane.shared()).await;
        let snapshot = store.snapshot().await.unwrap();
        let mut t = Transaction::new(snapshot.version());
        t.read_key(b"a").put("a", "old");
        let env = Env::real();
        let mut told = None;
        for n in 0..600 {
            // Versions move on with commits. What was read once the client remembers, so another key each time.
            let mut other = Transaction::blind();
            other.put("b", "v");
            store.commit(other).await.unwrap();
            if let Err(error) = get(&*snapshot, &format!("a/{n}").into()).await {
                told = Some(error);
                break;
            }
            env.sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(told, Some(ReadError::TooOld));
        assert_eq!(store.commit(t).await, Err(CommitError::TooOld));
        let now = store.snapshot().await.unwrap();
        assert_eq!(get(&*now, &"a".into()).await.unwrap(), None);
    });
}
