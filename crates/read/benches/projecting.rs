//! What projecting costs: the flights' model, one region, the read store on the embedded engine.
//!
//! `cargo bench -p sterna-read --bench projecting -- [FLIGHTS]` first fills the logs, in memory, with nobody reading; then starts the
//! read side and prints what catching up took, in wall and CPU time an event (of all threads, those of the store included), and
//! what queries cost. Then it does the same again with the read side running from the beginning, in the small batches of a live
//! system: what that takes more than the filling alone is the projector's.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a program that measures")]

use futures::future::join_all;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use sterna_env::{Env, Scope};
use sterna_log::AggregateId;
use sterna_read::{Options, Reads};
use sterna_store::{Memory, Store};
use sterna_store_embedded::Embedded;
use sterna_write::{Command, Gate, OpenOptions, Region, Writer};

const MODEL: &str = include_str!("../../../examples/flights/flights.toml");
const CARRIERS: [&str; 16] = ["UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E", "WN", "VX", "FL", "AS", "F9", "YV", "HA", "OO"];
const ORIGINS: [&str; 3] = ["EWR", "JFK", "LGA"];
/// A flight arrives after so many others have departed.
const UNDER_WAY: usize = 200;
const TOGETHER: usize = 1_000;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(worker_threads = 2)]
async fn main() {
    let flights = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(50_000);
    let commands = commands(flights);
    let (writer, scope) = region().await;
    let cpu = cpu_time();
    fill(&writer, &commands).await;
    let filling = cpu_time() - cpu;

    let folder = tempfile::tempdir().expect("there is a place for temporary files");
    let (began, cpu) = (Instant::now(), cpu_time());
    let (reads, store, registry) = reads_of(&writer, &scope, &folder.path().join("behind")).await;
    caught_up(&writer, &reads).await;
    report("behind", &registry, began.elapsed(), cpu_time() - cpu);
    queries(&reads, flights).await;
    drop((reads, writer));
    scope.stop().await;
    store.close();

    let (writer, scope) = region().await;
    let (reads, store, registry) = reads_of(&writer, &scope, &folder.path().join("live")).await;
    let (began, cpu) = (Instant::now(), cpu_time());
    fill(&writer, &commands).await;
    caught_up(&writer, &reads).await;
    report("live", &registry, began.elapsed(), (cpu_time() - cpu).saturating_sub(filling));
    drop((reads, writer));
    scope.stop().await;
    store.close();
}

async fn reads_of(writer: &Writer, scope: &Scope, path: &Path) -> (Arc<Reads>, Arc<Embedded>, prometheus::Registry) {
    let store = Embedded::open(sterna_store_embedded::Options::read(path)).expect("the folder is empty");
    let registry = prometheus::Registry::new();
    let options = Options {
        region: writer.region().clone(),
        logs: writer.logs().clone(),
        states: writer.states().clone(),
        store: store.clone() as Arc<dyn Store>,
        scope: scope.clone(),
        registry: registry.clone(),
    };
    (Reads::start(options).await.expect("the read store is empty"), store, registry)
}

