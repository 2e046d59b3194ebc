//! What a command costs where two processes write one store and a member is away, so that each event stays in its aggregate's tail: memory
//! stores, the two processes taking turns, so that each meets what the other one wrote.
//!
//! `cargo bench -p sterna-write --bench shared_tail -- [EVENTS] [AGGREGATES]` compares the last commands with the first, in wall and CPU time a command.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a program that measures")]

use futures::future::join_all;
use std::sync::Arc;
use std::time::{Duration, Instant};
use sterna_env::{Env, Scope};
use sterna_log::AggregateId;
use sterna_store::{Limits, Memory, Store};
use sterna_write::{Command, Gate, OpenOptions, Region, Writer};

const MODEL: &str = r#"
version = 1

[aggregate.cart.fields]
items = { map = "counter" }

[aggregate.cart.commands.add_item]
args    = { sku = "string", quantity = "int" }
effects = [{ add = "args.quantity", to = "items", key = "args.sku" }]
"#;

const MEASURED: usize = 4_000;
const TOGETHER: usize = 500;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(worker_threads = 2)]
async fn main() {
    let mut given = std::env::args().skip(1).filter_map(|arg| arg.parse().ok());
    let (events, aggregates): (usize, usize) = (given.next().unwrap_or(100_000), given.next().unwrap_or(10));
    let store: Arc<dyn Store> = Arc::new(Memory::new(Limits { sole_writer: false, ..Limits::default() }, 10_000));
    let processes = [process(&store).await, process(&store).await];
    turns(&processes, aggregates).await;
    let first = turns(&processes, aggregates).await;
    for filled in (0..events).step_by(TOGETHER) {
        join_all((filled..filled + TOGETHER).map(|at| add(&processes[0], at % aggregates))).await;
    }
    let last = turns(&processes, aggregates).await;
    println!(
        "{events} open events on {aggregates} aggregates, two processes in turns: a command took {:.0} and {:.0} µs, ratio {:.2}; CPU {:.0} and {:.0} µs, ratio {:.2}",
        first.0,
        last.0,
        last.0 / first.0,
        first.1,
        last.1,
        last.1 / first.1
    );
}

/// Microseconds a command: by the clock, and of CPU.
async fn turns(processes: &[Arc<Writer>; 2], aggregates: usize) -> (f64, f64) {
    // Each process reads the tails once.
    for at in 0..2 * aggregates {
        add(&processes[at / aggregates], at % aggregates).await;
    }
    let (began, cpu) = (Instant::now(), cpu_time());
    for at in 0..MEASURED {
        add(&processes[at % 2], at / 2 % aggregates).await;
    }
    let each = |time: Duration| time.as_secs_f64() * 1e6 / MEASURED as f64;
    (each(began.elapsed()), each(cpu_time() - cpu))
}

async fn process(store: &Arc<dyn Store>) -> Arc<Writer> {
    let (model, diagnostics) = sterna_model::parse(MODEL);
    let model = Arc::new(model.unwrap_or_else(|| panic!("{diagnostics:?}")));
    let options = OpenOptions { name: "a".into(), members: vec!["a".into(), "b".into()], shards: 4, model, copied: false };
    let env = Env::real();
    let region = Region::open(env.clone(), Arc::clone(store), options).await.expect("the store is empty or fits");
    let writer = Writer::start(region, &Scope::new(env), None).await.expect("the store can be read");
    writer.region().set_gate(Gate::Open);
    writer
}

async fn add(process: &Writer, cart: usize) {
    let command = Command {
        aggregate: AggregateId { kind: "cart".into(), id: format!("c{cart}").into() },
        name: "add_item".into(),
        args: r#"{"sku":"tea","quantity":1}"#.into(),
        key: None,
        if_match: None,
        token: None,
        wait: Duration::ZERO,
        actor: "".into(),
        trace: "".into(),
        represent: false,
        cause: None,
    };
    process.execute(command).await.expect("it is valid");
}

/// User and system time of this process, by the kernel's clock ticks of 10 ms.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("this is Linux");
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().expect("ticks are a number")).sum();
    Duration::from_millis(ticks * 10)
}
