//! `status`, `conflicts`, `views rebuild`.

use super::args::{Conflicts, Status, Views, ViewsCommand};
use super::target::{Target, dev_regions};
use crate::out::{Outcome, say};
use anyhow::Result;
use serde::Deserialize;
use serde_json::Value;
use sterna_env::Env;

#[derive(Deserialize)]
struct RegionStatus {
    region: String,
    closed: Option<String>,
    regions: Vec<OriginStatus>,
    views: Vec<ViewStatus>,
}

#[derive(Deserialize)]
struct OriginStatus {
    region: String,
    this: bool,
    connected: bool,
    behind: bool,
    lag_seconds: f64,
    refused: Option<String>,
    last_error: Option<String>,
}

#[derive(Deserialize)]
struct ViewStatus {
    name: String,
    building: Option<Value>,
    staleness_seconds: f64,
    rows_failed: u64,
}

/// Of the region that was named, or of all regions of `dev`.
pub async fn status(env: &Env, args: Status, json: bool) -> Result<Outcome> {
    let targets = if args.at.region.is_some() || args.at.url.is_some() {
        vec![Target::find(&args.at)?]
    } else {
        let known = dev_regions();
        known.regions.into_iter().map(|region| Target { url: region.url, cluster: known.run.clone() }).collect()
    };
    let mut outcome = Outcome::Done;
    for target in targets {
        match target.client(env)?.status().await {
            Ok(status) if json => say(status),
            Ok(status) => show(&target.url, serde_json::from_value(status)?),
            Err(error) => {
                say(format!("{}  {:#}", target.url, target.told(error)));
                outcome = Outcome::No;
            }
        }
    }
    Ok(outcome)
}

fn show(url: &str, status: RegionStatus) {
    let closed = status.closed.map_or_else(|| "takes commands".to_owned(), |reason| format!("takes no commands: {reason}"));
    say(format!("{}  {url}  {closed}", status.region));
    for origin in status.regions.iter().filter(|origin| !origin.this) {
        let link = if origin.connected { "connected" } else { "not connected" };
        let behind = if origin.behind { ", behind" } else { "" };
        let why = origin.refused.as_ref().or(origin.last_error.as_ref().filter(|_| !origin.connected));
        let why = why.map(|reason| format!(": {reason}")).unwrap_or_default();
        say(format!("  from {:<14} {link}{behind}, {:.1} s old{why}", origin.region, origin.lag_seconds));
    }
    for view in &status.views {
        let building = if view.building.is_some() { ", a new generation is being built" } else { "" };
        let failed =
            if view.rows_failed > 0 { format!(", {} rows missing: their expressions failed", view.rows_failed) } else { String::new() };
        say(format!("  view {:<14} {:.1} s old{building}{failed}", view.name, view.staleness_seconds));
    }
}

/// A row a line, as JSON.
pub async fn conflicts(env: &Env, args: Conflicts) -> Result<Outcome> {
    let target = Target::find(&args.at)?;
    let limit = args.limit.to_string();
    let filters = [("type", args.kind.as_deref()), ("id", args.id.as_deref()), ("limit", Some(limit.as_str()))];
    let params: Vec<(&str, &str)> = filters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let page = target.client(env)?.conflicts(&params).await.map_err(|error| target.told(error))?;
    page.data.iter().for_each(say);
    Ok(Outcome::Done)
}

pub async fn views(env: &Env, args: Views) -> Result<Outcome> {
    let ViewsCommand::Rebuild { name, at } = args.command;
    let target = Target::find(&at)?;
    let answer = target.client(env)?.post(&format!("/admin/views/{name}/rebuild")).await.map_err(|error| target.told(error))?;
    say(String::from_utf8_lossy(answer.body()));
    Ok(Outcome::Done)
}
