//! `homes`: where commands are accepted, and moves.

use super::args::{Homes, HomesCommand, Where};
use super::target::Target;
use crate::out::{Form, Outcome, answer, say};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sterna_env::Env;

#[derive(Deserialize)]
struct RegionStatus {
    homes: Vec<Home>,
}

#[derive(Serialize, Deserialize)]
struct Home {
    #[serde(rename = "type")]
    kind: String,
    region: String,
    shards: Vec<u16>,
}

pub async fn homes(env: &Env, args: Homes, form: Form) -> Result<Outcome> {
    match args.command {
        None => show(env, &args.at, form).await,
        Some(HomesCommand::Move { kind, to, shard, at }) => {
            let target = Target::find(&at)?;
            let shard = shard.map(|shard| format!("&shard={shard}")).unwrap_or_default();
            let path = format!("/admin/homes/{kind}/move?to={to}{shard}");
            let moved = target.client(env)?.post(&path).await.map_err(|error| target.told(error))?;
            tell(&serde_json::from_slice(moved.body())?, form);
            Ok(Outcome::Done)
        }
    }
}

async fn show(env: &Env, at: &Where, form: Form) -> Result<Outcome> {
    let target = Target::find(at)?;
    let status = target.client(env)?.status().await.map_err(|error| target.told(error))?;
    let RegionStatus { homes } = serde_json::from_value(status)?;
    if form == Form::Json {
        answer(&json!({ "homes": homes }));
        return Ok(Outcome::Done);
    }
    if homes.is_empty() {
        say("no type of the model has a home: every region accepts every command");
    }
    for Home { kind, region, shards } in homes {
        let shards: Vec<String> = shards.iter().map(u16::to_string).collect();
        say(format!("{kind:<16} {region:<14} shards {}", shards.join(",")));
    }
    Ok(Outcome::Done)
}

/// One line a shard.
fn tell(moved: &Value, form: Form) {
    if form == Form::Json {
        return answer(moved);
    }
    let kind = moved["type"].as_str().unwrap_or_default();
    for home in moved["homes"].as_array().into_iter().flatten() {
        let verb = if home["moved"] == true { "moved to" } else { "was already in" };
        say(format!("{kind}, shard {}: {verb} {} (term {})", home["shard"], home["home"].as_str().unwrap_or_default(), home["term"]));
    }
}
