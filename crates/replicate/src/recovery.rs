//! Notices that this store is an old copy of itself, and copies back what it has lost.
//!
//! A position is never used twice. At each start every peer is asked whether it holds more of this region's log than this store does. If one
//! does, or if one does not answer in time and so may, a new life begins before anything is written. What was lost is copied back into
//! the old epochs: at once from peers that answered, later from those that did not, which are remembered until they were asked.

use crate::claims::Claim;
use crate::gate::Gatekeeper;
use crate::limits::{FETCH_WAIT, RECOVERY_PAUSE_FIRST, RECOVERY_PAUSE_MAX, RECOVERY_WAIT};
use crate::metrics::Metrics;
use crate::reactor::Rewinds;
use crate::source::Source;
use crate::unheard::Unheard;
use futures::future::{join_all, try_join_all};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use sterna_crdt::RegionId;
use sterna_env::{Backoff, Env};
use sterna_log::{Frame, LogId, Position, ShardId};
use sterna_store::{CommitError, ReadError};
use sterna_stream::{FollowError, Repair};
use sterna_write::{MergeError, Region, Writer};
use tokio::sync::mpsc;

pub(crate) struct Recovery {
    pub writer: Arc<Writer>,
    pub repair: Arc<dyn Repair>,
    pub source: Arc<Source>,
    pub gate: Arc<Gatekeeper>,
    pub rewinds: Arc<Rewinds>,
    pub metrics: Metrics,
    /// Peers to which frames of older epochs may be on their way, and where this region's log ended.
    pub late: Mutex<BTreeMap<RegionId, Ends>>,
}

