//! `status --wait`: until every region has everything.

use super::target::Target;
use anyhow::{Result, bail};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;
use sterna_client::Client;
use sterna_env::Env;

const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A reaction is under way soon after its cause; what does not change for so many looks has none to come.
const QUIET_LOOKS: u32 = 4;

#[derive(Deserialize)]
struct RegionStatus {
    region: String,
    reactions_pending: u64,
    regions: Vec<Origin>,
    views: Vec<View>,
}

#[derive(Deserialize)]
struct Origin {
    region: String,
    this: bool,
    connected: bool,
    logs: Vec<Log>,
}

#[derive(Deserialize)]
struct Log {
    shard: u16,
    copied: String,
    applied: String,
    projected: String,
}

#[derive(Deserialize)]
struct View {
    name: String,
    generation: Option<u32>,
    building: Option<Value>,
}

/// Where a log ends, in the region that writes it.
type Heads = Vec<(String, u16, String)>;

/// Returns once nothing changes any more, every region has merged and projected what the others wrote, reactions are delivered and
/// no view is being built. Nobody may send commands meanwhile.
pub async fn wait(env: &Env, targets: &[Target], within: Duration) -> Result<()> {
    let clients = targets.iter().map(|target| target.client(env)).collect::<Result<Vec<_>>>()?;
    let until = env.now() + within;
    let (mut quiet, mut before) = (0, Heads::new());
    loop {
        let statuses = statuses(targets, &clients).await?;
        let heads = heads(&statuses);
        let missing = statuses.iter().find_map(|status| missing(status, &heads));
        quiet = if missing.is_none() && heads == before { quiet + 1 } else { 0 };
        if quiet >= QUIET_LOOKS {
            return Ok(());
        }
        if env.now() >= until {
            let missing = missing.unwrap_or_else(|| "commands still come".to_owned());
            bail!("not everything is everywhere after {} s: {missing}", within.as_secs());
        }
        before = heads;
        env.sleep(LOOK_EVERY).await;
    }
}

async fn statuses(targets: &[Target], clients: &[Client]) -> Result<Vec<RegionStatus>> {
    let mut statuses = Vec::with_capacity(clients.len());
    for (target, client) in targets.iter().zip(clients) {
        let status = client.status().await.map_err(|error| target.told(error))?;
        statuses.push(serde_json::from_value(status)?);
    }
    Ok(statuses)
}

fn heads(statuses: &[RegionStatus]) -> Heads {
    let own = statuses.iter().flat_map(|status| status.regions.iter().filter(|origin| origin.this));
    own.flat_map(|origin| origin.logs.iter().map(|log| (origin.region.clone(), log.shard, log.applied.clone()))).collect()
}

/// What this region does not have yet; the first of it.
fn missing(status: &RegionStatus, heads: &Heads) -> Option<String> {
    let RegionStatus { region, reactions_pending, regions, views } = status;
    if let Some(away) = regions.iter().find(|origin| !origin.connected) {
        return Some(format!("{region} has no connection to {}", away.region));
    }
    if *reactions_pending > 0 {
        return Some(format!("{reactions_pending} reactions of {region} are on their way"));
    }
    if let Some(view) = views.iter().find(|view| view.building.is_some() || view.generation.is_none()) {
        return Some(format!("{region} builds its view {}", view.name));
    }
    let late = regions.iter().flat_map(|origin| origin.logs.iter().map(move |log| (origin, log))).find(|(origin, log)| {
        let head = heads.iter().find(|(name, shard, _)| *name == origin.region && *shard == log.shard);
        log.copied != log.applied || log.applied != log.projected || head.is_some_and(|(_, _, head)| *head != log.applied)
    });
    late.map(|(origin, log)| format!("{region} has not all of shard {} of {}", log.shard, origin.region))
}
