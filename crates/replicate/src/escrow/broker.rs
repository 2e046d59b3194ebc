//! Asks other regions for rights.

use super::{Ask, Given};
use crate::desk::{RIGHTS, decode, request};
use crate::limits::{ESCROW_ASK_WAIT, ESCROW_COUNTERS_MAX, ESCROW_EMPTY_PAUSE, ESCROW_GATHERED, ESCROW_SETTLE_POLL};
use crate::metrics::Metrics;
use crate::peers::Peers;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use sterna_crdt::{Name, RegionId, Side};
use sterna_env::{Boxed, Env, Instant};
use sterna_log::{AggregateId, LogId, Position, ShardId, shard_of};
use sterna_stream::{FollowError, Repair};
use sterna_write::{Fetched, Lack, Region, RightsBroker};

pub(crate) struct Broker {
    pub region: Arc<Region>,
    pub repair: Arc<dyn Repair>,
    pub peers: Arc<Peers>,
    pub metrics: Metrics,
    counters: Mutex<BTreeMap<Counter, Arc<Asking>>>,
}

type Counter = (AggregateId, Name, Side);

/// What is known of one counter's askings. Commands that lack rights of the same counter at the same time share one.
#[derive(Default)]
struct Asking {
    turn: tokio::sync::Mutex<()>,
    /// Peers that had less than was asked for: at which end of their log, and when.
    empty: Mutex<BTreeMap<RegionId, (Position, Instant)>>,
    /// When a command last waited for rights, here or in a region that asked for them.
    waited_at: Mutex<Option<Instant>>,
}

impl RightsBroker for Broker {
    fn fetch(&self, aggregate: AggregateId, lack: Lack) -> Boxed<'_, Fetched> {
        Box::pin(async move {
            if !lack.is_elsewhere() {
                return self.wait_to_settle(&lack).await;
            }
            self.ask(&aggregate, &lack, true).await
        })
    }
}

impl Broker {
    pub fn new(region: Arc<Region>, repair: Arc<dyn Repair>, peers: Arc<Peers>, metrics: Metrics) -> Self {
        Self { region, repair, peers, metrics, counters: Mutex::default() }
    }

    /// Rights that are only not settled yet come soon while all regions are connected.
    async fn wait_to_settle(&self, lack: &Lack) -> Fetched {
        if !lack.is_coming() || !self.region.living_peers().all(|peer| self.is_heard(peer)) {
            return Fetched::NotAsked;
        }
        self.env().sleep(ESCROW_SETTLE_POLL).await;
        Fetched::Waited
    }

    /// `waited_for`: a command waits for it, and takes all that is there; else the difference is evened out.
    pub async fn ask(&self, aggregate: &AggregateId, lack: &Lack, waited_for: bool) -> Fetched {
        let asking = self.asking((aggregate.clone(), lack.field.clone(), lack.side));
        if waited_for {
            *asking.waited_at.lock() = Some(self.env().now());
        }
        match asking.turn.try_lock() {
            Ok(_turn) => self.ask_in_turn(&asking, aggregate, lack, waited_for).await,
            Err(_) => {
                // Somebody asks already: what comes of it is seen by trying again.
                _ = asking.turn.lock().await;
                Fetched::Arrived
            }
        }
    }

    /// A command of another region waits for rights of the counter, and asked for them here.
    pub fn note_waiting(&self, aggregate: &AggregateId, field: &Name, side: Side) {
        *self.asking((aggregate.clone(), field.clone(), side)).waited_at.lock() = Some(self.env().now());
    }

    /// A command waits for rights of the counter, or did a moment ago: what is gathered for it stays where it is.
    pub fn is_gathering(&self, aggregate: &AggregateId, field: &Name, side: Side) -> bool {
        let counters = self.counters.lock();
        let waited_at = counters.get(&(aggregate.clone(), field.clone(), side)).and_then(|asking| *asking.waited_at.lock());
        waited_at.is_some_and(|at| self.env().now().saturating_duration_since(at) < ESCROW_GATHERED)
    }

