//! `homes`: where commands are accepted, and moves.

use super::args::{Homes, HomesCommand, Where};
use super::target::Target;
use crate::out::{Outcome, say};
use anyhow::Result;
use serde::Deserialize;
use sterna_env::Env;

#[derive(Deserialize)]
struct RegionStatus {
    homes: Vec<Home>,
}

#[derive(Deserialize)]
struct Home {
    #[serde(rename = "type")]
    kind: String,
    region: String,
    shards: Vec<u16>,
}

pub async fn homes(env: &Env, args: Homes) -> Result<Outcome> {
    match args.command {
        None => show(env, &args.at).await,
        Some(HomesCommand::Move { kind, to, shard, at }) => {
            let target = Target::find(&at)?;
            let shard = shard.map(|shard| format!("&shard={shard}")).unwrap_or_default();
            let path = format!("/admin/homes/{kind}/move?to={to}{shard}");
            let answer = target.client(env)?.post(&path).await.map_err(|error| target.told(error))?;
            say(String::from_utf8_lossy(answer.body()));
            Ok(Outcome::Done)
        }
    }
}

async fn show(env: &Env, at: &Where) -> Result<Outcome> {
    let target = Target::find(at)?;
    let status = target.client(env)?.status().await.map_err(|error| target.told(error))?;
    let RegionStatus { homes } = serde_json::from_value(status)?;
    if homes.is_empty() {
        say("no type of the model has a home: every region accepts every command");
    }
    for Home { kind, region, shards } in homes {
        let shards: Vec<String> = shards.iter().map(u16::to_string).collect();
        say(format!("{kind:<16} {region:<14} shards {}", shards.join(",")));
    }
    Ok(Outcome::Done)
}
