//! Everything of this crate, put together for one region.

use crate::desk::Desk;
use crate::escrow::{Broker, RightsLeft, Spread, Survey, Teller};
use crate::gate::Gatekeeper;
use crate::homes::{Forwarder, HandOver, HomeMoved, Host, MoveRefused, Moves};
use crate::introductions::Introductions;
use crate::limits::GAUGES_EVERY;
use crate::lost::{Declare, DeclareRefused, Declared, Heir, Registrar, Rumour};
use crate::metrics::Metrics;
use crate::peers::Peers;
use crate::reactor::{Reactor, Rewinds};
use crate::recall::Witness;
use crate::recovery::Recovery;
use crate::relay::{Relay, Troubles};
use crate::resolver::Resolver;
use crate::source::{self, Source};
use crate::status::{self, NextModel, Status};
use crate::unconfirmed::Unconfirmed;
use crate::upgrade::Upgrade;
use parking_lot::Mutex;
use std::sync::Arc;
use sterna_env::{Instant, Scope};
use sterna_model::Model;
use sterna_stream::{Repair, Stream};
use sterna_write::{Region, Writer};

/// A region's replication, running until its scope stops.
pub struct Replication {
    region: Arc<Region>,
    source: Arc<Source>,
    peers: Arc<Peers>,
    metrics: Metrics,
    troubles: Arc<Troubles>,
    started: Instant,
    rights: Arc<Mutex<Vec<RightsLeft>>>,
    moves: Moves,
    declare: Declare,
}

pub struct Options<'a> {
    pub writer: Arc<Writer>,
    /// The same one that answers the peers.
    pub source: Arc<Source>,
    pub stream: Arc<dyn Stream>,
    pub repair: Arc<dyn Repair>,
    pub scope: &'a Scope,
    pub registry: Option<&'a prometheus::Registry>,
}

impl Replication {
    /// Starts relay, resolver, recovery and reactor. The region's gate opens when the recovery is done and every peer was heard of once.
    pub fn start(options: Options<'_>) -> Arc<Self> {
        let Options { writer, source, stream, repair, scope, registry } = options;
        let metrics = Metrics::new(registry);
        let region = Arc::clone(writer.region());
        let peers = Arc::new(Peers::new(region.env.clone(), Arc::clone(&region.membership), region.me, source::held(&region)));
        let gate = Arc::new(Gatekeeper::new(Arc::clone(&region), Arc::clone(&peers)));
        let rewinds = Arc::new(Rewinds::default());

        let broker = Arc::new(Broker::new(Arc::clone(&region), Arc::clone(&repair), Arc::clone(&peers), metrics.clone()));
        writer.set_broker(broker.clone());
        let weak = || Arc::downgrade(&writer);
        let hand_over = HandOver { writer: weak(), peers: Arc::clone(&peers) };
        source.set_desk(Desk {
            rights: Teller { writer: weak(), broker: Arc::downgrade(&broker) },
            host: Host { writer: weak() },
            hand_over,
            registrar: Registrar { writer: weak() },
            witness: Witness { writer: weak() },
        });
        let declare = Declare { writer: Arc::clone(&writer), repair: Arc::clone(&repair), peers: Arc::clone(&peers) };
        let rumour = Rumour { writer: Arc::clone(&writer), repair: Arc::clone(&repair), gate: Arc::clone(&gate) };
        let moves = Moves { writer: Arc::clone(&writer), repair: Arc::clone(&repair), peers: Arc::clone(&peers) };
        let rights = Arc::new(Mutex::default());
        let survey = Survey { writer: Arc::clone(&writer), metrics: metrics.clone(), found: Arc::clone(&rights) };
        let spread = Spread { writer: Arc::clone(&writer), broker, metrics: metrics.clone() };

        let troubles = Arc::new(Troubles::default());
        let relay = Relay {
            writer: Arc::clone(&writer),
            stream: Arc::clone(&stream),
            source: Arc::clone(&source),
            metrics: metrics.clone(),
            troubles: Arc::clone(&troubles),
        };
        let introductions = Arc::new(Introductions::new(&region, &repair, !stream.meets_peers()));
        let resolver = Resolver {
            writer: Arc::clone(&writer),
            stream,
            introductions: Arc::clone(&introductions),
            gate: Arc::clone(&gate),
            repair: Arc::clone(&repair),
            source: Arc::clone(&source),
            peers: Arc::clone(&peers),
            metrics: metrics.clone(),
        };
        let recovery = Recovery {
            writer: Arc::clone(&writer),
            repair: Arc::clone(&repair),
            source: Arc::clone(&source),
            gate: Arc::clone(&gate),
            rewinds: Arc::clone(&rewinds),
            metrics: metrics.clone(),
        };
        let unconfirmed = Unconfirmed {
            region: Arc::clone(&region),
            logs: Arc::clone(writer.logs()),
            source: Arc::clone(&source),
            metrics: metrics.clone(),
        };
        let reactor = Reactor::new(Arc::clone(&writer), (Arc::clone(&gate), rewinds), metrics.clone(), scope);
        let heir = Heir { writer, reactor: Arc::clone(&reactor), metrics: metrics.clone() };
        let started = region.env.now();
        let replication = Arc::new(Self { region: Arc::clone(&region), source, peers, metrics, troubles, started, rights, moves, declare });

        scope.spawn_until_stop(async move { gate.run().await });
        scope.spawn_until_stop(recovery.run());
        scope.spawn_until_stop(Upgrade { region: Arc::clone(&region), peers: Arc::clone(&replication.peers) }.run());
        reactor.start();
        if !region.alone() {
            scope.spawn_until_stop(Arc::new(relay).run());
            if introductions.needed() {
                scope.spawn_until_stop(introductions.run());
            }
            Arc::new(resolver).start(scope);
            let names: Vec<_> = region.peers().map(|peer| region.membership.name(peer)).collect();
            replication.metrics.declare(names.iter().map(|name| &**name));
            replication.moves.writer.set_forwarder(Forwarder::start(&replication.moves.writer, &repair, &replication.metrics, scope));
            scope.spawn_until_stop(rumour.run());
            scope.spawn_until_stop(heir.run());
            scope.spawn_until_stop(spread.run());
            scope.spawn_until_stop(survey.run());
            scope.spawn_until_stop(Arc::clone(&replication).keep_gauges());
            scope.spawn_until_stop(unconfirmed.run());
        }
        replication
    }