    fn asking(&self, counter: Counter) -> Arc<Asking> {
        let mut counters = self.counters.lock();
        if counters.len() >= ESCROW_COUNTERS_MAX && !counters.contains_key(&counter) {
            counters.retain(|_, asking| Arc::strong_count(asking) > 1);
        }
        Arc::clone(counters.entry(counter).or_default())
    }

    async fn ask_in_turn(&self, asking: &Asking, aggregate: &AggregateId, lack: &Lack, waited_for: bool) -> Fetched {
        let shard = shard_of(&aggregate.kind, &aggregate.id, self.region.shards());
        let mine = lack.available.iter().find(|(of, _)| *of == self.region.me).map_or(0, |(_, rights)| *rights);
        let mut richest: Vec<(RegionId, i64)> =
            lack.available.iter().copied().filter(|(of, rights)| *rights > 0 && self.may_ask(asking, shard, *of)).collect();
        richest.sort_by_key(|(of, rights)| (std::cmp::Reverse(*rights), *of));
        let (mut has, mut outcome) = (mine, Fetched::NotAsked);
        for (peer, _) in richest {
            let lacks = if waited_for { lack.needed.saturating_sub(has).max(0) } else { 0 };
            match self.ask_peer(shard, aggregate, lack, peer, (has, lacks)).await {
                Ok(given) => {
                    if given.amount < lacks || given.amount == 0 {
                        asking.empty.lock().insert(peer, (given.position(), self.env().now()));
                    }
                    has = has.saturating_add(given.amount);
                    outcome = if given.amount > 0 || outcome == Fetched::Arrived { Fetched::Arrived } else { Fetched::Nothing };
                }
                Err(error) => {
                    tracing::debug!(peer = %self.region.membership.name(peer), %error, "no rights came");
                    self.metrics.rights_asked.with_label_values(&["failed"]).inc();
                    outcome = if outcome == Fetched::Arrived { outcome } else { Fetched::Nothing };
                }
            }
            if has >= lack.needed || !waited_for {
                break;
            }
        }
        outcome
    }

    async fn ask_peer(
        &self,
        shard: ShardId,
        aggregate: &AggregateId,
        lack: &Lack,
        peer: RegionId,
        (has, lacks): (i64, i64),
    ) -> Result<Given, FollowError> {
        let (kind, id, field) = (aggregate.kind.to_string(), aggregate.id.to_string(), lack.field.to_string());
        let ask = request(RIGHTS, &Ask { kind, id, field, side: lack.side, has, lacks });
        let late = || FollowError::Unreachable("no answer in time".to_owned());
        let answer = self.env().timeout(ESCROW_ASK_WAIT, self.repair.call(peer, ask)).await.ok_or_else(late)??;
        let given: Given = decode(&answer)?;
        self.metrics.rights_asked.with_label_values(&[if given.amount > 0 { "given" } else { "nothing" }]).inc();
        if given.amount > 0 {
            self.merged(LogId { origin: peer, shard }, given.position()).await;
        }
        Ok(given)
    }

    /// Waits until the entry is merged here, as long as whoever waits for this does.
    async fn merged(&self, log: LogId, position: Position) {
        let mut changed = self.region.board.subscribe(log.shard);
        while self.region.board.applied(log.shard).get(log.origin) < position {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    /// It is connected, and is not known to have nothing: what this region knows of it is newer than its last refusal.
    fn may_ask(&self, asking: &Asking, shard: ShardId, peer: RegionId) -> bool {
        if peer == self.region.me || !self.is_heard(peer) {
            return false;
        }
        let mut empty = asking.empty.lock();
        match empty.get(&peer) {
            Some((end, at)) => {
                let newer = self.region.board.applied(shard).get(peer) >= *end;
                let free = newer && self.env().now().saturating_duration_since(*at) >= ESCROW_EMPTY_PAUSE;
                if free {
                    empty.remove(&peer);
                }
                free
            }
            None => true,
        }
    }

    pub fn is_heard(&self, peer: RegionId) -> bool {
        self.peers.is_heard(&self.region, peer)
    }

    fn env(&self) -> &Env {
        &self.region.env
    }
}
