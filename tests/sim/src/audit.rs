//! When everything is healed: it must settle, take commands everywhere, and then is read whole.

use crate::client::World;
use crate::http::{self, Reply, Request};
use crate::workload;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use sterna_checkers::{Answer, Attempt, Copy, Row, Step, Tally, Told, Violation};

/// What every region shows in the end.
#[derive(Default)]
pub struct Audit {
    pub copies: Vec<Copy>,
    pub found: Vec<Violation>,
}

const WAIT: Duration = Duration::from_secs(10);
/// How long all regions may take until each takes a command again.
const COMMANDS_WITHIN: Duration = Duration::from_secs(60);
/// How long they may take until everybody has and shows everything, and nothing waits any more.
const SETTLED_WITHIN: Duration = Duration::from_secs(180);
const QUIET_POLLS: usize = 6;
const POLL: Duration = Duration::from_millis(500);
const PAGE: usize = 1000;

pub async fn audit(world: World) -> Audit {
    let mut audit = Audit::default();
    let hosts: Vec<&str> = world.hosts.iter().flatten().copied().collect();
    for (at, host) in hosts.iter().enumerate() {
        if let Err(why) = takes_a_command(&world, at, host).await {
            audit.found.push(Violation::new("liveness", format!("{host} takes no command after everything is healed: {why}")));
        }
    }
    if let Err(why) = settles(&world).await {
        audit.found.push(Violation::new("liveness", format!("it doesn't settle after everything is healed: {why}")));
    }
    for region in hosts {
        match copy(&world, region).await {
            Ok(copy) => audit.copies.push(copy),
            Err(why) => audit.found.push(Violation::new("liveness", format!("{region} can't be read in the end: {why}"))),
        }
    }
    audit
}

async fn takes_a_command(world: &World, at: usize, region: &'static str) -> Result<(), String> {
    let mark = format!("probe-{region}");
    let aggregate = "thing/0";
    let body = json!({"mark": mark, "amount": 1}).to_string();
    let until = world.env.now() + COMMANDS_WITHIN;
    loop {
        let headers = [("idempotency-key", &*mark)];
        let path = format!("/v1/{aggregate}/count");
        let request = Request { host: region, method: "POST", path: &path, headers: &headers, body: body.clone() };
        let why = match http::send(&world.env, request, WAIT).await {
            Ok(reply) if reply.status == 200 => {
                let event = reply.json()["event"].as_str().unwrap_or("?").to_owned();
                world.history.add(Step::Attempt(Attempt {
                    client: usize::MAX - at,
                    region: region.to_owned(),
                    at_ms: world.now_ms(),
                    aggregate: aggregate.to_owned(),
                    command: "count".to_owned(),
                    key: mark.clone(),
                    mark: mark.clone(),
                    with_token: false,
                    answer: Answer::Accepted { event, replayed: reply.replayed },
                }));
                world.trace.say(world.now_ms(), "audit", format_args!("{region} takes commands"));
                return Ok(());
            }
            Ok(reply) => format!("{} {}", reply.status, String::from_utf8_lossy(&reply.body)),
            Err(why) => why,
        };
        if world.env.now() > until {
            return Err(why);
        }
        world.env.sleep(POLL).await;
    }
}

/// Several times in a row, so that nothing that is just under way is missed: a region looks now and then for what it lost.
async fn settles(world: &World) -> Result<(), String> {
    let until = world.env.now() + SETTLED_WITHIN;
    let (mut before, mut quiet) = (None, 0);
    loop {
        let standing = standing(world).await;
        match standing {
            Ok(standing) if before.as_ref() == Some(&standing) && quiet < QUIET_POLLS => quiet += 1,
            Ok(standing) if before.as_ref() == Some(&standing) => {
                world.trace.say(world.now_ms(), "audit", format_args!("settled"));
                return Ok(());
            }
            Ok(standing) => (before, quiet) = (Some(standing), 0),
            Err(why) if world.env.now() > until => return Err(why),
            Err(_) => (before, quiet) = (None, 0),
        }
        world.env.sleep(POLL * 4).await;
    }
}

/// Where all logs stand, if nothing waits.
async fn standing(world: &World) -> Result<BTreeMap<String, String>, String> {
    let mut ends = BTreeMap::new();
    let mut applied = Vec::new();
    for hosts in &world.hosts {
        // Logs that one of the region's processes follows.
        let mut followed = BTreeSet::new();
        let mut named = BTreeSet::new();
        for host in hosts {
            let status = get(world, host, "/v1/status").await?.json();
            idle(&status).map_err(|why| format!("{host}: {why}"))?;
            for log in logs(&status) {
                named.insert(log.name.clone());
                if log.followed {
                    followed.insert(log.name.clone());
                }
                if log.own {
                    let before = ends.insert(log.name.clone(), log.applied.clone());
                    if before.is_some_and(|before| before != log.applied) {
                        return Err(format!("{host} is not where its region's other processes are in log {}", log.name));
                    }
                } else {
                    applied.push((*host, log.name, log.applied));
                }
            }
            let rows = all(world, host, "/v1/conflicts").await?;
            if let Some(row) = rows.iter().find(|row| row["final"] != true) {
                return Err(format!("{host}: a ledger row is not final: {row}"));
            }
            ends.insert(format!("rows of {host}"), rows.len().to_string());
        }
        if let Some(log) = named.difference(&followed).next() {
            return Err(format!("no process of {hosts:?} follows log {log}"));
        }
    }
    for (host, log, at) in applied {
        if ends.get(&log) != Some(&at) {
            return Err(format!("{host} has log {log} up to {at}, and it ends at {:?}", ends.get(&log)));
        }
    }
    Ok(ends)
}

