//! All flights that left New York in 2013, through three regions, compared row by row with what the CSV says.
//!
//! [`flights`] makes commands, [`truth`] the rows that must come out; neither knows the other.

mod compare;
mod conflict;
mod figures;
pub mod flights;
mod load;
pub mod rows;
mod settle;
mod source;
pub mod truth;

pub use load::{Loaded, Loader};
pub use settle::settled;
pub use source::Source;

use crate::dev::Cluster;
use crate::home::DevRegions;
use crate::links::{self, Change};
use crate::out::{Outcome, say};
use anyhow::Result;
use flights::{Airports, Counts, Flights};
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::sync::Arc;
use std::time::Duration;
use sterna_env::Env;

pub const MODEL: &str = include_str!("../../../../examples/flights/flights.toml");
pub const MODEL_NAME: &str = "examples/flights/flights.toml";
/// East first: what is not in the list of airports is there.
pub const REGIONS: [&str; 3] = ["us-east", "us-central", "us-west"];
/// The link that is cut; the third region carries.
const CUT: (&str, &str, &str) = ("us-east", "us-west", "us-central");
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Loads, cuts, heals, waits, compares, and makes a conflict. [`Outcome::No`] if a row differs.
pub(crate) async fn run(env: &Env, cluster: &Cluster, known: &DevRegions, source: &Source) -> Result<Outcome> {
    cluster.ready(env).await?;
    let airports = Arc::new(Airports::read(source.airports()?)?);
    let counts = Flights::read(source.flights()?, airports.clone())?.count()?;
    tell(&counts);

    let began = env.now();
    let loader = Loader::new(env, known.regions.iter().map(|region| region.url.clone()), source.clone(), airports);
    let bar = bar(counts.all_commands());
    let (loaded, directed) = tokio::join!(loader.load(), direct(env, known, &loader, &bar, counts.all_commands()));
    let (loaded, ()) = (loaded?, directed?);
    bar.finish_and_clear();
    let loading = env.now() - began;
    say(format!(
        "Loaded {} commands in {:.1} s: {} a second{}.",
        HumanCount(loaded.accepted + loaded.refused),
        loading.as_secs_f64(),
        HumanCount((loaded.accepted as f64 / loading.as_secs_f64()) as u64),
        if loaded.refused > 0 {
            format!("; {} were refused, the first: {}", loaded.refused, loaded.first_refusal.unwrap_or_default())
        } else {
            String::new()
        },
    ));
    settled(env, &cluster.regions).await;
    let whole = env.now() - began;
    say(format!(
        "After {:.1} s every region has everything, with {} reactions, in every view.",
        whole.as_secs_f64(),
        HumanCount(counts.reactions)
    ));
    say(figures::memory());

    let equal = compare::compare(env, known, source).await? && loaded.refused == 0;
    conflict::show(env, cluster, known).await?;
    advise(known);
    Ok(if equal { Outcome::Done } else { Outcome::No })
}

fn tell(counts: &Counts) {
    let [east, central, west] = counts.commands.map(HumanCount);
    say(format!(
        "\n{} flights are {} commands: {east} for {}, {central} for {}, {west} for {}.",
        HumanCount(counts.flights),
        HumanCount(counts.all_commands()),
        REGIONS[0],
        REGIONS[1],
        REGIONS[2]
    ));
}

/// Cuts a link when a third is answered, and heals it when two thirds are.
async fn direct(env: &Env, known: &DevRegions, loader: &Loader, bar: &ProgressBar, all: u64) -> Result<()> {
    let (a, b, third) = CUT;
    let reached = async |part: u64| {
        while loader.answered() < part && !loader.ended() {
            bar.set_position(loader.answered());
            env.sleep(LOOK_EVERY).await;
        }
    };
    reached(all / 3).await;
    links::set(env, known, a, b, Change::Cut).await?;
    bar.suspend(|| say(format!("Cut {a} ↔ {b}: both go on, and {third} carries what passes between them.")));
    reached(all / 3 * 2).await;
    links::set(env, known, a, b, Change::Heal).await?;
    bar.suspend(|| say(format!("Healed {a} ↔ {b}.")));
    reached(all).await;
    Ok(())
}

fn bar(all: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(all), ProgressDrawTarget::stderr_with_hz(10));
    let style = ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} commands, {rate}, {eta} left");
    let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| _ = write!(out, "{} a second", HumanCount(state.per_sec() as u64));
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).with_key("rate", rate))
}

fn advise(known: &DevRegions) {
    let url = |at: usize| &known.regions[at].url;
    say("\nTry it:");
    say(format!("  curl -s '{}/v1/views/board?airport=LAX&day=2013-01-15&limit=3'", url(2)));
    say(format!("  curl -s '{}/v1/views/aircraft?limit=5'", url(1)));
    say(format!("  curl -s {}/v1/flight/{}", url(0), conflict::FLIGHT));
    say(format!("  curl -s {}/v1/flight/{}/events", url(1), conflict::FLIGHT));
    say("  sterna status");
}
