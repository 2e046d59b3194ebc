//! Links between the regions of a [`Cluster`](crate::dev::Cluster), cut and healed over HTTP on both sides.

use crate::home::DevRegions;
use anyhow::{Context, Result};
use sterna_client::{Client, Options};
use sterna_env::Env;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    Cut,
    Heal,
}

pub async fn set(env: &Env, known: &DevRegions, a: &str, b: &str, change: Change) -> Result<()> {
    let verb = match change {
        Change::Cut => "cut",
        Change::Heal => "heal",
    };
    for (at, peer) in [(a, b), (b, a)] {
        let url = known.url(at)?;
        let client = Client::new(env.clone(), Options { attempts_max: 3, ..Options::new([url]) })?;
        let asked = client.post(&format!("/admin/links/{peer}/{verb}")).await;
        asked
            .with_context(|| format!("region {at} at {url} does not {verb}; links can be cut where `sterna dev` or `sterna demo` runs"))?;
    }
    Ok(())
}
