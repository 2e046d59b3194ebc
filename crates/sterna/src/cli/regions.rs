//! `regions declare-lost`.

use super::args::{Regions, RegionsCommand};
use super::target::Target;
use crate::out::{Outcome, say};
use anyhow::Result;
use sterna_env::Env;

pub async fn regions(env: &Env, args: Regions) -> Result<Outcome> {
    let RegionsCommand::DeclareLost { lost, heir, confirm, at } = args.command;
    let target = Target::find(&at)?;
    let parameters = [("confirm", confirm), ("heir", heir)];
    let given: Vec<String> = parameters.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?))).collect();
    let path = format!("/admin/regions/{lost}/lost?{}", given.join("&"));
    let answer = target.client(env)?.post(&path).await.map_err(|error| target.told(error))?;
    say(String::from_utf8_lossy(answer.body()));
    Ok(Outcome::Done)
}
