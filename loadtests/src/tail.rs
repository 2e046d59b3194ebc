//! Commands in a region that does not hear of another one: their events stay in the tails of their aggregates.

use crate::server::Region;
use crate::{bulk, http::Connection};
use anyhow::{Context, Result};
use std::path::Path;
use std::time::{Duration, Instant};

const CONNECTIONS: u64 = 4;
/// How long tails may take to become empty once the other region is back.
const SETTLE_MAX: Duration = Duration::from_secs(600);

pub async fn run(binary: &Path, folder: &Path, (warm, events): (u64, u64), aggregates: u64, window: u64) -> Result<()> {
    let [region, mut other] = Region::start_pair(binary, folder).await?;
    // The store and the aggregates' filters of recent keys are no longer empty: the tails make the difference.
    bulk::run(&region, 0, warm, aggregates, CONNECTIONS).await?;
    settled(&region).await?;
    other.kill()?;
    println!("the other region is gone; tails are empty");
    let (first, mut at) = (timed(&region, warm, window, aggregates).await?, warm + window);
    while at + window < warm + events {
        let step = (warm + events - at - window).min(10 * window);
        bulk::run(&region, at, step, aggregates, CONNECTIONS).await?;
        at += step;
    }
    let last = timed(&region, at, window, aggregates).await?;
    let (resident, stored) = (region.resident_mb()?, region.stored_mb()?);
    println!(
        "{} events in the tails of {aggregates} aggregates: {:.0} commands/s and {:.1} µs CPU each, against {:.0}/s and {:.1} µs; ratios {:.2} and {:.2}",
        tail_events(&region).await?,
        last.0,
        last.1,
        first.0,
        first.1,
        last.0 / first.0,
        last.1 / first.1
    );
    println!("{resident} MB resident, {stored} MB on disk");
    Ok(())
}

/// Commands/s, and µs of the region's CPU for each.
async fn timed(region: &Region, from: u64, commands: u64, aggregates: u64) -> Result<(f64, f64)> {
    let cpu = region.cpu_seconds()?;
    let rate = bulk::run(region, from, commands, aggregates, CONNECTIONS).await?;
    Ok((rate, (region.cpu_seconds()? - cpu) * 1e6 / commands as f64))
}

async fn settled(region: &Region) -> Result<()> {
    let start = Instant::now();
    while tail_events(region).await? > 0 {
        anyhow::ensure!(start.elapsed() < SETTLE_MAX, "the tails did not become empty in {SETTLE_MAX:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

async fn tail_events(region: &Region) -> Result<u64> {
    let answer = Connection::open(&region.address).await?.get("/metrics").await?;
    let text = String::from_utf8(answer.body)?;
    let lines = text.lines().filter(|line| line.starts_with("sterna_write_tail_events{"));
    lines.map(|line| Ok(line.rsplit(' ').next().context("a sample has a value")?.parse::<f64>()? as u64)).sum()
}
