//! Commands as single HTTP requests.

use crate::http::Connection;
use crate::server::Region;
use anyhow::{Result, bail};
use hdrhistogram::Histogram;
use std::time::{Duration, Instant};

pub async fn run(region: &Region, connections: u64, time: Duration, aggregates: u64) -> Result<()> {
    let (start, cpu) = (Instant::now(), region.cpu_seconds()?);
    let workers = (0..connections).map(|worker| {
        let address = region.address.clone();
        tokio::spawn(async move { commands(&address, worker, connections, start + time, aggregates).await })
    });
    let mut all = Histogram::<u64>::new(3)?;
    for worker in workers.collect::<Vec<_>>() {
        all.add(worker.await??)?;
    }
    print("single", &all, start.elapsed(), connections, region.cpu_seconds()? - cpu);
    Ok(())
}

async fn commands(address: &str, worker: u64, stride: u64, end: Instant, aggregates: u64) -> Result<Histogram<u64>> {
    let mut connection = Connection::open(address).await?;
    let mut times = Histogram::<u64>::new(3)?;
    let mut n = worker;
    while Instant::now() < end {
        let path = format!("/v1/cart/c-{}/add_item", n.wrapping_mul(7919) % aggregates);
        let headers = format!("content-type: application/json\r\nidempotency-key: k{n}\r\n");
        let start = Instant::now();
        let answer = connection.post(&path, &headers, br#"{"sku":"tea","quantity":1}"#).await?;
        times.record(start.elapsed().as_micros() as u64)?;
        if answer.status != 200 {
            bail!("{} {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        n += stride;
    }
    Ok(times)
}

pub fn print(what: &str, times: &Histogram<u64>, elapsed: Duration, connections: u64, cpu_seconds: f64) {
    let rate = times.len() as f64 / elapsed.as_secs_f64();
    let at = |q: f64| times.value_at_quantile(q) as f64 / 1000.0;
    let cpu = cpu_seconds * 1e6 / times.len() as f64;
    println!(
        "{what}: {rate:.0}/s over {connections} connections; p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms; {cpu:.1} µs CPU of the region each",
        at(0.5),
        at(0.99),
        at(0.999)
    );
}
