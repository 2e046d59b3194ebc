//! Commands a second on a real cluster, beside what the same cluster gives a bare loop of equal transactions.
//!
//! `cargo bench -p sterna-store-foundationdb --bench figures [-- SECONDS]`, with `FDB_BIN` as the lane's. One `fdbserver` that has every role
//! shares the machine with the writers, so look at the ratios.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods, reason = "a benchmark's own main")]

use bytes::Bytes;
use futures::future::join_all;
use prometheus::Registry;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use sterna_env::{Env, Scope};
use sterna_log::AggregateId;
use sterna_store::{StampAt, Store, Transaction};
use sterna_store_foundationdb::{FoundationDb, Kind, Metrics, Options, Part};
use sterna_test_engines::foundationdb::{Binaries, Cluster, SKIPPED, Storage};
use sterna_write::{Gate, OpenOptions, Region, Writer};

const SHARDS: u16 = 8;
const AGGREGATES: u64 = 20_000;
const MODEL: &str = "version = 1\n[aggregate.cart.fields]\nitems = { map = \"counter\" }\n[aggregate.cart.commands.add_item]\n\
    args = { sku = \"string\", quantity = \"int\" }\neffects = [{ add = \"args.quantity\", to = \"items\", key = \"args.sku\" }]\n";

/// What a process did.
#[derive(Clone, Copy, Default)]
struct Done {
    commands: u64,
    transactions: u64,
    bytes: u64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if let [child, file, library, name, clients, seconds] = &arguments[..]
        && child == "child"
    {
        let library = (!library.is_empty()).then(|| PathBuf::from(library));
        let options = options(file.into(), library, name.clone(), &Registry::new());
        let done = runtime.block_on(writer(options, clients.parse().unwrap(), Duration::from_secs(seconds.parse().unwrap())));
        println!("{} {} {}", done.commands, done.transactions, done.bytes);
        drop(runtime);
        return sterna_store_foundationdb::shutdown();
    }
    let Some(binaries) = Binaries::find() else { return eprintln!("{SKIPPED}") };
    let seconds = arguments.first().and_then(|text| text.parse().ok()).unwrap_or(5);
    let cluster = Cluster::start(&binaries, Storage::Ssd);
    println!("processes  clients each  commands/s  batch  bytes/command   bare/s  ratio");
    for (processes, clients) in [(1, 1), (1, 64), (1, 512), (2, 64), (2, 512), (4, 64), (4, 512)] {
        let name = format!("p{processes}-c{clients}");
        let done = children(&cluster, &name, processes, clients, seconds);
        let batch = (done.commands / done.transactions.max(1)).max(1);
        let bytes = done.bytes / done.commands.max(1);
        // As many loops as the writers have transactions under way.
        let loops = (usize::from(SHARDS) * 2 * processes).min(clients * processes);
        let options = options(cluster.cluster_file(), binaries.library(), format!("{name}-bare"), &Registry::new());
        let bare = runtime.block_on(bare(options, loops, batch, bytes, Duration::from_secs(seconds)));
        let rate = done.commands / seconds;
        println!("{processes:9}  {clients:12}  {rate:10}  {batch:5}  {bytes:13}  {bare:7}  {:5.2}", rate as f64 / bare.max(1) as f64);
    }
    drop(runtime);
    sterna_store_foundationdb::shutdown();
}

fn options(cluster_file: PathBuf, library: Option<PathBuf>, name: String, registry: &Registry) -> Options {
    let metrics = Metrics::new(Kind::Write, Some(registry)).unwrap();
    Options { env: Env::real(), cluster_file, library, name, kind: Kind::Write, part: Part::whole(SHARDS), metrics }
}

fn children(cluster: &Cluster, name: &str, processes: usize, clients: usize, seconds: u64) -> Done {
    let child = |_| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let library = cluster.binaries().library().unwrap_or_default();
        command.arg("child").arg(cluster.cluster_file()).arg(library).args([name, &clients.to_string(), &seconds.to_string()]);
        command.stdout(Stdio::piped()).spawn().unwrap()
    };
    let running: Vec<_> = (0..processes).map(child).collect();
    let mut all = Done::default();
    for child in running {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let numbers: Vec<u64> = text.split_whitespace().map(|number| number.parse().unwrap()).collect();
        let [commands, transactions, bytes] = numbers[..] else { panic!("a child said {text}") };
        all = Done { commands: all.commands + commands, transactions: all.transactions + transactions, bytes: all.bytes + bytes };
    }
    all
}