    pub fn status(&self) -> Status {
        let origin = |origin| status::of(&self.region, &self.peers, &self.source, self.started, origin);
        Status {
            origins: self.peers.regions().map(origin).collect(),
            next_model: self.region.next_model().map(|next| self.next_model(&next)),
            publish_error: self.troubles.any(),
            reactions_pending: self.metrics.reactions_pending.get().max(0) as u64,
        }
    }

    /// Moves the homes of a type to a region: of one shard, or of all.
    pub async fn move_homes(&self, kind: &str, to: &str, shard: Option<u16>) -> Result<Vec<HomeMoved>, MoveRefused> {
        self.moves.run(kind, to, shard).await
    }

    /// Declares a region lost, for good: what it has that no other region has copied never counts. `heir`, or this region, takes over its
    /// rights and its homes.
    pub async fn declare_lost(&self, lost: &str, heir: Option<&str>) -> Result<Declared, DeclareRefused> {
        self.declare.run(lost, heir).await
    }

    /// What each region has left of bounded counters, by field, as of a few seconds ago.
    pub fn rights_left(&self) -> Vec<RightsLeft> {
        self.rights.lock().clone()
    }

    fn next_model(&self, next: &Model) -> NextModel {
        let model = source::of(next);
        NextModel { model, lacking: self.peers.lacking(model).into_iter().map(|region| self.peers.name(region)).collect() }
    }

    pub fn peers(&self) -> &Arc<Peers> {
        &self.peers
    }

    async fn keep_gauges(self: Arc<Self>) {
        loop {
            for origin in self.status().origins {
                let label = [&*origin.name];
                self.metrics.lag_seconds(&origin.name, &self.region.name).set(origin.lag.as_secs_f64());
                self.metrics.heartbeat_age_seconds(&origin.name, &self.region.name).set(origin.heartbeat_age.as_secs_f64());
                self.metrics.connected.with_label_values(&label).set(i64::from(origin.connected));
                if let Some(skew_ms) = origin.clock_skew_ms {
                    self.metrics.clock_skew_seconds.with_label_values(&label).set(skew_ms as f64 / 1000.0);
                }
            }
            self.region.env.sleep(GAUGES_EVERY).await;
        }
    }
}
