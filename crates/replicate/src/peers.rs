//! What the other regions say of themselves, and how it goes with the links to them.

use crate::limits::{AHEAD_FOR, SILENCE_MAX};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use sterna_crdt::{Incarnation, Name, RegionId};
use sterna_env::{Env, Instant};
use sterna_log::{Frame, LogId, Membership, ModelHeld, ShardId};
use sterna_write::Region;
use sterna_write::limits::CLOCK_AHEAD_MAX;
use tokio::sync::watch;

/// The board of peers.
pub struct Peers {
    env: Env,
    membership: Arc<Membership>,
    hash: u64,
    /// The models of this region.
    held: Mutex<Vec<ModelHeld>>,
    peers: BTreeMap<RegionId, Mutex<Peer>>,
    changed: watch::Sender<()>,
}

#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// The shards whose log is followed, a frame having come.
    pub followed: BTreeSet<ShardId>,
    /// When it last sent something itself.
    pub heard_at: Option<Instant>,
    /// The last trouble with it, until all shards are followed again.
    pub last_error: Option<String>,
    /// Why it, or this region, refuses to replicate.
    pub refused: Option<String>,
    pub models: Vec<ModelHeld>,
    pub incarnation: Option<Incarnation>,
    /// The number and the hash of the membership that it named.
    pub membership: Option<(u64, u64)>,
    /// This region's wall clock minus the peer's when a frame of it came.
    pub clock_skew_ms: Option<i64>,
    /// Since when each of its heartbeats said that this region's clock is too far ahead.
    pub ahead_since: Option<Instant>,
}

impl Peer {
    /// This region's wall clock minus the peer's, when it was heard of last.
    fn compare_clocks(&mut self, skew_ms: i64) {
        self.clock_skew_ms = Some(skew_ms);
        let is_ahead = skew_ms > CLOCK_AHEAD_MAX.as_millis() as i64;
        self.ahead_since = if is_ahead { self.ahead_since.or(self.heard_at) } else { None };
    }
}

impl Peers {
    pub fn new(env: Env, membership: Arc<Membership>, me: RegionId, held: Vec<ModelHeld>) -> Self {
        let peers = membership.regions().filter(|r| *r != me).map(|r| (r, Mutex::default())).collect();
        let hash = membership.hash();
        Self { env, membership, hash, held: Mutex::new(held), peers, changed: watch::Sender::new(()) }
    }

    pub fn get(&self, region: RegionId) -> Peer {
        self.peers.get(&region).map(|peer| peer.lock().clone()).unwrap_or_default()
    }

    /// Changes when a peer names a membership or a model for the first time.
    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// The peers that have not yet named this region's membership.
    pub fn unheard(&self) -> Vec<RegionId> {
        let named = Some((self.membership.number, self.hash));
        self.peers.iter().filter(|(_, peer)| peer.lock().membership != named).map(|(region, _)| *region).collect()
    }

    /// The peers that do not hold it yet.
    pub fn lacking(&self, model: ModelHeld) -> Vec<RegionId> {
        self.peers.iter().filter(|(_, peer)| !peer.lock().models.contains(&model)).map(|(region, _)| *region).collect()
    }

    /// This region's models changed.
    pub(crate) fn hold(&self, models: Vec<ModelHeld>) {
        *self.held.lock() = models;
    }

    /// How far this region's clock is ahead of every peer's that was heard of lately, where that is too far and has been for a while. A late
    /// heartbeat looks the same, but not for long.
    pub fn clock_ahead_ms(&self) -> Option<i64> {
        let now = self.env.now();
        let heard = |peer: &Peer| peer.heard_at.is_some_and(|at| now.saturating_duration_since(at) <= SILENCE_MAX);
        let live: Vec<Peer> = self.peers.values().map(|peer| peer.lock().clone()).filter(heard).collect();
        let is_ahead = |peer: &Peer| peer.ahead_since.is_some_and(|since| now.saturating_duration_since(since) > AHEAD_FOR);
        if live.is_empty() || !live.iter().all(is_ahead) {
            return None;
        }
        live.iter().filter_map(|peer| peer.clock_skew_ms).min()
    }

