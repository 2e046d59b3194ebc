//! Two regions that say something else of the same flight while they can't hear each other.

use super::settled;
use crate::dev::Cluster;
use crate::home::{DevRegion, DevRegions};
use crate::links::{self, Change};
use crate::out::say;
use anyhow::{Context, Result};
use serde_json::json;
use sterna_client::{Client, Options};
use sterna_env::Env;

/// In the year, and in the month.
pub const FLIGHT: &str = "20130101-UA-1545-EWR";

/// Cuts the last region off, sets a register in it and in the first one, heals, and prints the ledger's row.
pub async fn show(env: &Env, cluster: &Cluster, known: &DevRegions) -> Result<()> {
    let [east, central, west] = &known.regions[..] else { return Ok(()) };
    for other in [east, central] {
        links::set(env, known, &other.region, &west.region, Change::Cut).await?;
    }
    say(format!("\nOne conflict: {} is cut off, and two regions remark on {FLIGHT}:", west.region));
    let said = [(east, "left on time"), (west, "landed late")];
    for (region, text) in said {
        let accepted = client(env, region)?.command("flight", FLIGHT, "remark", json!({ "text": text })).send().await?;
        say(format!("  {:<12} \"{text}\" accepted as event {}", region.region, accepted.event));
    }
    for other in [east, central] {
        links::set(env, known, &other.region, &west.region, Change::Heal).await?;
    }
    settled(env, &cluster.regions).await;
    for region in &known.regions {
        let document = client(env, region)?.get("flight", FLIGHT).await?.context("the flight is gone")?;
        say(format!("  {:<12} has {}", region.region, document.body["state"]["remark"]));
    }
    let page = client(env, central)?.conflicts(&[("type", "flight"), ("id", FLIGHT)]).await?;
    say(format!("The ledger of every region: {}/v1/conflicts?type=flight&id={FLIGHT}", central.url));
    page.data.iter().for_each(|row| say(format!("  {row}")));
    Ok(())
}

fn client(env: &Env, region: &DevRegion) -> Result<Client> {
    Ok(Client::new(env.clone(), Options::new([region.url.as_str()]))?)
}
