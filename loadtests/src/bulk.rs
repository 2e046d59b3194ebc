//! Commands through `POST /v1/commands`.

use crate::http::Connection;
use crate::server::Region;
use anyhow::{Context, Result, bail};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Commands in one request.
const REQUEST_COMMANDS: u64 = 10_000;
/// How far views may be behind when the last command was answered.
const BEHIND_MAX: Duration = Duration::from_secs(1);

/// Sends `commands`, the first of them number `from`, over `connections`, round robin over `aggregates`; commands/s. Prints what it saw.
pub async fn run(region: &Region, from: u64, commands: u64, aggregates: u64, connections: u64) -> Result<f64> {
    let (start, cpu) = (Instant::now(), region.cpu_seconds()?);
    let share = commands / connections;
    let workers = (0..connections).map(|worker| {
        let address = region.address.clone();
        tokio::spawn(async move { send(&address, from + worker * share, share, aggregates).await })
    });
    let workers: Vec<_> = workers.collect();
    let mut token = String::new();
    for worker in workers {
        token = worker.await??;
    }
    let answered = start.elapsed();
    let behind = Instant::now();
    let mut connection = Connection::open(&region.address).await?;
    let request = format!(
        "GET /v1/views/carts_by_size?limit=1 HTTP/1.1\r\nhost: {}\r\nsterna-token: {token}\r\nprefer: wait=20\r\n\r\n",
        region.address
    );
    let answer = connection.ask_raw(request.as_bytes()).await?;
    if answer.status != 200 {
        bail!("the view answered {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
    }
    let (behind, rate) = (behind.elapsed(), share as f64 * connections as f64 / answered.as_secs_f64());
    let cpu = (region.cpu_seconds()? - cpu) * 1e6 / (share * connections) as f64;
    let verdict = if behind <= BEHIND_MAX { "within" } else { "NOT within" };
    println!(
        "bulk: {rate:.0} commands/s, {aggregates} aggregates, {cpu:.1} µs CPU of the region a command (views included); views {behind:.2?} behind at the end, {verdict} {BEHIND_MAX:?}"
    );
    Ok(rate)
}

/// Returns the last token.
async fn send(address: &str, first: u64, count: u64, aggregates: u64) -> Result<String> {
    let mut connection = Connection::open(address).await?;
    let mut token = String::new();
    let mut at = 0;
    while at < count {
        let body = lines(first + at, REQUEST_COMMANDS.min(count - at), aggregates);
        at += REQUEST_COMMANDS;
        let answer = connection.post("/v1/commands", "content-type: application/x-ndjson\r\n", body.as_bytes()).await?;
        let last = answer.body.trim_ascii_end().rsplit(|b| *b == b'\n').next().unwrap_or_default();
        let last: serde_json::Value = serde_json::from_slice(last).with_context(|| String::from_utf8_lossy(last).into_owned())?;
        if last["done"] != true || last["refused"] != 0 {
            bail!("{} {last}", answer.status);
        }
        token = last["token"].as_str().unwrap_or_default().to_owned();
    }
    Ok(token)
}

fn lines(first: u64, count: u64, aggregates: u64) -> String {
    let mut body = String::with_capacity(count as usize * 128);
    for n in first..first + count {
        // Neighbours go to different aggregates, as they do in life; 7919 is a prime, so all of them have their turn.
        let cart = n.wrapping_mul(7919) % aggregates;
        writeln!(body, r#"{{"type":"cart","id":"c-{cart}","command":"add_item","args":{{"sku":"s{}","quantity":1}},"key":"k{n}"}}"#, n % 5)
            .expect("a String grows");
    }
    body
}