struct Log {
    name: String,
    applied: String,
    followed: bool,
    /// The region's own.
    own: bool,
}

fn logs(status: &Value) -> Vec<Log> {
    let mut all = Vec::new();
    for origin in status["regions"].as_array().into_iter().flatten() {
        for log in origin["logs"].as_array().into_iter().flatten() {
            all.push(Log {
                name: format!("{}/{}", origin["region"].as_str().unwrap_or("?"), log["shard"]),
                applied: log["applied"].as_str().unwrap_or("?").to_owned(),
                followed: log["followed"] == true,
                own: origin["this"] == true,
            });
        }
    }
    all
}

/// Nothing waits in this process.
fn idle(status: &Value) -> Result<(), String> {
    if !status["closed"].is_null() {
        return Err(format!("closed: {}", status["closed"]));
    }
    if status["reactions_pending"] != 0 {
        return Err(format!("{} reactions are pending", status["reactions_pending"]));
    }
    if let Some(view) = status["views"].as_array().into_iter().flatten().find(|v| v["generation"].is_null() || !v["building"].is_null()) {
        return Err(format!("view {} is being built", view["name"]));
    }
    for origin in status["regions"].as_array().into_iter().flatten() {
        let name = origin["region"].as_str().unwrap_or("?");
        if origin["behind"] != false || !origin["refused"].is_null() {
            return Err(format!(
                "{name}: behind: {}, refused: {}, error: {}; all: {}",
                origin["behind"], origin["refused"], origin["last_error"], status["regions"]
            ));
        }
        for log in origin["logs"].as_array().into_iter().flatten() {
            if log["applied"] != log["copied"] || log["projected"] != log["applied"] {
                return Err(format!("{name}'s log is copied, applied and projected to {log}"));
            }
        }
    }
    Ok(())
}

async fn get(world: &World, region: &str, path: &str) -> Result<Reply, String> {
    let request = Request { host: region, method: "GET", path, headers: &[], body: String::new() };
    let reply = http::send(&world.env, request, WAIT).await.map_err(|why| format!("{region} {path}: {why}"))?;
    if [200, 404, 410].contains(&reply.status) { Ok(reply) } else { Err(format!("{region} {path}: {} {}", reply.status, reply.code())) }
}

/// All pages.
async fn all(world: &World, region: &str, path: &str) -> Result<Vec<Value>, String> {
    let mut rows = Vec::new();
    let mut after = String::new();
    loop {
        let page = get(world, region, &format!("{path}?limit={PAGE}{after}")).await?.json();
        rows.extend(page["data"].as_array().into_iter().flatten().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(rows),
        }
    }
}

async fn copy(world: &World, region: &str) -> Result<Copy, String> {
    let mut answers = BTreeMap::new();
    for aggregate in workload::aggregates(world.ids) {
        let reply = get(world, region, &format!("/v1/{aggregate}")).await?;
        if reply.status == 404 {
            continue;
        }
        if reply.status == 200 {
            answers.insert(format!("etag {aggregate}"), json!(reply.etag));
            answers.insert(aggregate.clone(), reply.json());
        } else {
            answers.insert(format!("gone {aggregate}"), json!(reply.status));
        }
        let history = all(world, region, &format!("/v1/{aggregate}/events")).await?;
        answers.insert(format!("{aggregate}/events"), history.into());
    }
    for view in VIEWS {
        answers.insert(format!("view {view}"), all(world, region, &format!("/v1/views/{view}")).await?.into());
    }
    answers.insert("conflicts".to_owned(), all(world, region, "/v1/conflicts").await?.into());
    Ok(Copy { region: region.to_owned(), answers })
}

pub const VIEWS: [&str; 3] = ["things", "switched", "balances"];

/// By aggregate.
pub fn documents(copy: &Copy) -> impl Iterator<Item = (&String, &Value)> {
    copy.answers.iter().filter(|(path, _)| path.contains('/') && !path.ends_with("/events") && !path.contains(' '))
}

pub fn tallies(copy: &Copy) -> BTreeMap<String, Tally> {
    documents(copy).map(|(aggregate, document)| (aggregate.clone(), Tally { marks: workload::marks(document) })).collect()
}

pub fn told(copy: &Copy) -> BTreeMap<String, Told> {
    let mut told: BTreeMap<String, Told> = BTreeMap::new();
    for (aggregate, document) in documents(copy) {
        told.entry(aggregate.clone()).or_default().state = document["state"].clone();
    }
    for row in copy.answers.get("conflicts").and_then(Value::as_array).into_iter().flatten() {
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        let aggregate = format!("{}/{}", text(&row["type"]), text(&row["id"]));
        let rule = text(&row["rule"]);
        let winner = if rule == "void" { String::new() } else { text(&row["winner"]["event"]) };
        let rows: &mut BTreeSet<Row> = &mut told.entry(aggregate).or_default().rows;
        rows.insert(Row {
            field: text(&row["field"]),
            element: row["element"].to_string(),
            rule,
            loser: text(&row["loser"]["event"]),
            winner,
            version: row["version"].as_u64().unwrap_or_default() as u32,
        });
    }
    told
}
