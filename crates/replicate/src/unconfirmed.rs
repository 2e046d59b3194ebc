//! How many events of this region's own log each other region has not yet said to have applied.
//!
//! Counted here, where they were written, from what the others' heartbeats name: a relay that is dead, a link that is cut and a region
//! that is down confirm nothing, and the count grows with every write. What was confirmed is kept in the store, so that it is known
//! also after a restart while the other region is away.

use crate::limits::{CONFIRMED_EVERY, GAUGES_EVERY, TELL_READ_BYTES};
use crate::metrics::Metrics;
use crate::source::Source;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use sterna_crdt::RegionId;
use sterna_env::Instant;
use sterna_log::{LogId, Position, ShardId};
use sterna_store::{ReadError, Transaction};
use sterna_write::{Logs, Region, keys};

pub(crate) struct Unconfirmed {
    pub region: Arc<Region>,
    pub logs: Arc<Logs>,
    pub source: Arc<Source>,
    pub metrics: Metrics,
}

/// What each peer has applied of each shard's own log.
type Confirmed = BTreeMap<(RegionId, ShardId), Position>;

impl Unconfirmed {
    pub async fn run(self) {
        let mut stored = self.until_loaded().await;
        let (mut confirmed, mut stored_at) = (stored.clone(), self.region.env.now());
        loop {
            self.hear(&mut confirmed);
            for peer in self.region.peers() {
                match self.count(peer, &confirmed).await {
                    Ok(events) => self.metrics.lag_events(&self.region.name, &self.region.membership.name(peer)).set(events as i64),
                    Err(error) => tracing::debug!(%error, "what a peer lacks can't be counted"),
                }
            }
            self.forget(&confirmed);
            self.store(&confirmed, &mut stored, &mut stored_at).await;
            self.region.env.sleep(GAUGES_EVERY).await;
        }
    }

    async fn until_loaded(&self) -> Confirmed {
        loop {
            match self.load().await {
                Ok(confirmed) => return confirmed,
                Err(error) => tracing::debug!(%error, "what peers had confirmed can't be read; trying again"),
            }
            self.region.env.sleep(GAUGES_EVERY).await;
        }
    }

    fn hear(&self, confirmed: &mut Confirmed) {
        for (peer, shard) in self.logs_of_peers() {
            if let Some(heartbeat) = self.source.heartbeat(LogId { origin: peer, shard }) {
                let known = confirmed.entry((peer, shard)).or_default();
                *known = heartbeat.applied.get(self.region.me).max(*known);
            }
        }
    }

    async fn count(&self, peer: RegionId, confirmed: &Confirmed) -> Result<u64, ReadError> {
        let mut events = 0;
        for shard in self.region.board.shards() {
            let position = confirmed.get(&(peer, shard)).copied().unwrap_or_default();
            events += match self.region.board.own_behind(shard, position) {
                Ok(behind) => behind,
                Err(known_from) => {
                    let older = self.entries(shard, position, known_from).await?;
                    self.region.board.tell(shard, position, &older);
                    self.region.board.own_behind(shard, position).unwrap_or_default()
                }
            };
        }
        Ok(events)
    }

    /// Of what was written before this process began, a position says how many events its entry has: its index is the last one's.
    async fn entries(&self, shard: ShardId, after: Position, until: Position) -> Result<Vec<(Position, u64)>, ReadError> {
        let (log, mut at, mut found) = (LogId { origin: self.region.me, shard }, after, Vec::new());
        loop {
            let page = self.logs.read(log, at, until, TELL_READ_BYTES).await?;
            let Some(last) = page.last() else { return Ok(found) };
            at = last.position;
            found.extend(page.iter().map(|entry| (entry.position, u64::from(entry.position.index) + 1)));
        }
    }

    fn forget(&self, confirmed: &Confirmed) {
        for shard in self.region.board.shards() {
            let of = |peer| confirmed.get(&(peer, shard)).copied().unwrap_or_default();
            if let Some(least) = self.region.peers().map(of).min() {
                self.region.board.forget_before(shard, least);
            }
        }
    }

    async fn store(&self, confirmed: &Confirmed, stored: &mut Confirmed, stored_at: &mut Instant) {
        if self.region.env.now().saturating_duration_since(*stored_at) < CONFIRMED_EVERY || confirmed == stored {
            return;
        }
        *stored_at = self.region.env.now();
        let mut t = Transaction::default();
        for (place, position) in confirmed.iter().filter(|(place, position)| stored.get(place) != Some(position)) {
            t.put(self.key(*place), Bytes::copy_from_slice(&position.to_bytes()));
        }
        match self.region.store.commit(t).await {
            Ok(_) => stored.clone_from(confirmed),
            Err(error) => tracing::debug!(%error, "what peers confirmed can't be written; trying again"),
        }
    }

    async fn load(&self) -> Result<Confirmed, ReadError> {
        let places: Vec<_> = self.logs_of_peers().collect();
        let wanted: Vec<Bytes> = places.iter().map(|place| self.key(*place)).collect();
        let found = self.region.store.snapshot().await?.get_many(&wanted).await?;
        Ok(places.into_iter().zip(found).filter_map(|(place, value)| Some((place, Position::from_bytes(&value?)?))).collect())
    }

    fn logs_of_peers(&self) -> impl Iterator<Item = (RegionId, ShardId)> + '_ {
        self.region.peers().flat_map(|peer| self.region.board.shards().map(move |shard| (peer, shard)))
    }

    fn key(&self, (peer, shard): (RegionId, ShardId)) -> Bytes {
        keys::follower::key(&format!("confirmed/{}", self.region.membership.name(peer)), shard)
    }
}