async fn caught_up(writer: &Writer, reads: &Reads) {
    let applied = writer.region().board.progress();
    while !applied.iter().all(|(log, position)| reads.projected().get(log) >= position) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn report(what: &str, registry: &prometheus::Registry, wall: Duration, cpu: Duration) {
    let families = registry.gather();
    let metric = |name: &str| &families.iter().find(|family| family.name() == name).expect("it is counted").get_metric()[0];
    let counted = |name: &str| metric(name).get_counter().get_value();
    let events = counted("sterna_read_events_total");
    let batches = metric("sterna_read_batch_events").get_histogram().get_sample_count() as f64;
    println!(
        "{what}: {events} events in batches of {:.0}; an event took {:.1} µs, {:.1} µs of CPU, {:.2} writes, {:.2} documents",
        events / batches,
        wall.as_micros() as f64 / events,
        cpu.as_micros() as f64 / events,
        counted("sterna_read_writes_total") / events,
        counted("sterna_read_documents_total") / events,
    );
}

async fn queries(reads: &Reads, flights: usize) {
    let wait = Duration::ZERO;
    let (began, cpu, count) = (Instant::now(), cpu_time(), 50_000);
    for at in 0..count {
        reads.document("flight", &flight_id(at * 7 % flights), None, wait).await.expect("it is there");
    }
    println!(
        "documents {:.0}/s, CPU {:.1} µs",
        f64::from(count as u32) / began.elapsed().as_secs_f64(),
        (cpu_time() - cpu).as_micros() as f64 / count as f64
    );
    let (began, count) = (Instant::now(), 2_000);
    for at in 0..count {
        let filters = [("airport".to_owned(), ORIGINS[at % 3].to_owned()), ("day".to_owned(), day(at % (1 + flights * 365 / 336_776)))];
        let page = reads.view("board", &filters, None, None, None, wait).await.expect("it is indexed");
        assert!(page.body.len() > 1_000);
    }
    println!("pages of 50 rows {:.0}/s", count as f64 / began.elapsed().as_secs_f64());
}

async fn region() -> (Arc<Writer>, Scope) {
    let scope = Scope::new(Env::real());
    let (model, diagnostics) = sterna_model::parse(MODEL);
    let model = Arc::new(model.unwrap_or_else(|| panic!("{diagnostics:?}")));
    let options = OpenOptions { name: "one".into(), members: vec!["one".into()], shards: 16, model, copied: false };
    let region = Region::open(scope.env().clone(), Arc::new(Memory::default()), options).await.expect("the store is empty");
    let writer = Writer::start(region, &scope, None).await.expect("the store is empty");
    writer.region().set_gate(Gate::Open);
    (writer, scope)
}

/// Departures, arrivals, and what the aircraft flew.
fn commands(flights: usize) -> Vec<Command> {
    let at_once = (0..flights + UNDER_WAY).flat_map(|at| {
        let departs = (at < flights).then(|| depart(at));
        let arrives = at.checked_sub(UNDER_WAY).map(arrive);
        departs.into_iter().chain(arrives.into_iter().flatten())
    });
    at_once.collect()
}

async fn fill(writer: &Writer, commands: &[Command]) {
    for commands in commands.chunks(TOGETHER) {
        join_all(commands.iter().map(|command| writer.execute(command.clone()))).await.into_iter().for_each(|answer| {
            answer.expect("the command is valid");
        });
    }
}

fn flight_id(at: usize) -> String {
    format!("{}-{}-{}-{}", day(at * 365 / 336_776 % 365).replace('-', ""), CARRIERS[at % 16], at % 5_000, ORIGINS[at % 3])
}

fn day(day: usize) -> String {
    format!("2013-{:02}-{:02}", 1 + day / 31, 1 + day % 28)
}

fn dest(at: usize) -> String {
    format!("D{:02}", at * 31 % 100)
}

fn tail(at: usize) -> String {
    format!("N{:04}", at * 17 % 4_000)
}

fn depart(at: usize) -> Command {
    let args = json!({
        "carrier": CARRIERS[at % 16], "number": at % 5_000, "origin": ORIGINS[at % 3], "dest": dest(at), "day": day(at * 365 / 336_776 % 365),
        "month": 1 + at * 12 / 336_776 % 12, "sched_dep": at % 2_400, "distance": 700 + at % 2_000, "tail": tail(at), "dep_delay": (at % 90) as i64 - 15,
    });
    command("flight", flight_id(at), "depart", args)
}

fn arrive(at: usize) -> [Command; 2] {
    let args = json!({"tail": tail(at), "dest": dest(at), "distance": 700 + at % 2_000, "arr_delay": (at * 13 % 180) as i64 - 40, "air_time": 40 + at % 400});
    [
        command("flight", flight_id(at), "arrive", args),
        command("aircraft", tail(at), "fly", json!({"dest": dest(at), "distance": 700 + at % 2_000})),
    ]
}

fn command(kind: &str, id: String, name: &str, args: serde_json::Value) -> Command {
    Command {
        aggregate: AggregateId { kind: kind.into(), id: id.into() },
        name: name.into(),
        args: args.to_string().into(),
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

/// User and system time of this process, by the kernel's clock ticks of 10 ms.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("this is Linux");
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().expect("ticks are a number")).sum();
    Duration::from_millis(ticks * 10)
}
