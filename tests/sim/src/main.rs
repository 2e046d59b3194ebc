//! `just sim`: many seeds, one seed, or a planted fault.
//!
//! Each seed has a process of its own, in which nothing ran before, so that it can't differ.

mod chance;

use clap::Parser;
use rustix::process::{Resource, Rlimit, setrlimit};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Instant;
use sterna_sim::{Coverage, EVENTS, MUTATIONS, Verdict};

/// Runs a whole cluster in one process, from one seed; without arguments 200 of them.
#[derive(Parser)]
struct Args {
    /// Replays one seed, with a readable trace.
    seed: Option<u64>,
    /// The first of several seeds; 0 if it is not said. A planted fault is sought first by the seed that is known to catch it.
    #[arg(long)]
    first: Option<u64>,
    /// How many seeds; 200, or 500 with a planted fault.
    #[arg(long)]
    count: Option<u64>,
    /// Plants a fault; exits non-zero, naming seed and checker, when it is caught.
    #[arg(long)]
    mutation: Option<String>,
    /// Lists the faults that can be planted.
    #[arg(long)]
    list_mutations: bool,
    /// Runs each seed twice and compares the traces.
    #[arg(long)]
    twice: bool,
    /// Processes at once.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Runs on after a seed that failed.
    #[arg(long)]
    keep_going: bool,
    /// What the code under test says, as `RUST_LOG` would (`info`, `sterna_write=debug`).
    #[arg(long)]
    log: Option<String>,
    /// Runs one seed without a trace, and prints its verdict for the process that asked.
    #[arg(long, hide = true)]
    verdict: Option<u64>,
}

/// Processor time of one seed: many times what any takes, also on a slow machine.
const SEED_CPU_S: u64 = 120;
/// In so many seeds everything interesting must happen.
const COVERED_BY: u64 = 200;
/// A planted fault must be caught in so many.
const CAUGHT_BY: u64 = 500;

#[allow(clippy::print_stdout, reason = "it is a command")]
fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(filter) = &args.log {
        let filter = tracing_subscriber::EnvFilter::new(filter);
        tracing_subscriber::fmt().with_env_filter(filter).without_time().with_writer(io::stderr).init();
    }
    if args.list_mutations {
        for mutation in MUTATIONS {
            println!("{:28} caught by seed {}", mutation.name, mutation.seed);
        }
        return ExitCode::SUCCESS;
    }
    let planted = args.mutation.as_deref().map(sterna_env::mutation::plant);
    if let Some(None) = planted {
        println!("there is no such fault that can be planted; --list-mutations lists them");
        return ExitCode::from(2);
    }
    match (args.verdict, args.seed) {
        (Some(seed), _) => {
            let limit = Rlimit { current: Some(SEED_CPU_S), maximum: Some(SEED_CPU_S) };
            setrlimit(Resource::Cpu, limit).expect("a process may lower its own limit");
            println!("{}", sterna_sim::run(seed, false).to_json());
            ExitCode::SUCCESS
        }
        (_, Some(seed)) => replay(seed),
        _ => many(&args),
    }
}

#[allow(clippy::print_stdout, reason = "it is a command")]
fn replay(seed: u64) -> ExitCode {
    let verdict = sterna_sim::run(seed, true);
    println!("seed {seed}: {:.0} s simulated, trace {}", verdict.simulated_s, verdict.hash);
    tell(&verdict)
}

#[allow(clippy::print_stdout, reason = "it is a command")]
fn tell(verdict: &Verdict) -> ExitCode {
    for violation in verdict.found.iter().take(5) {
        println!("seed {}: {violation}", verdict.seed);
    }
    if verdict.found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Less the one that is known, which was run before.
fn seeds(args: &Args, count: u64) -> Vec<u64> {
    let first = args.first.unwrap_or(0);
    let known = known(args);
    (first..first + count).filter(|seed| Some(*seed) != known).collect()
}

/// The seed that is known to catch the planted fault.
fn known(args: &Args) -> Option<u64> {
    let name = args.mutation.as_ref().filter(|_| args.first.is_none())?;
    MUTATIONS.iter().find(|mutation| mutation.name == name).map(|mutation| mutation.seed)
}

/// What a process of its own says of a seed.
fn ask(seed: u64, args: &Args) -> Verdict {
    let run = || -> io::Result<Verdict> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--verdict").arg(seed.to_string()).stderr(Stdio::inherit());
        args.mutation.iter().for_each(|name| _ = command.arg("--mutation").arg(name));
        let output = command.output()?;
        Ok(match output.status.signal() {
            Some(signal) => Verdict::broken(
                seed,
                format!(
                    "liveness: the process was ended by signal {signal}; 9 and 24 say that it worked for {SEED_CPU_S} s, and no time passed in it"
                ),
            ),
            None => Verdict::from_json(seed, &String::from_utf8_lossy(&output.stdout)),
        })
    };
    run().unwrap_or_else(|error| Verdict::broken(seed, format!("panics: the process can't be run: {error}")))
}

#[allow(clippy::print_stdout, clippy::disallowed_methods, reason = "it is a command, and waits for processes in threads")]
fn many(args: &Args) -> ExitCode {
    let count = args.count.unwrap_or(if args.mutation.is_some() { CAUGHT_BY } else { COVERED_BY });
    let started = Instant::now();
    if let (Some(name), Some(seed)) = (&args.mutation, known(args)) {
        let verdict = ask(seed, args);
        tell(&verdict);
        if !verdict.found.is_empty() {
            println!("{name}: caught, by the seed that is known to, in {:.0} s", started.elapsed().as_secs_f64());
            return ExitCode::FAILURE;
        }
    }
    let (seeds, next) = (seeds(args, count), AtomicUsize::new(0));
    let (sender, verdicts) = mpsc::channel();
    let (mut failed, mut coverage, mut done) = (false, Coverage::default(), 0);
    std::thread::scope(|scope| {
        for _ in 0..args.threads.max(1) {
            let (sender, next, seeds) = (sender.clone(), &next, &seeds);
            scope.spawn(move || {
                while let Some(&seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let verdict = ask(seed, args);
                    let alike = !args.twice || ask(seed, args).hash == verdict.hash;
                    if sender.send((verdict, alike)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (verdict, alike) in verdicts {
            done += 1;
            coverage.join(&verdict.coverage);
            tell(&verdict);
            if !alike {
                println!("seed {}: two runs differ; compare the traces of `just sim {0}`", verdict.seed);
            }
            failed |= !alike || !verdict.found.is_empty();
            if failed && !args.keep_going {
                next.store(seeds.len(), Ordering::Relaxed);
                break;
            }
        }
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
    if done as u64 >= COVERED_BY && !missing.is_empty() {
        println!("never happened in {done} seeds, so nothing is proven of it: {}", missing.join(", "));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
