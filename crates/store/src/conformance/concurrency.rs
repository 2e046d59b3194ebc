//! Many at once: interleaved within one task, so that every engine meets the same schedules.

use bytes::Bytes;
use futures::future::join_all;

use super::snapshot;
use crate::{CommitError, StampAt, Store, Transaction, get, scan_prefix};

const TASKS: usize = 8;
const INCREMENTS: usize = 25;

/// Lets the other tasks run.
async fn yield_now() {
    let mut yielded = false;
    futures::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

fn number(value: Option<Bytes>) -> i64 {
    value.map_or(0, |v| String::from_utf8_lossy(&v).parse().unwrap())
}

/// Runs `build` on new snapshots until it commits.
async fn retry<T>(store: &dyn Store, build: impl AsyncFn(&dyn crate::Snapshot, &mut Transaction) -> T) -> T {
    loop {
        let snapshot = snapshot(store).await;
        let mut t = Transaction::new(snapshot.version());
        let made = build(snapshot.as_ref(), &mut t).await;
        yield_now().await;
        match store.commit(t).await {
            Ok(_) => return made,
            Err(CommitError::Conflict { keys }) => assert!(!keys.is_empty()),
            Err(other) => panic!("{other}"),
        }
    }
}

/// A counter that tasks read, add to and write: nothing is lost, nobody gets the same number, and
/// each sees its own.
pub async fn counter_is_linearizable(store: &dyn Store) {
    let task = async |_| {
        let mut last = 0;
        for _ in 0..INCREMENTS {
            let next = retry(store, async |snapshot, t| {
                let next = number(get(snapshot, &"n".into()).await.unwrap()) + 1;
                t.read_key(b"n").put("n", next.to_string());
                t.put(format!("seen/{next}"), "v");
                next
            })
            .await;
            assert!(next > last);
            last = next;
        }
    };
    join_all((0..TASKS).map(task)).await;
    let snapshot = snapshot(store).await;
    let n = number(get(snapshot.as_ref(), &"n".into()).await.unwrap());
    assert_eq!(n, (TASKS * INCREMENTS) as i64);
    let seen = scan_prefix(snapshot.as_ref(), b"seen/").await.unwrap();
    assert_eq!(seen.len(), TASKS * INCREMENTS);
}

/// A sole writer's commits take effect in the order of the calls, whoever polls first.
pub async fn commits_keep_program_order(store: &dyn Store) {
    if !store.limits().sole_writer {
        return;
    }
    let commits: Vec<_> = (0..100)
        .map(|n: u32| {
            let mut t = Transaction::blind();
            t.put("last", n.to_string());
            t.put_stamped("log/----------", n.to_string(), StampAt::Key(4));
            store.commit(t)
        })
        .collect();
    let stamps = join_all(commits.into_iter().rev()).await;
    let stamps: Vec<_> = stamps.into_iter().map(|c| c.unwrap().stamp).collect();
    assert!(stamps.windows(2).all(|pair| pair[0] > pair[1]));
    let last = get(snapshot(store).await.as_ref(), &"last".into()).await;
    assert_eq!(last.unwrap().unwrap(), "99");
}

/// Transfers between accounts: every snapshot shows the same total.
pub async fn bank_keeps_its_total(store: &dyn Store) {
    const ACCOUNTS: usize = 5;
    const TOTAL: i64 = 500;
    let mut t = Transaction::blind();
    for n in 0..ACCOUNTS {
        t.put(format!("account/{n}"), (TOTAL / ACCOUNTS as i64).to_string());
    }
    store.commit(t).await.unwrap();

    let transfer = async |task: usize| {
        for round in 0..INCREMENTS {
            let from = format!("account/{}", (task + round) % ACCOUNTS);
            let to = format!("account/{}", (task * 3 + round * 2 + 1) % ACCOUNTS);
            if from == to {
                continue;
            }
            retry(store, async |snapshot, t| {
                let keys = [Bytes::from(from.clone()), Bytes::from(to.clone())];
                let mut read = snapshot.get_many(&keys).await.unwrap().into_iter();
                let (a, b) = (number(read.next().unwrap()), number(read.next().unwrap()));
                t.read_key(&keys[0]).read_key(&keys[1]);
                t.put(keys[0].clone(), (a - 1).to_string());
                t.put(keys[1].clone(), (b + 1).to_string());
            })
            .await;
            let snapshot = snapshot(store).await;
            let all = scan_prefix(snapshot.as_ref(), b"account/").await.unwrap();
            let total: i64 = all.into_iter().map(|(_, v)| number(Some(v))).sum();
            assert_eq!(total, TOTAL);
        }
    };
    join_all((0..TASKS).map(transfer)).await;
}
