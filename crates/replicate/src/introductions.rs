//! Whether the peers agree about the cluster, where the stream itself can't tell.
//!
//! Shards, members, addresses and the secret are compared wherever a peer's own process is asked. A stream that is something between the
//! processes carries frames of whoever writes there: so each peer is asked once before its logs are followed, and now and then from then on.

use crate::desk::answered;
use crate::limits::{INTRODUCTION_PAUSE, INTRODUCTION_WAIT, REFUSED_PAUSE};
use futures::future::join_all;
use std::collections::BTreeMap;
use std::sync::Arc;
use sterna_crdt::RegionId;
use sterna_log::{LogId, ShardId};
use sterna_stream::{FollowError, Repair};
use sterna_write::Region;
use tokio::sync::watch;

pub(crate) struct Introductions {
    region: Arc<Region>,
    repair: Arc<dyn Repair>,
    /// Empty where the stream asks the peers itself.
    peers: BTreeMap<RegionId, watch::Sender<Opinion>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Opinion {
    NotAsked,
    /// Or it could not be asked.
    Agrees,
    Refuses(String),
}

impl Introductions {
    /// `needed` where following a log does not ask its origin's own process.
    pub fn new(region: &Arc<Region>, repair: &Arc<dyn Repair>, needed: bool) -> Self {
        let peers = region.peers().filter(|_| needed).map(|peer| (peer, watch::Sender::new(Opinion::NotAsked))).collect();
        Self { region: Arc::clone(region), repair: Arc::clone(repair), peers }
    }

    pub fn needed(&self) -> bool {
        !self.peers.is_empty()
    }

    /// Asks the peers until it is dropped.
    pub async fn run(self: Arc<Self>) {
        join_all(self.peers.keys().map(|peer| self.keep_asking(*peer))).await;
    }

    /// Waits until the peer was asked. Why nothing of it may be merged, if that is so.
    pub async fn asked(&self, peer: RegionId) -> Result<(), String> {
        if let Some(opinion) = self.peers.get(&peer) {
            // The sender is here.
            opinion.subscribe().wait_for(|opinion| *opinion != Opinion::NotAsked).await.ok();
        }
        self.last(peer)
    }

    /// What it said last.
    pub fn last(&self, peer: RegionId) -> Result<(), String> {
        match self.peers.get(&peer).map(|opinion| opinion.borrow().clone()) {
            Some(Opinion::Refuses(text)) => Err(text),
            _ => Ok(()),
        }
    }

    async fn keep_asking(&self, peer: RegionId) {
        let (env, opinion) = (&self.region.env, &self.peers[&peer]);
        let patient_until = env.now() + INTRODUCTION_WAIT;
        loop {
            match self.ask(peer).await {
                Ok(()) => _ = opinion.send_replace(Opinion::Agrees),
                Err(FollowError::Refused(text)) => _ = opinion.send_replace(Opinion::Refuses(text)),
                // The way to it is cut, and the stream may go another one.
                Err(_) if env.now() >= patient_until => _ = opinion.send_if_modified(believe),
                Err(_) => {}
            }
            let waits = *opinion.borrow() == Opinion::NotAsked;
            env.sleep(if waits { INTRODUCTION_PAUSE } else { REFUSED_PAUSE }).await;
        }
    }

    async fn ask(&self, peer: RegionId) -> Result<(), FollowError> {
        let log = LogId { origin: peer, shard: ShardId(0) };
        let asking = self.repair.fetch(peer, log, self.region.board.copied(log.shard).get(peer));
        answered(&self.region.env, asking).await.map(drop)
    }
}

/// Who could not be asked is believed; what was said stays.
fn believe(opinion: &mut Opinion) -> bool {
    let believed = *opinion == Opinion::NotAsked;
    if believed {
        *opinion = Opinion::Agrees;
    }
    believed
}
