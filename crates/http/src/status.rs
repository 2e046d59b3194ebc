//! `GET /v1/status`: regions, shards, progress, lag; for people, and for the command line.

use crate::{ClusterHealth, Services, reply};
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use std::fmt::Write;
use std::sync::Arc;
use sterna_log::{LogId, Progress, ShardId};
use sterna_replicate::OriginStatus;
use sterna_write::{Gate, Region};

#[derive(Serialize)]
struct Status {
    region: String,
    version: &'static str,
    incarnation: String,
    epoch: u64,
    model: Model,
    /// Takes commands once every region holds it.
    next_model: Option<NextModel>,
    membership: u64,
    shards: u16,
    /// Null if commands are taken, else why not.
    closed: Option<String>,
    draining: bool,
    reactions_pending: u64,
    store: StoreStatus,
    stream: Stream,
    /// Aggregates that take no commands, because an event of theirs could not be applied; at most [`PARKED_SHOWN`], and how many there are.
    parked: Vec<Parked>,
    parked_count: usize,
    regions: Vec<Origin>,
    views: Vec<View>,
    /// Of bounded counters, summed over all aggregates, as of a few seconds ago.
    rights: Vec<Rights>,
    /// Of types with a home, where this region knows the homes to be.
    homes: Vec<Home>,
}

/// The shards whose aggregates of a type accept commands in a region.
#[derive(Serialize)]
struct Home {
    #[serde(rename = "type")]
    kind: String,
    region: String,
    shards: Vec<u16>,
}

/// What a region may still take (bound `min`) or add (bound `max`), as this region knows.
#[derive(Serialize)]
struct Rights {
    #[serde(rename = "type")]
    kind: String,
    field: String,
    bound: &'static str,
    region: String,
    rights: i64,
}

#[derive(Serialize)]
struct Parked {
    #[serde(rename = "type")]
    kind: String,
    id: String,
    reason: String,
}

const PARKED_SHOWN: usize = 100;

#[derive(Serialize)]
struct Model {
    version: u32,
    hash: String,
}

#[derive(Serialize)]
struct NextModel {
    version: u32,
    hash: String,
    /// The regions that do not hold it yet.
    lacking: Vec<String>,
}

/// Where this region's data is.
#[derive(Serialize)]
struct StoreStatus {
    engine: &'static str,
    /// Of an engine that has some.
    clusters: Vec<ClusterHealth>,
}

/// What this region's log goes out by.
#[derive(Serialize)]
struct Stream {
    engine: &'static str,
    endpoint: Option<String>,
    /// Why frames are not taken at present.
    publish_error: Option<String>,
}

/// This region first, then the others.
#[derive(Serialize)]
struct Origin {
    region: String,
    this: bool,
    connected: bool,
    behind: bool,
    lag_seconds: f64,
    refused: Option<String>,
    /// An operator declared it lost; its heir.
    lost: Option<String>,
    last_error: Option<String>,
    clock_skew_ms: Option<i64>,
    models: Vec<Model>,
    logs: Vec<Log>,
}

/// One shard's log of an origin, as this region has it.
#[derive(Serialize)]
struct Log {
    shard: u16,
    copied: String,
    applied: String,
    projected: String,
    lag_seconds: f64,
    followed: bool,
}

#[derive(Serialize)]
struct View {
    name: String,
    generation: Option<u32>,
    building: Option<Build>,
    staleness_seconds: f64,
    rows_failed: u64,
    model_version: Option<u32>,
}

#[derive(Serialize)]
struct Build {
    generation: u32,
    read: u64,
}

pub(crate) async fn get(State(services): State<Arc<Services>>) -> Response {
    reply::json(serde_json::to_vec(&status(&services)).expect("strings and numbers always serialize"))
}

/// What is further behind than the limits let it be. How long an origin has been silent is not counted: that it is down, or this region cut off,
/// is no reason to send clients away.
pub(crate) fn behind(services: &Services) -> Vec<String> {
    let mut reasons = Vec::new();
    if let Some(most) = services.limits.ready_lag_max {
        for origin in services.replication.status().origins {
            let late = origin.lag.saturating_sub(origin.heartbeat_age);
            if origin.catching_up {
                reasons.push(format!("it catches up with {} since it started", origin.name));
            } else if late > most {
                reasons.push(format!("it is {:.1} s behind {}", late.as_secs_f64(), origin.name));
            }
        }
    }
    if let Some(most) = services.limits.ready_staleness_max {
        let stale = services.reads.status().views.into_iter().filter(|view| view.staleness_seconds > most.as_secs_f64());
        reasons.extend(stale.map(|view| format!("view {} is {:.1} s behind", view.name, view.staleness_seconds)));
    }
    reasons
}

