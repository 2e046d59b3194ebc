//! `regions declare-lost`.

use super::args::{Regions, RegionsCommand};
use super::target::Target;
use crate::out::{Form, Outcome, answer, note, say};
use anyhow::Result;
use serde_json::Value;
use sterna_env::Env;

pub async fn regions(env: &Env, args: Regions, form: Form) -> Result<Outcome> {
    let RegionsCommand::DeclareLost { lost, heir, confirm, at } = args.command;
    let target = Target::find(&at)?;
    let parameters = [("confirm", confirm), ("heir", heir)];
    let given: Vec<String> = parameters.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?))).collect();
    let path = format!("/admin/regions/{lost}/lost?{}", given.join("&"));
    let declared = target.client(env)?.post(&path).await.map_err(|error| target.told(error))?;
    let declared: Value = serde_json::from_slice(declared.body())?;
    match form {
        Form::Json => answer(&declared),
        Form::Text => {
            let heir = declared["heir"].as_str().unwrap_or_default();
            say(format!("{lost} is lost for good; {heir} takes over its homes and its rights"));
            for region in declared["unconfirmed"].as_array().into_iter().flatten() {
                note(format!("{} has not confirmed yet; it hears of it from the others", region.as_str().unwrap_or_default()));
            }
        }
    }
    Ok(Outcome::Done)
}
