//! Follows the other regions' logs, copies them here and has them merged.
//!
//! One follower for each (origin, shard). What a stream delivers is only believed where it fits: a frame that begins behind this
//! region's copy is a hole, and is filled from the origin or from any region that has a copy. While an origin is silent its log is
//! sought by request, also at the others, so that a third region carries what two can't send each other.

mod carry;
mod follow;
mod link;
mod place;
mod repair;
mod take;

use crate::gate::Gatekeeper;
use crate::introductions::Introductions;
use crate::metrics::Metrics;
use crate::peers::Peers;
use crate::source::Source;
use link::Link;
use place::Place;
use std::sync::Arc;
use sterna_crdt::{Name, RegionId};
use sterna_env::{Env, Scope};
use sterna_log::{LogId, Position};
use sterna_stream::{Repair, Stream};
use sterna_write::{Region, Writer};

/// What all followers share.
pub(crate) struct Resolver {
    pub writer: Arc<Writer>,
    pub stream: Arc<dyn Stream>,
    pub introductions: Arc<Introductions>,
    pub gate: Arc<Gatekeeper>,
    pub repair: Arc<dyn Repair>,
    pub source: Arc<Source>,
    pub peers: Arc<Peers>,
    pub metrics: Metrics,
}

/// The follower of one log.
struct LogFollower {
    shared: Arc<Resolver>,
    log: LogId,
    origin: Name,
    link: Link,
    place: Place,
    /// Held while a frame is taken: the follower and the carrier take turns.
    turn: tokio::sync::Mutex<()>,
}

impl Resolver {
    /// Spawns a follower for every log of the other regions. Of a region's processes the one with the shard's lease follows.
    pub fn start(self: Arc<Self>, scope: &Scope) {
        let region = Arc::clone(self.writer.region());
        for origin in region.peers() {
            for shard in region.board.shards() {
                let log = LogId { origin, shard };
                let follower = LogFollower {
                    shared: Arc::clone(&self),
                    log,
                    origin: region.membership.name(origin),
                    link: Link::new(&region.env),
                    place: Place::new(&region.env),
                    turn: tokio::sync::Mutex::default(),
                };
                let mut lease = region.leases.shard(shard);
                scope.spawn_until_stop(async move {
                    follower.shared.gate.asked().await;
                    // The sender lives as long as the region.
                    while lease.wait_for(|held| *held).await.is_ok() {
                        tokio::select! {
                            biased;
                            _ = lease.wait_for(|held| !*held) => {}
                            () = follower.follow() => {}
                            () = follower.carry() => {}
                        }
                    }
                });
            }
        }
    }
}

impl LogFollower {
    fn region(&self) -> &Arc<Region> {
        self.shared.writer.region()
    }

    fn env(&self) -> &Env {
        &self.region().env
    }

    fn copied(&self) -> Position {
        self.region().board.copied(self.log.shard).get(self.log.origin)
    }

    /// The regions that may have the log, the origin first.
    fn holders(&self) -> impl Iterator<Item = RegionId> + '_ {
        let copies = self.region().peers().filter(|region| *region != self.log.origin);
        std::iter::once(self.log.origin).chain(copies)
    }
}