fn status(services: &Services) -> Status {
    let region = services.writer.region();
    let parked = region.board.parked();
    let (life, model) = (region.life(), region.model());
    let (reads, replication) = (services.reads.status(), services.replication.status());
    let next_model = replication.next_model.map(|next| NextModel {
        version: next.model.version,
        hash: format!("{:016x}", next.model.hash),
        lacking: next.lacking.iter().map(ToString::to_string).collect(),
    });
    let stream = Stream {
        engine: services.stream.engine,
        endpoint: services.stream.endpoint.clone(),
        publish_error: replication.publish_error.clone(),
    };
    let others = replication.origins.into_iter().map(|status| origin(region, status, &reads.projected));
    Status {
        region: region.name.to_string(),
        version: env!("CARGO_PKG_VERSION"),
        incarnation: life.incarnation.0.to_string(),
        epoch: life.epoch,
        model: Model { version: model.version, hash: hex(&model.hash) },
        next_model,
        membership: region.membership.number,
        shards: region.shards(),
        closed: closed(region),
        draining: services.readiness.is_draining(),
        reactions_pending: replication.reactions_pending,
        store: StoreStatus { engine: services.store.engine, clusters: services.store.clusters() },
        stream,
        parked_count: parked.len(),
        parked: parked
            .into_iter()
            .take(PARKED_SHOWN)
            .map(|(id, reason)| Parked { kind: id.kind.to_string(), id: id.id.to_string(), reason })
            .collect(),
        regions: std::iter::once(this(region, &reads.projected)).chain(others).collect(),
        views: reads.views.into_iter().map(view).collect(),
        homes: homes(region),
        rights: services.replication.rights_left().into_iter().map(rights).collect(),
    }
}

fn closed(region: &Region) -> Option<String> {
    match region.gate() {
        Gate::Open => None,
        Gate::Closed(reason) => Some(reason),
    }
}

/// A region has all of its own log.
fn this(region: &Region, projected: &Progress) -> Origin {
    let log = |shard: ShardId| {
        let log = LogId { origin: region.me, shard };
        let applied = region.board.applied(shard).get(region.me);
        let copied = region.board.copied(shard).get(region.me);
        Log {
            shard: shard.0,
            copied: copied.to_string(),
            applied: applied.to_string(),
            projected: projected.get(log).to_string(),
            lag_seconds: 0.0,
            followed: true,
        }
    };
    Origin {
        region: region.name.to_string(),
        this: true,
        connected: true,
        behind: false,
        lag_seconds: 0.0,
        refused: None,
        lost: None,
        last_error: None,
        clock_skew_ms: None,
        models: Vec::new(),
        logs: region.board.shards().map(log).collect(),
    }
}

fn origin(region: &Region, status: OriginStatus, projected: &Progress) -> Origin {
    let logs = status.shards.iter().map(|log| Log {
        shard: log.shard.0,
        copied: log.copied.to_string(),
        applied: log.applied.to_string(),
        projected: projected.get(LogId { origin: status.region, shard: log.shard }).to_string(),
        lag_seconds: log.lag.as_secs_f64(),
        followed: log.followed,
    });
    Origin {
        region: status.name.to_string(),
        this: false,
        connected: status.connected,
        behind: status.behind,
        lag_seconds: status.lag.as_secs_f64(),
        logs: logs.collect(),
        refused: status.refused,
        lost: region.fence(status.region).filter(|f| f.ends.is_some()).map(|fence| region.membership.name(fence.heir).to_string()),
        last_error: status.last_error,
        clock_skew_ms: status.clock_skew_ms,
        models: status.models.iter().map(|model| Model { version: model.version, hash: format!("{:016x}", model.hash) }).collect(),
    }
}

fn homes(region: &Region) -> Vec<Home> {
    let mut homes: Vec<Home> = Vec::new();
    for (kind, shard, home) in region.homes().all() {
        let name = region.membership.name(home.region);
        match homes.iter_mut().find(|home| *home.kind == *kind && *home.region == *name) {
            Some(home) => home.shards.push(shard.0),
            None => homes.push(Home { kind: kind.to_string(), region: name.to_string(), shards: vec![shard.0] }),
        }
    }
    homes
}

fn rights(left: sterna_replicate::RightsLeft) -> Rights {
    let sterna_replicate::RightsLeft { kind, field, bound, region, rights } = left;
    Rights { kind: kind.to_string(), field: field.to_string(), bound, region: region.to_string(), rights }
}

fn view(view: sterna_read::ViewStatus) -> View {
    View {
        name: view.name.to_string(),
        generation: view.generation,
        building: view.building.map(|build| Build { generation: build.generation, read: build.read }),
        staleness_seconds: view.staleness_seconds,
        rows_failed: view.rows_failed,
        model_version: view.model_version,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut out, byte| {
        _ = write!(out, "{byte:02x}");
        out
    })
}