    /// A frame came, from wherever. The error says why nothing of its origin may be merged.
    pub(crate) fn hear(&self, frame: &Frame) -> Result<(), String> {
        let Some(peer) = self.peers.get(&frame.log.origin) else { return Err("it is no member".to_owned()) };
        let mut peer = peer.lock();
        if frame.membership_number == 0 {
            return Ok(());
        }
        if frame.membership_number == self.membership.number && frame.membership_hash != self.hash {
            return Err(self.disagrees(frame));
        }
        let differs = |held: &ModelHeld| frame.models.iter().find(|model| model.version == held.version && model.hash != held.hash);
        if let Some((held, other)) = self.held.lock().iter().find_map(|held| Some((*held, *differs(held)?))) {
            return Err(self.differs(frame, held, other));
        }
        peer.refused = None;
        let named = Some((frame.membership_number, frame.membership_hash));
        let news = peer.membership != named || peer.models != frame.models;
        if news {
            peer.membership = named;
            peer.models.clone_from(&frame.models);
        }
        peer.incarnation = peer.incarnation.max(Some(frame.incarnation));
        drop(peer);
        if news {
            self.changed.send_modify(|()| {});
        }
        Ok(())
    }

    fn disagrees(&self, frame: &Frame) -> String {
        let Membership { number, .. } = &*self.membership;
        format!(
            "region `{}` names membership {number} with hash {:016x}, here it has {:016x}: the regions' lists of members or numbers of shards differ",
            self.name(frame.log.origin),
            frame.membership_hash,
            self.hash
        )
    }

    /// One version of the model must say the same everywhere, or regions would make different states of the same events.
    fn differs(&self, frame: &Frame, held: ModelHeld, other: ModelHeld) -> String {
        let ModelHeld { version, hash } = held;
        format!(
            "region `{}` has version {version} of the model with hash {:016x}, here it has {hash:016x}: the regions' models differ; give the changed one the next `version`",
            self.name(frame.log.origin),
            other.hash
        )
    }

    /// A frame came from the origin itself, which is alive.
    pub(crate) fn up(&self, region: RegionId, frame: &Frame) {
        if let Some(peer) = self.peers.get(&region) {
            let mut peer = peer.lock();
            peer.heard_at = Some(self.env.now());
            if frame.sent_ms > 0 && frame.is_heartbeat() {
                peer.compare_clocks(self.env.wall_ms() as i64 - frame.sent_ms as i64);
            }
            if peer.followed.insert(frame.log.shard) && peer.followed.len() == usize::from(self.membership.shards) {
                peer.last_error = None;
            }
        }
    }

    /// Whether the region has lately heard of a peer, by whichever of its processes.
    pub(crate) fn is_heard(&self, region: &Region, peer: RegionId) -> bool {
        self.overhear(region);
        self.get(peer).heard_at.is_some_and(|at| self.env.now().saturating_duration_since(at) < SILENCE_MAX)
    }

    /// What other processes of this region have heard, of the logs that they follow for it.
    pub(crate) fn overhear(&self, region: &Region) {
        let (now, wall_ms) = (self.env.now(), self.env.wall_ms() as i64);
        for (&origin, peer) in &self.peers {
            for shard in region.board.shards().filter(|shard| !region.leases.holds(*shard)) {
                let Some(heard) = region.board.heard(LogId { origin, shard }) else { continue };
                let mut peer = peer.lock();
                peer.followed.insert(shard);
                if peer.heard_at.is_none_or(|at| at < heard.at) {
                    peer.heard_at = Some(heard.at);
                    let ago_ms = now.saturating_duration_since(heard.at).as_millis() as i64;
                    peer.compare_clocks(wall_ms - ago_ms - heard.sent_ms as i64);
                }
            }
        }
    }

    pub(crate) fn down(&self, region: RegionId, shard: ShardId, error: String) {
        if let Some(peer) = self.peers.get(&region) {
            let mut peer = peer.lock();
            peer.followed.remove(&shard);
            peer.last_error = Some(error);
        }
    }

    /// True if that is news.
    pub(crate) fn refused(&self, region: RegionId, text: &str) -> bool {
        let Some(peer) = self.peers.get(&region) else { return false };
        let mut peer = peer.lock();
        let news = peer.refused.as_deref() != Some(text);
        if news {
            peer.refused = Some(text.to_owned());
        }
        news
    }

    pub(crate) fn regions(&self) -> impl Iterator<Item = RegionId> + '_ {
        self.peers.keys().copied()
    }

    pub(crate) fn name(&self, region: RegionId) -> Name {
        self.membership.name(region)
    }
}