/// Where this region's log of each shard ends.
pub(crate) type Ends = BTreeMap<ShardId, Position>;

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    Peer(#[from] FollowError),
    #[error(transparent)]
    Merge(#[from] MergeError),
}

/// What the peers said.
#[derive(Default)]
struct Asked {
    /// They hold entries that this store has not.
    holders: Vec<RegionId>,
    /// Some of these belong to the current epoch.
    current: bool,
    unheard: Vec<RegionId>,
}

impl Recovery {
    /// Asks, recovers and opens the gate; then looks into claims, and asks the peers that have not answered.
    pub async fn run(self) {
        let Some(claims) = self.source.claims().take() else { return };
        let mut backoff = Backoff::new(RECOVERY_PAUSE_FIRST, RECOVERY_PAUSE_MAX);
        let mut unheard = loop {
            match self.begin().await {
                Ok(unheard) => break unheard,
                Err(error) => {
                    tracing::error!(%error, "whether this store is an old copy can't be found out yet; trying again");
                    backoff.pause(self.env()).await;
                }
            }
        };
        self.region().leases.set_sound();
        self.source.allow_seals(true);
        self.gate.recovered();
        self.watch(claims, &mut unheard).await;
    }

    async fn begin(&self) -> Result<Unheard, Failure> {
        let mut unheard = Unheard::load(self.region()).await?;
        if self.region().leases.in_company().await {
            // Its other processes have asked, and have been at work since: its store is no old copy. They may have begun a new life since
            // this one read the region's record, and have peers to hear.
            self.region().look_again().await?;
            unheard = Unheard::load(self.region()).await?;
            self.note_old_ends().await?;
            self.note(&unheard);
            return Ok(unheard);
        }
        let ends = self.ends().await?;
        let asked = self.ask(&ends).await?;
        let reason = match (&asked.holders[..], &asked.unheard[..]) {
            ([], []) => None,
            ([], silent) => Some(format!("it begins a new life, because {} can't say whether its log is whole", self.names(silent))),
            (holders, _) => Some(format!("its store is an old copy of itself; it copies back what {} still holds", self.names(holders))),
        };
        if let Some(reason) = reason {
            tracing::warn!(region = %self.region().name, reason, "recovery");
            self.gate.close(&reason);
            if asked.current || !asked.unheard.is_empty() {
                self.new_life(&reason).await?;
            }
        }
        self.note_old_ends().await?;
        let mut silent = asked.unheard;
        for peer in asked.holders {
            if let Err(error) = self.copy_back(peer, &ends).await {
                tracing::error!(peer = %self.names(&[peer]), %error, "not everything is copied back yet");
                silent.push(peer);
            }
        }
        unheard.add(self.region(), &silent, &ends).await?;
        if self.is_new(&ends) {
            self.expect_late(&ends).await?;
        }
        self.note(&unheard);
        Ok(unheard)
    }

    async fn watch(&self, mut claims: mpsc::Receiver<Claim>, unheard: &mut Unheard) {
        let mut backoff = Backoff::new(RECOVERY_PAUSE_FIRST, RECOVERY_PAUSE_MAX);
        loop {
            let pause = match unheard.is_empty() && self.late.lock().is_empty() {
                true => RECOVERY_PAUSE_MAX,
                false => backoff.next(self.env()).max(RECOVERY_PAUSE_FIRST),
            };
            let claim = self.env().timeout(pause, claims.recv()).await;
            if !self.region().leases.holds_region() {
                // Another process asks, and writes down whom it has not heard.
                if let Ok(stored) = Unheard::load(self.region()).await {
                    *unheard = stored;
                    self.note(unheard);
                }
                if let Some(Some(_)) = claim {
                    self.look_back().await;
                    self.env().sleep(RECOVERY_WAIT).await;
                }
                continue;
            }
            if let Some(Some(claim)) = claim
                && let Err(error) = self.look_into(claim, unheard).await
            {
                tracing::error!(%error, "a claim that this store is an old copy can't be looked into");
            }
            while claims.try_recv().is_ok() {}
            for (peer, since) in unheard.peers() {
                if self.copy_back(peer, &since).await.is_ok() && unheard.remove(self.region(), peer).await.is_ok() {
                    backoff.reset();
                }
            }
            self.fetch_late().await;
            self.note(unheard);
        }
    }

    /// A frame of an older epoch may still be on its way to a peer that had nothing of it when it was asked. Each shard's log gets an
    /// entry of the new one, so that it is known when nothing is any more.
    async fn expect_late(&self, ends: &Ends) -> Result<(), CommitError> {
        {
            let mut late = self.late.lock();
            self.region().living_peers().for_each(|peer| _ = late.entry(peer).or_insert_with(|| ends.clone()));
        }
        self.writer.mark_life().await
    }

    /// Asks the peers again, until they have applied entries of the current epoch in every shard: such a peer copies no older ones any
    /// more, so what it answers then is all that it will ever have of them.
    async fn fetch_late(&self) {
        let expected = self.late.lock().clone();
        for (peer, since) in expected {
            if self.region().is_lost(peer) {
                self.late.lock().remove(&peer);
                continue;
            }
            let past = self.is_past(peer);
            if self.copy_back(peer, &since).await.is_ok() && past {
                self.late.lock().remove(&peer);
            }
        }
    }

    /// It has applied entries of the current epoch in every shard.
    fn is_past(&self, peer: RegionId) -> bool {
        let epoch = self.region().life().epoch;
        self.region().board.shards().all(|shard| self.source.claims().is_past(peer, shard, epoch))
    }

    /// A disk may have been lost with entries that nobody has, and on which others depend: finds out whether anything that is missing can still come.
    async fn look_back(&self) {
        let epoch = self.region().life().epoch;
        if self.region().is_past_whole(epoch) || !self.region().living_peers().all(|peer| self.is_past(peer)) {
            return;
        }
        let old_ends: Ends = self.region().board.shards().map(|shard| (shard, self.source.claims().old_end(shard))).collect();
        for peer in self.region().living_peers() {
            for (&shard, &end) in &old_ends {
                let Ok(mut frame) = self.fetch(peer, shard, end).await else { return };
                frame.entries.retain(|entry| entry.position.epoch < epoch);
                if !self.lost(&frame).await.is_ok_and(|lost| lost.is_empty()) {
                    return;
                }
            }
        }
        tracing::info!(region = %self.region().name, epoch, "what is missing of the lives before this one is gone");
        self.region().set_past_whole(epoch);
    }

    /// Asks whether the claim is true, and recovers if it is. Asked again at most once in [`RECOVERY_WAIT`].
    async fn look_into(&self, claim: Claim, unheard: &Unheard) -> Result<(), Failure> {
        tracing::debug!(shard = claim.shard.0, position = ?claim.position, "somebody claims to have more of this region's log");
        let ends = self.ends().await?;
        let asked = self.ask(&ends).await?;
        let mut failed = Ok(());
        if asked.current {
            let reason = format!("its store is an old copy of itself; it copies back what {} still holds", self.names(&asked.holders));
            self.gate.close(&reason);
            self.source.allow_seals(false);
            self.new_life(&reason).await?;
            self.note_old_ends().await?;
            for &peer in &asked.holders {
                failed = failed.and(self.copy_back(peer, &ends).await);
            }
            self.expect_late(&ends).await?;
            self.note(unheard);
            self.source.allow_seals(true);
            self.gate.recovered();
        } else {
            let old_ends = self.region().board.shards().map(|shard| (shard, self.source.claims().old_end(shard))).collect();
            for peer in self.region().living_peers() {
                failed = failed.and(self.copy_back(peer, &old_ends).await);
            }
            self.look_back().await;
        }
        self.env().sleep(RECOVERY_WAIT).await;
        failed
    }

    /// Asks every peer for what it holds behind `ends`, for up to [`RECOVERY_WAIT`].
    async fn ask(&self, ends: &Ends) -> Result<Asked, Failure> {
        let peers: Vec<RegionId> = self.region().living_peers().collect();
        let answers = join_all(peers.iter().map(|peer| self.env().timeout(RECOVERY_WAIT, self.ask_peer(*peer, ends)))).await;
        let mut asked = Asked::default();
        let epoch = self.region().life().epoch;
        for (peer, answer) in peers.into_iter().zip(answers) {
            let Some(frames) = answer else {
                asked.unheard.push(peer);
                continue;
            };
            let mut lost = Vec::new();
            for frame in frames {
                lost.extend(self.lost(&frame).await?);
            }
            if !lost.is_empty() {
                asked.holders.push(peer);
            }
            asked.current |= lost.iter().any(|position| position.epoch >= epoch);
        }
        Ok(asked)
    }

    async fn ask_peer(&self, peer: RegionId, ends: &Ends) -> Vec<Frame> {
        let mut backoff = Backoff::new(RECOVERY_PAUSE_FIRST, RECOVERY_PAUSE_FIRST);
        loop {
            match try_join_all(ends.iter().map(|(shard, end)| self.fetch(peer, *shard, *end))).await {
                Ok(frames) => return frames,
                Err(_) => backoff.pause(self.env()).await,
            }
        }
    }

    /// The positions of a frame's entries that this store has not.
    async fn lost(&self, frame: &Frame) -> Result<Vec<Position>, ReadError> {
        let Some(last) = frame.entries.last() else { return Ok(Vec::new()) };
        let mut lost: Vec<Position> = frame.entries.iter().map(|e| e.position).collect();
        let mut after = frame.after;
        loop {
            let held = self.writer.logs().read(frame.log, after, last.position, 1 << 20).await?;
            let Some(end) = held.last() else { return Ok(lost) };
            after = end.position;
            lost.retain(|position| held.binary_search_by_key(position, |e| e.position).is_err());
        }
    }

    /// Copies what `peer` holds of this region's older epochs behind `since`.
    async fn copy_back(&self, peer: RegionId, since: &Ends) -> Result<(), Failure> {
        let epoch = self.region().life().epoch;
        let mut copied = 0;
        for (&shard, &since) in since {
            let mut after = since;
            loop {
                let mut frame = self.fetch(peer, shard, after).await?;
                frame.entries.retain(|e| e.position.epoch < epoch && e.position > after);
                let Some(last) = frame.entries.last().map(|e| e.position) else { break };
                let lost = self.lost(&frame).await?.len();
                after = last;
                if lost == 0 {
                    continue;
                }
                self.insert(frame).await?;
                self.source.claims().set_old_end(shard, last.max(self.source.claims().old_end(shard)));
                self.rewinds.rewind(shard, since);
                copied += lost as u64;
            }
        }
        if copied > 0 {
            let name = self.region().membership.name(peer);
            tracing::warn!(peer = %name, entries = copied, "copied back entries of this region's own log");
            self.metrics.recovered_entries.with_label_values(&[&name]).inc_by(copied);
        }
        Ok(())
    }

    async fn insert(&self, frame: Frame) -> Result<(), Failure> {
        let log = frame.log;
        match self.writer.merge(frame.clone()).await {
            Ok(_) | Err(MergeError::Ahead { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let lost = self.lost(&frame).await?;
        if !lost.is_empty() {
            tracing::error!(shard = log.shard.0, first = %lost[0], entries = lost.len(), "lies behind a later life, and can't be copied back");
        }
        Ok(())
    }

    /// What this region spent may be among what they hold, or what is on its way to them.
    fn note(&self, unheard: &Unheard) {
        let mut peers: Vec<RegionId> = unheard.peers().into_iter().map(|(peer, _)| peer).chain(self.late.lock().keys().copied()).collect();
        peers.sort_unstable();
        peers.dedup();
        self.region().set_unheard(peers.into_iter().filter(|peer| !self.region().is_lost(*peer)).collect());
    }

    /// Whether nothing was written in the current epoch yet, while there are older ones, or may be: the region took commands before. `ends` as
    /// they were found.
    fn is_new(&self, ends: &Ends) -> bool {
        let epoch = self.region().life().epoch;
        let older = ends.values().any(|end| *end != Position::ZERO) || self.region().life().admitted;
        older && !self.region().alone() && ends.values().all(|end| end.epoch < epoch)
    }

    async fn new_life(&self, reason: &str) -> Result<(), CommitError> {
        self.writer.begin_new_life(reason).await?;
        self.metrics.lives_begun.inc();
        Ok(())
    }

    async fn ends(&self) -> Result<Ends, ReadError> {
        let tip = |shard| async move { Ok((shard, self.writer.logs().tip(self.own(shard)).await?)) };
        try_join_all(self.region().board.shards().map(tip)).await.map(|ends| ends.into_iter().collect())
    }

    async fn note_old_ends(&self) -> Result<(), ReadError> {
        let epoch = self.region().life().epoch;
        for shard in self.region().board.shards() {
            let end = self.writer.logs().tip_before(self.own(shard), epoch).await?;
            self.source.claims().set_old_end(shard, end);
        }
        Ok(())
    }

    async fn fetch(&self, peer: RegionId, shard: ShardId, after: Position) -> Result<Frame, FollowError> {
        let late = |wait: Duration| Err(FollowError::Unreachable(format!("no answer within {wait:?}")));
        let fetching = self.repair.fetch(peer, self.own(shard), after);
        self.env().timeout(FETCH_WAIT, fetching).await.unwrap_or_else(|| late(FETCH_WAIT))
    }

    fn own(&self, shard: ShardId) -> LogId {
        LogId { origin: self.region().me, shard }
    }

    fn names(&self, regions: &[RegionId]) -> String {
        let names: Vec<_> = regions.iter().map(|region| self.region().membership.name(*region)).collect();
        names.join(", ")
    }

    fn region(&self) -> &Arc<Region> {
        self.writer.region()
    }

    fn env(&self) -> &Env {
        &self.region().env
    }
}
