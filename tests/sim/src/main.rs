//! `just sim`: many seeds, one seed, or a planted fault.

use clap::Parser;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Instant;
use sterna_sim::{Coverage, EVENTS, MUTATIONS, Outcome};

/// Runs a whole cluster in one process, from one seed; without arguments 200 of them.
#[derive(Parser)]
struct Args {
    /// Replays one seed, with a readable trace.
    seed: Option<u64>,
    /// The first of several seeds.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// How many seeds.
    #[arg(long, default_value_t = 200)]
    count: u64,
    /// Plants a fault; exits non-zero, naming seed and checker, when it is caught.
    #[arg(long)]
    mutation: Option<String>,
    /// Lists the faults that can be planted.
    #[arg(long)]
    list_mutations: bool,
    /// Runs each seed twice and compares the traces.
    #[arg(long)]
    twice: bool,
    /// Threads; each runs one seed at a time.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Runs on after a seed that failed.
    #[arg(long)]
    keep_going: bool,
    /// What the code under test says, as `RUST_LOG` would (`info`, `sterna_write=debug`).
    #[arg(long)]
    log: Option<String>,
}

#[allow(clippy::print_stdout, reason = "it is a command")]
fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(filter) = &args.log {
        let filter = tracing_subscriber::EnvFilter::new(filter);
        tracing_subscriber::fmt().with_env_filter(filter).without_time().with_writer(std::io::stderr).init();
    }
    if args.list_mutations {
        for mutation in MUTATIONS {
            let planted = mutation.seed.map_or_else(|| "not planted".to_owned(), |seed| format!("caught by seed {seed}"));
            println!("{:28} {planted}", mutation.name);
        }
        return ExitCode::SUCCESS;
    }
    if let Some(name) = &args.mutation
        && sterna_env::mutation::plant(name).is_none()
    {
        println!("there is no fault `{name}`; --list-mutations lists them");
        return ExitCode::from(2);
    }
    if let Some(seed) = args.seed {
        return replay(seed, &args);
    }
    many(&args)
}

#[allow(clippy::print_stdout, reason = "it is a command")]
fn replay(seed: u64, args: &Args) -> ExitCode {
    let _planted = args.mutation.as_deref().and_then(sterna_env::mutation::plant);
    let outcome = sterna_sim::run(seed, true);
    if args.twice && !same(&outcome, &sterna_sim::run(seed, false)) {
        return ExitCode::FAILURE;
    }
    println!("seed {seed}: {} s simulated, trace {:016x}", outcome.simulated.as_secs(), outcome.hash);
    tell(&outcome)
}

/// Whether it failed.
#[allow(clippy::print_stdout, reason = "it is a command")]
fn tell(outcome: &Outcome) -> ExitCode {
    for violation in outcome.found.iter().take(5) {
        println!("seed {}: {violation}", outcome.seed);
    }
    if outcome.found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[allow(clippy::print_stdout, reason = "it is a command")]
fn same(one: &Outcome, other: &Outcome) -> bool {
    if one.hash == other.hash {
        return true;
    }
    let differs = one.trace.iter().zip(&other.trace).position(|(a, b)| a != b).unwrap_or(one.trace.len().min(other.trace.len()));
    println!("seed {}: two runs differ at line {differs} of the trace:", one.seed);
    for outcome in [one, other] {
        println!("  {}", outcome.trace.get(differs).map_or("(it ends)", String::as_str));
    }
    false
}

#[allow(clippy::print_stdout, clippy::disallowed_methods, reason = "it is a command, and each seed has a thread of its own")]
fn many(args: &Args) -> ExitCode {
    let (next, last, started) = (AtomicU64::new(args.first), args.first + args.count, Instant::now());
    let (sender, outcomes) = mpsc::channel();
    let (mut failed, mut coverage, mut done) = (false, Coverage::default(), 0);
    std::thread::scope(|scope| {
        for _ in 0..args.threads.max(1) {
            let (sender, next, args) = (sender.clone(), &next, &args);
            scope.spawn(move || {
                let _planted = args.mutation.as_deref().and_then(sterna_env::mutation::plant);
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= last {
                        return;
                    }
                    let outcome = sterna_sim::run(seed, false);
                    let alike = !args.twice || same(&outcome, &sterna_sim::run(seed, false));
                    if sender.send((outcome, alike)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (outcome, alike) in &outcomes {
            done += 1;
            coverage.join(&outcome.coverage);
            if !outcome.found.is_empty() {
                tell(&outcome);
            }
            failed |= !alike || !outcome.found.is_empty();
            if failed && !args.keep_going {
                next.store(last, Ordering::Relaxed);
                break;
            }
        }
        drop(outcomes);
    });
    println!("{done} seeds in {:.0} s", started.elapsed().as_secs_f64());
    if let Some(name) = &args.mutation {
        println!("{name}: {}", if failed { "caught" } else { "NOT caught" });
        return if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    if failed {
        println!("replay a seed with: just sim SEED");
        return ExitCode::FAILURE;
    }
    EVENTS.iter().for_each(|(what, _)| println!("{:>10} {what}", coverage.get(what)));
    let missing = coverage.missing();
    if done >= COVERED_BY && !missing.is_empty() {
        println!("never happened in {done} seeds, so nothing is proven of it: {}", missing.join(", "));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// In so many seeds everything must happen.
const COVERED_BY: u64 = 200;
