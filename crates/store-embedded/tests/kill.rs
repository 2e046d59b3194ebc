//! A process that is killed with SIGKILL while it commits: what it was told is committed is there
//! after a restart, and of every transaction there is all or nothing.
//!
//! Most lives follow one that was killed too: what a crash leaves is mended once, and written on.
//!
//! This program starts itself as the process to kill. `cargo test -p sterna-store-embedded --test
//! kill -- 300` does it 300 times instead of 30.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    error::Error,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt as _, future::join_all, stream};
use sterna_store::{Stamp, StampAt, Store, Transaction, all_keys, get, scan_all, scan_prefix};
use sterna_store_embedded::{Embedded, Kind, Options};

const ROUNDS: u64 = 30;
const WRITERS: u64 = 16;
/// Lives that are killed one after the other before somebody looks.
const LIVES: u64 = 3;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Outcome {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["child", kind, folder, first] => child(&options(kind, folder), first.parse()?),
        // What a test runner that lists tests expects of a program that is one.
        ["--list", ..] => Ok(()),
        [rounds] if rounds.parse::<u64>().is_ok() => parent(rounds.parse()?),
        _ => parent(ROUNDS),
    }
}

/// Small memtables, so that flushes and compactions are killed too.
fn options(kind: &str, folder: impl Into<PathBuf>) -> Options {
    let options = if kind == Kind::Write.name() { Options::write(folder) } else { Options::read(folder) };
    Options { memtable_bytes: 256 << 10, ..options }
}

fn parent(rounds: u64) -> Outcome {
    for round in 0..rounds / 3 {
        kill_at_start(round)?;
    }
    let base = tempfile::tempdir()?;
    let mut acknowledged = BTreeMap::from([("write", BTreeSet::new()), ("read", BTreeSet::new())]);
    let mut last = BTreeMap::from([("write", Stamp::default()), ("read", Stamp::default())]);
    for round in 0..rounds {
        for (kind, acknowledged) in &mut acknowledged {
            let folder = base.path().join(kind);
            // Of several transactions at once, so that a number is never used twice.
            let first = round * 1_000_000;
            let lived = Duration::from_micros(1_000 + (round * 7_919 * 37) % 250_000);
            acknowledged.extend(run_and_kill(kind, &folder, first, lived)?);
            // A look closes the store as it should be, which no crash does.
            if round % LIVES != LIVES - 1 {
                continue;
            }
            let stamp = verify(&options(kind, &folder), acknowledged)?;
            let last = last.get_mut(kind).ok_or("kind")?;
            assert!(stamp >= *last, "stamps went back");
            *last = stamp;
        }
    }
    let counts: Vec<_> = acknowledged.values().map(BTreeSet::len).collect();
    assert!(counts.iter().all(|count| *count > 0), "nothing was tested");
    writeln!(std::io::stdout(), "killed {rounds} times each: all of {counts:?} acknowledged commits (read, write) are there")?;
    Ok(())
}

/// Kills a child while it creates its store, which can be opened nonetheless.
fn kill_at_start(round: u64) -> Outcome {
    let folder = tempfile::tempdir()?;
    let mut child = start("write", folder.path(), 0)?;
    sleep(Duration::from_micros(1_000 + round * 613 % 30_000));
    child.kill()?;
    child.wait()?;
    verify(&Options::write(folder.path()), &BTreeSet::new())?;
    Ok(())
}

fn start(kind: &str, folder: &Path, first: u64) -> Outcome<Child> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["child", kind]).arg(folder).arg(first.to_string());
    Ok(command.stdout(Stdio::piped()).spawn()?)
}

#[expect(clippy::disallowed_methods, reason = "real processes live in real time")]
fn sleep(time: Duration) {
    std::thread::sleep(time);
}

