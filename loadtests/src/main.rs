//! Load generator: one region of the real binary, as a process of its own, and clients on the same machine.
//!
//! Each figure is printed beside a measured `fdatasync`, since that, not the code, decides much of it. `docs/figures.md` has what was seen.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a command line tool that measures by the real clock")]

mod bulk;
mod disk;
mod http;
mod reads;
mod server;
mod single;
mod tail;

use anyhow::Result;
use clap::{Parser, Subcommand};
use server::Region;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Parser)]
#[command(about = "Figures of one region on the embedded engine, durable before acknowledged")]
struct Arguments {
    /// The release binary.
    #[arg(long, default_value = "target/release/sterna", global = true)]
    binary: PathBuf,
    /// Where data folders are made; the disk that is measured.
    #[arg(long, default_value = "target", global = true)]
    folder: PathBuf,
    #[command(subcommand)]
    workload: Workload,
}

#[derive(Subcommand)]
enum Workload {
    /// Commands through POST /v1/commands
    Bulk {
        #[arg(long, default_value_t = 1_000_000)]
        commands: u64,
        /// Different aggregates
        #[arg(long, default_value_t = 100_000)]
        aggregates: u64,
        /// Requests at once
        #[arg(long, default_value_t = 4)]
        connections: u64,
    },
    /// Commands as single HTTP requests
    Single {
        #[arg(long, default_value_t = 64)]
        connections: u64,
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        #[arg(long, default_value_t = 100_000)]
        aggregates: u64,
    },
    /// Documents read by single HTTP requests
    Reads {
        #[arg(long, default_value_t = 64)]
        connections: u64,
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        #[arg(long, default_value_t = 10_000)]
        aggregates: u64,
    },
    /// Resident memory of a process that does nothing
    Idle,
    /// What a command costs while another region is away, so that tails grow, against what it cost when it had just gone
    Tail {
        /// Commands made before, while it is there
        #[arg(long, default_value_t = 300_000)]
        warm: u64,
        /// Commands made while it is away
        #[arg(long, default_value_t = 1_000_000)]
        events: u64,
        #[arg(long, default_value_t = 1_000)]
        aggregates: u64,
        /// Commands that are timed, at the beginning and at the end
        #[arg(long, default_value_t = 50_000)]
        window: u64,
    },
    /// Bulk commands on 10^6 aggregates that are there against 10^3, in turn
    Cardinality {
        #[arg(long, default_value_t = 500_000)]
        commands: u64,
        #[arg(long, default_value_t = 3)]
        rounds: u32,
    },
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    println!("fdatasync of 4 kB: {:.2} ms (median of 200)", disk::fdatasync_ms(&arguments.folder)?);
    let start = || Region::start(&arguments.binary, &arguments.folder);
    match arguments.workload {
        Workload::Bulk { commands, aggregates, connections } => {
            let region = start().await?;
            let rate = bulk::run(&region, 0, commands, aggregates, connections).await?;
            println!("{rate:.0} commands/s; {} MB resident at the end", region.resident_mb()?);
        }
        Workload::Single { connections, seconds, aggregates } => {
            let region = start().await?;
            single::run(&region, connections, Duration::from_secs(seconds), aggregates).await?;
        }
        Workload::Reads { connections, seconds, aggregates } => {
            let region = start().await?;
            bulk::run(&region, 0, aggregates, aggregates, 1).await?;
            reads::run(&region, connections, Duration::from_secs(seconds), aggregates).await?;
        }
        Workload::Idle => {
            let region = start().await?;
            tokio::time::sleep(Duration::from_secs(3)).await;
            println!("{} MB resident, idle", region.resident_mb()?);
        }
        Workload::Tail { warm, events, aggregates, window } => {
            tail::run(&arguments.binary, &arguments.folder, (warm, events), aggregates, window).await?
        }
        Workload::Cardinality { rounds, commands } => {
            for _ in 0..rounds {
                let (mut made, mut rates) = (Vec::new(), Vec::new());
                for aggregates in [1_000, 1_000_000] {
                    let region = start().await?;
                    made.push(bulk::run(&region, 0, aggregates, aggregates, 4).await?);
                    rates.push(bulk::run(&region, aggregates, commands, aggregates, 4).await?);
                }
                let ratio = |rate: f64| rate / rates[0];
                println!(
                    "10^3: {:.0}/s; 10^6 that are there: {:.0}/s, ratio {:.2}; made: ratio {:.2}",
                    rates[0],
                    rates[1],
                    ratio(rates[1]),
                    ratio(made[1])
                );
            }
        }
    }
    Ok(())
}