/// Commands through a region's writer.
async fn writer(options: Options, clients: usize, time: Duration) -> Done {
    let registry = Registry::new();
    let options = Options { metrics: Metrics::new(Kind::Write, Some(&registry)).unwrap(), ..options };
    let store = FoundationDb::open(options).await.unwrap();
    let model = sterna_model::parse(MODEL).0.unwrap();
    let open = OpenOptions { name: "one".into(), members: vec!["one".into()], shards: SHARDS, model: model.into(), copied: false };
    let env = Env::real();
    let region = Region::open(env.clone(), store, open).await.unwrap();
    let scope = Scope::new(env);
    let writer = Writer::start(Arc::clone(&region), &scope, None).await.unwrap();
    region.set_gate(Gate::Open);
    let (done, next) = (AtomicU64::new(0), AtomicU64::new(region.env.random_u64() % AGGREGATES));
    let began = Instant::now();
    let client = async |_| {
        while began.elapsed() < time {
            let id = next.fetch_add(1, Ordering::Relaxed) % AGGREGATES;
            if writer.execute(command(id)).await.is_ok() {
                done.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    join_all((0..clients).map(client)).await;
    let commands = done.into_inner();
    drop(writer);
    scope.stop().await;
    let (transactions, bytes) = counted(&registry);
    Done { commands, transactions, bytes }
}

fn counted(registry: &Registry) -> (u64, u64) {
    let families = registry.gather();
    let family = families.iter().find(|family| family.name() == "sterna_store_transaction_bytes").unwrap();
    let histogram = family.get_metric()[0].get_histogram();
    (histogram.get_sample_count(), histogram.get_sample_sum() as u64)
}

fn command(id: u64) -> sterna_write::Command {
    sterna_write::Command {
        aggregate: AggregateId { kind: "cart".into(), id: format!("c-{id}").into() },
        name: "add_item".into(),
        args: Bytes::from_static(b"{\"sku\":\"tea\",\"quantity\":1}"),
        key: None,
        if_match: None,
        token: None,
        wait: Duration::ZERO,
        actor: "".into(),
        trace: "".into(),
        represent: false,
        cause: None,
    }
}

/// Commands a second if each transaction of `batch` commands were nothing but its reads and its writes: a read version, a read and two writes
/// a command, one log entry.
async fn bare(options: Options, loops: usize, batch: u64, bytes: u64, time: Duration) -> u64 {
    let store = FoundationDb::open(options).await.unwrap();
    let done = AtomicU64::new(0);
    let began = Instant::now();
    let one = async |task: usize| {
        let mut n = 0;
        while began.elapsed() < time {
            let keys: Vec<Bytes> = (0..batch).map(|at| Bytes::from(format!("state/{task}/cart/c-{}", (n + at) % AGGREGATES))).collect();
            n += batch;
            let snapshot = store.snapshot().await.unwrap();
            snapshot.get_many(&keys).await.unwrap();
            let mut t = Transaction::new(snapshot.version());
            let third = vec![0; usize::try_from(bytes / 3).unwrap()];
            for key in keys {
                t.read_key(&key).put([&b"idem/"[..], &key].concat(), third.clone());
                t.put(key, third.clone());
            }
            let entry = vec![0; third.len() * usize::try_from(batch).unwrap()];
            for (at, chunk) in entry.chunks(64_000).enumerate() {
                t.put_stamped(format!("log/{task}/----------/{at}"), chunk.to_vec(), StampAt::Key(5 + task.to_string().len()));
            }
            if store.commit(t).await.is_ok() {
                done.fetch_add(batch, Ordering::Relaxed);
            }
        }
    };
    join_all((0..loops).map(one)).await;
    done.into_inner() / time.as_secs()
}