/// Starts a child, lets it commit for a while, kills it, and returns what it said is committed.
fn run_and_kill(kind: &str, folder: &Path, first: u64, lived: Duration) -> Outcome<Vec<u64>> {
    let mut child = start(kind, folder, first)?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    let ready = lines.next().ok_or("the child didn't start")??;
    assert_eq!(ready, "ready");
    sleep(lived);
    child.kill()?;
    child.wait()?;
    // The last line may be cut, and then says nothing.
    Ok(lines.map_while(Result::ok).filter_map(|line| line.strip_suffix('.')?.parse().ok()).collect())
}

/// Everything acknowledged is there, and every transaction is whole. Returns the newest stamp.
fn verify(options: &Options, acknowledged: &BTreeSet<u64>) -> Outcome<Stamp> {
    let store = Embedded::open(options.clone())?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let snapshot = store.snapshot().await?;
        let number = |key: &Bytes| String::from_utf8_lossy(&key[2..]).parse::<u64>();
        let mut whole = BTreeMap::new();
        for (key, value) in scan_prefix(snapshot.as_ref(), b"a/").await? {
            whole.insert(number(&key)?, value);
        }
        for n in acknowledged {
            assert!(whole.contains_key(n), "acknowledged {n} is lost");
        }
        let other = scan_prefix(snapshot.as_ref(), b"b/").await?;
        assert_eq!(other.len(), whole.len(), "a transaction was torn");
        for (key, value) in other {
            assert_eq!(whole.get(&number(&key)?), Some(&value), "torn at {key:?}");
        }
        let log = scan_prefix(snapshot.as_ref(), b"log/").await?;
        assert_eq!(log.len(), whole.len(), "a log entry is missing");
        let before = scan_prefix(snapshot.as_ref(), b"tmp/").await?;
        assert!(before.len() <= 1, "a clear was torn");
        let counts = scan_prefix(snapshot.as_ref(), b"count/").await?;
        let mut counted = 0;
        for (_, count) in &counts {
            counted += String::from_utf8_lossy(count).parse::<usize>()?;
        }
        assert_eq!(counted, whole.len(), "the counters and what they count differ");
        let all = scan_all(snapshot.as_ref(), all_keys()).await?;
        assert_eq!(all.len(), 3 * whole.len() + before.len() + counts.len());
        let newest = log.last().and_then(|(key, _)| key[4..].try_into().ok());
        Ok(newest.map_or(Stamp::default(), Stamp))
    })
}

/// Commits numbered transactions until it is killed, and says which are committed.
fn child(options: &Options, first: u64) -> Outcome {
    let store = Embedded::open(options.clone())?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    say("ready");
    runtime.block_on(async {
        let writer = async |writer: u64| {
            stream::iter((first + writer..).step_by(WRITERS as usize))
                .for_each(async |n| {
                    commit(&store, n).await;
                    say(&format!("{n}."));
                })
                .await;
        };
        join_all((0..WRITERS).map(writer)).await;
    });
    Ok(())
}

/// One transaction: two keys with one value, a log entry, a key instead of those before it, and a
/// counter that a few writers share, tried until it has no conflict.
async fn commit(store: &Arc<Embedded>, n: u64) {
    let value = vec![b'a' + (n % 26) as u8; 100 + (n * 7_919 % 6_000) as usize];
    let counter = Bytes::from(format!("count/{}", n % (WRITERS / 2)));
    loop {
        let snapshot = store.snapshot().await.expect("open");
        let count = get(snapshot.as_ref(), &counter).await;
        let count = count.expect("readable").map_or(0, |count| String::from_utf8_lossy(&count).parse::<u64>().expect("a number"));
        let mut t = Transaction::new(snapshot.version());
        t.read_key(&counter);
        t.put(counter.clone(), (count + 1).to_string());
        t.put(format!("a/{n}"), value.clone());
        t.put(format!("b/{n}"), value.clone());
        t.put_stamped("log/----------", n.to_string(), StampAt::Key(4));
        t.clear(sterna_store::prefix_range(b"tmp/"));
        t.put(format!("tmp/{n}"), "");
        match store.commit(t).await {
            Ok(_) => return,
            Err(sterna_store::CommitError::Conflict { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("the parent reads");
}
