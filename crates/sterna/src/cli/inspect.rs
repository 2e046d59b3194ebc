//! `status`, `conflicts`, `views rebuild`.

use super::args::{Conflicts, Status, Views, ViewsCommand};
use super::settle;
use super::target::{Target, dev_regions};
use crate::out::{Form, Outcome, answer, bad, good, note, open, say};
use anyhow::Result;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use sterna_env::Env;

#[derive(Deserialize)]
struct RegionStatus {
    region: String,
    closed: Option<String>,
    /// Older regions don't say.
    store: Option<StoreStatus>,
    stream: Option<StreamStatus>,
    #[serde(default)]
    parked: Vec<ParkedStatus>,
    #[serde(default)]
    parked_count: usize,
    regions: Vec<OriginStatus>,
    views: Vec<ViewStatus>,
}

#[derive(Deserialize)]
struct StoreStatus {
    engine: String,
    clusters: Vec<ClusterStatus>,
}

#[derive(Deserialize)]
struct ClusterStatus {
    cluster: String,
    shards: String,
    available: bool,
    healthy: bool,
    fault_tolerance: Option<u64>,
    free_bytes: Option<u64>,
    redundancy: Option<String>,
    version: Option<String>,
    troubles: Vec<String>,
}

#[derive(Deserialize)]
struct StreamStatus {
    engine: String,
    endpoint: Option<String>,
    publish_error: Option<String>,
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
struct ParkedStatus {
    #[serde(rename = "type")]
    kind: String,
    id: String,
    reason: String,
}

#[derive(Deserialize)]
struct ViewStatus {
    name: String,
    building: Option<Value>,
    staleness_seconds: f64,
    rows_failed: u64,
}

/// Of the region that was named, or of all regions of `dev`.
pub async fn status(env: &Env, args: Status, form: Form) -> Result<Outcome> {
    let targets = if args.at.region.is_some() || args.at.url.is_some() {
        vec![Target::find(&args.at)?]
    } else {
        let known = dev_regions();
        known.regions.into_iter().map(|region| Target { url: region.url, cluster: known.run.clone() }).collect()
    };
    if let Some(seconds) = args.wait {
        settle::wait(env, &targets, Duration::from_secs(seconds)).await?;
    }
    let mut outcome = Outcome::Done;
    for target in targets {
        match (target.client(env)?.status().await, form) {
            (Ok(status), Form::Json) => answer(&status),
            (Ok(status), Form::Text) => show(&target.url, serde_json::from_value(status)?),
            (Err(error), form) => {
                let error = target.told(error);
                match form {
                    Form::Json => answer(&json!({ "url": target.url, "error": format!("{error:#}") })),
                    Form::Text => say(format!("{}  {} {error:#}", target.url, bad("error:"))),
                }
                outcome = Outcome::Later;
            }
        }
    }
    Ok(outcome)
}

fn show(url: &str, status: RegionStatus) {
    let closed =
        status.closed.map_or_else(|| good("takes commands").to_string(), |reason| format!("{}: {reason}", bad("takes no commands")));
    say(format!("{}  {url}  {closed}", status.region));
    for cluster in status.store.iter().flat_map(|store| &store.clusters) {
        show_cluster(status.store.as_ref().map_or("", |store| &store.engine), cluster);
    }
    // An engine of the process itself has nothing to say but its troubles.
    let stream = status.stream.filter(|stream| stream.endpoint.is_some() || stream.publish_error.is_some());
    if let Some(StreamStatus { engine, endpoint, publish_error }) = stream {
        let at = endpoint.map(|endpoint| format!(" at {endpoint}")).unwrap_or_default();
        let trouble = publish_error.map_or_else(|| "publishing".to_owned(), |error| format!("not publishing: {error}"));
        say(format!("  stream {engine}{at}, {trouble}"));
    }
    for origin in status.regions.iter().filter(|origin| !origin.this) {
        let link = if origin.connected { good("connected").to_string() } else { bad("not connected").to_string() };
        let behind = if origin.behind { format!(", {}", open("behind")) } else { String::new() };
        let why = origin.refused.as_ref().or(origin.last_error.as_ref().filter(|_| !origin.connected));
        let why = why.map(|reason| format!(": {reason}")).unwrap_or_default();
        say(format!("  from {:<14} {link}{behind}, {:.1} s old{why}", origin.region, origin.lag_seconds));
    }
    if status.parked_count > 0 {
        say(format!("  {} aggregates are parked and take no commands:", status.parked_count));
        status.parked.iter().for_each(|parked| say(format!("    {}/{}: {}", parked.kind, parked.id, parked.reason)));
    }
    for view in &status.views {
        let building = if view.building.is_some() { ", a new generation is being built" } else { "" };
        let failed =
            if view.rows_failed > 0 { format!(", {} rows missing: their expressions failed", view.rows_failed) } else { String::new() };
        say(format!("  view {:<14} {:.1} s old{building}{failed}", view.name, view.staleness_seconds));
    }
}

fn show_cluster(engine: &str, cluster: &ClusterStatus) {
    let ClusterStatus { cluster: file, shards, available, healthy, fault_tolerance, free_bytes, redundancy, version, troubles } = cluster;
    let state = match (available, healthy) {
        (false, _) => "not available",
        (true, false) => "available, and not healthy",
        (true, true) => "healthy",
    };
    let version = version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    let redundancy = redundancy.as_ref().map(|mode| format!(", {mode}")).unwrap_or_default();
    let tolerance = match fault_tolerance {
        Some(0) => ", no machine may fail".to_owned(),
        Some(1) => ", 1 machine may fail".to_owned(),
        Some(machines) => format!(", {machines} machines may fail"),
        None => String::new(),
    };
    let free = free_bytes.map(|bytes| format!(", {:.1} GB free", bytes as f64 / 1e9)).unwrap_or_default();
    say(format!("  store {engine}{version}, shards {shards} in {file}: {state}{redundancy}{tolerance}{free}"));
    troubles.iter().for_each(|trouble| say(format!("    {trouble}")));
}

#[derive(Deserialize)]
struct Conflict {
    r#type: String,
    id: String,
    field: Option<String>,
    element: Option<Value>,
    rule: String,
    loser: EventRef,
    winner: Option<EventRef>,
    values: Values,
    r#final: bool,
}

#[derive(Deserialize)]
struct EventRef {
    event: String,
    region: String,
}

#[derive(Deserialize)]
struct Values {
    lost: Option<Value>,
    won: Option<Value>,
}

/// A row a line.
pub async fn conflicts(env: &Env, args: Conflicts, form: Form) -> Result<Outcome> {
    let target = Target::find(&args.at)?;
    let limit = args.limit.to_string();
    let is_final = args.is_final.map(|is_final| is_final.to_string());
    let filters = [
        ("type", args.kind.as_deref()),
        ("id", args.id.as_deref()),
        ("field", args.field.as_deref()),
        ("rule", args.rule.as_deref()),
        ("final", is_final.as_deref()),
        ("limit", Some(limit.as_str())),
        ("after", args.after.as_deref()),
    ];
    let params: Vec<(&str, &str)> = filters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let page = target.client(env)?.conflicts(&params).await.map_err(|error| target.told(error))?;
    match form {
        Form::Json => answer(&json!({ "data": page.data, "next": page.next })),
        Form::Text => {
            if page.data.is_empty() {
                say("no conflicts");
            }
            for row in page.data {
                say(told(serde_json::from_value(row)?));
            }
            page.next.iter().for_each(|next| note(format!("There is more: --after {next}")));
        }
    }
    Ok(Outcome::Done)
}

fn told(row: Conflict) -> String {
    let Conflict { r#type, id, field, element, rule, loser, winner, values, r#final } = row;
    let said = |value: Option<Value>| value.map(|value| format!("{value} ")).unwrap_or_default();
    let place: Vec<String> = field.into_iter().chain(element.map(|element| element.to_string())).collect();
    let place = if place.is_empty() { String::new() } else { format!(" {}", place.join(" ")) };
    let lost = format!("{}of {} ({})", said(values.lost), loser.region, loser.event);
    let became = match winner {
        Some(winner) => {
            let verb = if rule == "keep" { "stays beside" } else { "gave way to" };
            format!("{verb} {}of {} ({})", said(values.won), winner.region, winner.event)
        }
        None => "was dropped".to_owned(),
    };
    let state = if r#final { good("final").to_string() } else { open("open").to_string() };
    format!("{type}/{id}{place}, {rule}: {lost} {became}; {state}", type = r#type)
}

pub async fn views(env: &Env, args: Views, form: Form) -> Result<Outcome> {
    let ViewsCommand::Rebuild { name, at } = args.command;
    let target = Target::find(&at)?;
    let generation = target.client(env)?.rebuild(&name).await.map_err(|error| target.told(error))?;
    match form {
        Form::Json => answer(&json!({ "view": name, "generation": generation })),
        Form::Text => say(format!("{name}: generation {generation} is being built; `sterna status` shows when it has taken over")),
    }
    Ok(Outcome::Done)
}
