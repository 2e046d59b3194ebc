//! Commits a second for 1, 64 and 1024 committers at once, next to what the disk's fdatasync costs.
//!
//! `cargo run --release -p sterna-store-embedded --example commit_bench [seconds] [folder] [committers…]`

#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a benchmark measures and prints")]

use std::{
    env,
    error::Error,
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use sterna_store::{Store, Transaction, key_range};
use sterna_store_embedded::{Embedded, Options};

const VALUE_BYTES: usize = 272;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Outcome {
    let mut args = env::args().skip(1);
    let seconds = args.next().map_or(Ok(3), |text| text.parse())?;
    let time = Duration::from_secs(seconds);
    let base = args.next().map_or_else(env::temp_dir, PathBuf::from);
    let committers = args.map(|text| text.parse()).collect::<Result<Vec<usize>, _>>()?;
    let committers = if committers.is_empty() { vec![1, 64, 1024] } else { committers };
    let folder = tempfile::tempdir_in(base)?;
    let sync = raw_sync(folder.path())?;
    let ideal = 1.0 / sync.as_secs_f64();
    println!("raw write of {VALUE_BYTES} B and fdatasync: {sync:?}, {ideal:.0}/s");

    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    for (name, options) in [("sync", Options::write(folder.path().join("write"))), ("relaxed", Options::read(folder.path().join("read")))] {
        let store = Embedded::open(options)?;
        for &committers in &committers {
            let run = runtime.block_on(run(&store, committers, time));
            println!("{name:>8} {committers:>5} committers: {run}");
        }
    }
    Ok(())
}

/// The median of appending one value to a file and syncing it.
fn raw_sync(folder: &Path) -> Outcome<Duration> {
    let mut file = File::create(folder.join("raw"))?;
    file.set_len(1 << 20)?;
    file.sync_all()?;
    let mut times = Vec::new();
    for _ in 0..200 {
        let began = Instant::now();
        file.write_all(&[b'x'; VALUE_BYTES])?;
        file.sync_data()?;
        times.push(began.elapsed());
    }
    times.sort();
    Ok(times[times.len() / 2])
}

/// Each committer reads a key and writes it, again and again, each its own keys.
async fn run(store: &Arc<Embedded>, committers: usize, time: Duration) -> String {
    let began = Instant::now();
    let tasks: Vec<_> = (0..committers).map(|n| tokio::spawn(commit_until(store.clone(), n, began + time))).collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.expect("a committer"));
    }
    let rate = latencies.len() as f64 / began.elapsed().as_secs_f64();
    latencies.sort();
    let at = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize];
    let (p50, p99, p999) = (at(0.5), at(0.99), at(0.999));
    format!("{rate:>8.0} commits/s, p50 {p50:?}, p99 {p99:?}, p99.9 {p999:?}")
}

async fn commit_until(store: Arc<Embedded>, committer: usize, end: Instant) -> Vec<Duration> {
    let mut latencies = Vec::new();
    for n in 0_u64.. {
        let began = Instant::now();
        if began >= end {
            break;
        }
        let key = format!("committer/{committer:04}/{:016}", n % 10_000);
        let snapshot = store.snapshot().await.expect("open");
        let mut t = Transaction::new(snapshot.version());
        t.read_range(key_range(key.as_bytes()));
        t.put(key, vec![b'x'; VALUE_BYTES]);
        store.commit(t).await.expect("committed");
        latencies.push(began.elapsed());
    }
    latencies
}
