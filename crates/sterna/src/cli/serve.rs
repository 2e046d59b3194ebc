//! `serve`: one region, until it is asked to stop.

use super::args::{Role, Serve};
use crate::config::Config;
use crate::out::{Form, Outcome, answer, say};
use crate::region::{Extras, RunningRegion, load_model, members};
use crate::signals::asked_to_stop;
use anyhow::Result;
use serde_json::json;
use sterna_env::Env;
use tokio::task::block_in_place;

pub async fn serve(env: &Env, args: Serve, form: Form) -> Result<Outcome> {
    let variables: Vec<(String, String)> =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect();
    let config = Config::load(&args.config, &variables)?;
    let logs = sterna_telemetry::init(sterna_telemetry::Options {
        format: config.telemetry.format,
        filter: config.telemetry.log.clone(),
        service: "sterna".to_owned(),
        region: config.region.clone(),
        otlp_endpoint: config.telemetry.otlp.clone(),
    })?;
    let stop = asked_to_stop()?;
    let model = load_model(&config.model, &members(&config))?;
    let extras = Extras { write_only: args.role == Role::Write, ..Extras::default() };
    let region = RunningRegion::start(&config, model, env.clone(), extras).await?;
    match form {
        Form::Json => answer(&json!({ "region": &*region.name, "url": region.url() })),
        Form::Text => say(format!("region {} listens on {}", region.name, region.url())),
    }
    stop.await;
    tracing::info!(region = %region.name, "stopping");
    region.stop().await;
    block_in_place(|| drop(logs));
    Ok(Outcome::Done)
}
