//! Documents by single HTTP requests.

use crate::http::Connection;
use crate::server::Region;
use crate::single::print;
use anyhow::{Result, bail};
use hdrhistogram::Histogram;
use std::time::{Duration, Instant};

pub async fn run(region: &Region, connections: u64, time: Duration, aggregates: u64) -> Result<()> {
    let (start, cpu) = (Instant::now(), region.cpu_seconds()?);
    let workers = (0..connections).map(|worker| {
        let address = region.address.clone();
        tokio::spawn(async move { documents(&address, worker, connections, start + time, aggregates).await })
    });
    let mut all = Histogram::<u64>::new(3)?;
    for worker in workers.collect::<Vec<_>>() {
        all.add(worker.await??)?;
    }
    print("reads", &all, start.elapsed(), connections, region.cpu_seconds()? - cpu);
    Ok(())
}

async fn documents(address: &str, worker: u64, stride: u64, end: Instant, aggregates: u64) -> Result<Histogram<u64>> {
    let mut connection = Connection::open(address).await?;
    let mut times = Histogram::<u64>::new(3)?;
    let mut n = worker;
    while Instant::now() < end {
        let start = Instant::now();
        let answer = connection.get(&format!("/v1/cart/c-{}", n.wrapping_mul(7919) % aggregates)).await?;
        times.record(start.elapsed().as_micros() as u64)?;
        if answer.status != 200 {
            bail!("{} {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        n += stride;
    }
    Ok(times)
}
