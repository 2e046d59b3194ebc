//! How far this region is behind the others, for people and for gauges.

use crate::limits::SILENCE_MAX;
use crate::peers::Peers;
use crate::source::Source;
use std::time::Duration;
use sterna_crdt::{Incarnation, Name, RegionId};
use sterna_env::Instant;
use sterna_log::{LogId, ModelHeld, Position, ShardId};
use sterna_write::Region;

#[derive(Clone, Debug)]
pub struct Status {
    pub origins: Vec<OriginStatus>,
    pub next_model: Option<NextModel>,
    pub reactions_pending: u64,
    /// Why this region's log is not taken by its stream at present. Peers fetch it by request then.
    pub publish_error: Option<String>,
}

/// A model that takes commands once every member holds it.
#[derive(Clone, Debug)]
pub struct NextModel {
    pub model: ModelHeld,
    /// The members that do not hold it yet.
    pub lacking: Vec<Name>,
}

/// What this region has of another one.
#[derive(Clone, Debug)]
pub struct OriginStatus {
    pub region: RegionId,
    pub name: Name,
    /// Every log of it is followed, and it was heard of lately.
    pub connected: bool,
    /// It was heard of since this process started, and what it had written by then is not all here yet.
    pub catching_up: bool,
    /// Since it last sent something itself; since this process started if it never did.
    pub heartbeat_age: Duration,
    pub last_error: Option<String>,
    /// Why the regions refuse to replicate; somebody has to mend a configuration.
    pub refused: Option<String>,
    /// How old what is here is, in the shard that is furthest behind. Grows while the origin is silent.
    pub lag: Duration,
    /// Something that the origin wrote is known not to be merged here yet. False says nothing while it is not connected.
    pub behind: bool,
    pub incarnation: Option<Incarnation>,
    pub models: Vec<ModelHeld>,
    /// This region's wall clock minus the origin's.
    pub clock_skew_ms: Option<i64>,
    pub shards: Vec<LogStatus>,
}

#[derive(Clone, Debug)]
pub struct LogStatus {
    pub shard: ShardId,
    pub followed: bool,
    /// Up to where the log is copied here.
    pub copied: Position,
    /// Up to where it is merged here.
    pub applied: Position,
    /// The log is complete here up to this position.
    pub reached: Position,
    pub lag: Duration,
}

pub(crate) fn of(region: &Region, peers: &Peers, source: &Source, started: Instant, origin: RegionId) -> OriginStatus {
    peers.overhear(region);
    let peer = peers.get(origin);
    let mut behind = false;
    let log_status = |shard: ShardId| {
        let log = LogId { origin, shard };
        let (copied, applied) = (region.board.copied(shard).get(origin), region.board.applied(shard).get(origin));
        let written = source.heartbeat(log).map_or(copied, |heartbeat| heartbeat.after.max(copied));
        behind |= applied < written;
        let (followed, reached) = (peer.followed.contains(&shard), region.board.reached(log));
        LogStatus { shard, followed, copied, applied, reached, lag: lag(region, log, started) }
    };
    let shards: Vec<LogStatus> = region.board.shards().map(log_status).collect();
    let heartbeat_age = region.env.now().saturating_duration_since(peer.heard_at.unwrap_or(started));
    let heard = peer.heard_at.is_some() && heartbeat_age <= SILENCE_MAX;
    OriginStatus {
        region: origin,
        name: peers.name(origin),
        connected: heard && shards.iter().all(|log| log.followed),
        catching_up: peer.heard_at.is_some()
            && behind
            && shards.iter().any(|log| region.board.heard(LogId { origin, shard: log.shard }).is_none()),
        heartbeat_age,
        last_error: peer.last_error,
        refused: peer.refused,
        lag: shards.iter().map(|log| log.lag).max().unwrap_or_default(),
        behind,
        incarnation: peer.incarnation,
        models: peer.models,
        clock_skew_ms: peer.clock_skew_ms,
        shards,
    }
}

/// Since the last seal that this region has reached: by the clocks of both, or, where that is longer, by the time that passed here.
fn lag(region: &Region, log: LogId, started: Instant) -> Duration {
    let now = region.env.now();
    match region.board.heard(log) {
        Some(heard) if heard.sent_ms > 0 => {
            let by_wall = Duration::from_millis(region.env.wall_ms().saturating_sub(heard.sent_ms));
            by_wall.max(now.saturating_duration_since(heard.at))
        }
        _ => now.saturating_duration_since(started),
    }
}
