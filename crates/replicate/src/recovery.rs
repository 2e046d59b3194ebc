//! Notices that this store is an old copy of itself, and gets back what it has lost.
//!
//! A position is never used twice, and what others count as settled never meets anything concurrent. At each start every peer is asked
//! whether it holds more of this region's log than this store does, or has heard it to have applied more. If one does, the store is an old
//! copy, as it is if its folder says so: a new life begins, of which every peer is told before anything is written in it. From then on a
//! peer takes nothing more of the lives before from this region's own frames, so what it says to have of them is all there will ever be.
//! That is copied back, and when this region has applied what the peers had, its gate opens.
//!
//! Where no peer tells a copy and some don't answer, a new life begins as well, and the gate opens at once: most likely nothing is
//! lost. Who has not answered is remembered until it has; what is found to be lost then is copied back into the lives before.

use crate::claims::Claim;
use crate::desk::answered;
use crate::gate::Gatekeeper;
use crate::limits::{RECOVERY_PAUSE_FIRST, RECOVERY_PAUSE_MAX, RECOVERY_WAIT};
use crate::metrics::Metrics;
use crate::reactor::Rewinds;
use crate::recall::{self, Recalled};
use crate::source::Source;
use crate::unheard::Unheard;
use futures::future::{join_all, try_join_all};
use std::collections::BTreeMap;
use std::sync::Arc;
use sterna_crdt::RegionId;
use sterna_env::{Backoff, Env};
use sterna_log::{Frame, LogId, Position, ShardId};
use sterna_store::{CommitError, ReadError};
use sterna_stream::{FollowError, Repair};
use sterna_write::{MergeError, RecordError, Region, Writer};
use tokio::sync::mpsc;

pub(crate) struct Recovery {
    pub writer: Arc<Writer>,
    pub repair: Arc<dyn Repair>,
    pub source: Arc<Source>,
    pub gate: Arc<Gatekeeper>,
    pub rewinds: Arc<Rewinds>,
    pub metrics: Metrics,
}

/// Where this region's log of each shard ends.
pub(crate) type Ends = BTreeMap<ShardId, Position>;

/// Up to where a restored region has to get each log.
type Targets = BTreeMap<LogId, Position>;

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Peer(#[from] FollowError),
    #[error(transparent)]
    Merge(#[from] MergeError),
    #[error("a peer knows of a later life of this region")]
    Outlived { epoch: u64 },
}

/// What the peers said.
#[derive(Default)]
struct Asked {
    /// They hold entries that this store has not, or have heard of more than it knows.
    holders: Vec<RegionId>,
    /// Some of that belongs to the current epoch, or to a later one.
    is_current: bool,
    silent: Vec<RegionId>,
    /// The latest epoch of this region that anybody knows.
    epoch: u64,
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
        self.go_on();
        self.gate.recovered();
        self.watch(claims, &mut unheard).await;
    }

    async fn begin(&self) -> Result<Unheard, Failure> {
        if self.region().leases.in_company().await {
            // Its other processes have asked, and have been at work since: its store is no old copy, or they deal with it. They may have begun a new
            // life since this one read the region's record, and have peers to hear.
            self.region().look_again().await?;
            let unheard = Unheard::load(self.region()).await?;
            self.note_old_ends().await?;
            self.note(&unheard);
            return Ok(unheard);
        }
        let mut unheard = Unheard::load(self.region()).await?;
        let asked = self.ask(&self.ends().await?).await?;
        if let Some(reason) = self.reason(&asked) {
            self.begin_new_life(&reason, !asked.holders.is_empty(), asked.epoch, &mut unheard).await?;
        }
        self.note_old_ends().await?;
        self.note(&unheard);
        if self.region().life().restored {
            self.restore(&mut unheard).await?;
        }
        Ok(unheard)
    }

    /// Why a new life has to begin, if it has.
    fn reason(&self, asked: &Asked) -> Option<String> {
        match (&asked.holders[..], &asked.silent[..]) {
            _ if self.region().life().restored && !asked.is_current => None,
            ([], []) => None,
            ([], silent) => Some(format!("it begins a new life, because {} can't say whether its log is whole", self.names(silent))),
            (holders, _) => Some(format!("its store is an old copy of itself; it gets back what {} still holds", self.names(holders))),
        }
    }

    /// Every peer is to be heard after that, also those that have said something already: entries may have been on their way to them.
    async fn begin_new_life(&self, reason: &str, restored: bool, behind: u64, unheard: &mut Unheard) -> Result<(), Failure> {
        tracing::warn!(region = %self.region().name, reason, "recovery");
        self.gate.close(reason);
        self.source.allow_seals(false);
        self.hear_all_again(unheard).await?;
        self.writer.begin_new_life(reason, restored, behind).await?;
        self.metrics.lives_begun.inc();
        Ok(self.note_old_ends().await?)
    }

    async fn hear_all_again(&self, unheard: &mut Unheard) -> Result<(), Failure> {
        let peers: Vec<RegionId> = self.region().living_peers().collect();
        unheard.add(self.region(), &peers, &self.ends().await?).await?;
        self.note(unheard);
        Ok(())
    }

    /// Gets back what the peers have of this region's log, and what this region had of theirs. Nobody but an operator, who declares a region
    /// lost, can excuse a peer from that.
    async fn restore(&self, unheard: &mut Unheard) -> Result<(), Failure> {
        self.hear_all_again(unheard).await?;
        let mut targets = Targets::default();
        let mut backoff = Backoff::new(RECOVERY_PAUSE_FIRST, RECOVERY_PAUSE_MAX);
        loop {
            match self.hear_some(unheard, &mut targets).await {
                Err(Failure::Outlived { epoch }) => {
                    self.begin_new_life("a peer knows of a later life than that of this old copy", true, epoch, unheard).await?;
                }
                heard => heard?,
            }
            if unheard.is_empty() {
                break;
            }
            let missing: Vec<RegionId> = unheard.peers().into_iter().map(|(peer, _)| peer).collect();
            let names = self.names(&missing);
            self.gate.close(&format!(
                "its store is an old copy of itself, and {names} has not said yet what it holds; declare a region lost that does not come back"
            ));
            backoff.pause(self.env()).await;
        }
        self.go_on();
        self.all_heard().await?;
        self.catch_up(&targets).await;
        self.region().end_restore().await?;
        self.gate.recovered();
        tracing::info!(region = %self.region().name, "what its old copy had lost is back");
        Ok(())
    }

    /// The peers are followed from now on, and this region's log is whole as far as anybody can say.
    fn go_on(&self) {
        self.region().leases.set_sound();
        self.source.allow_seals(true);
        self.gate.set_asked();
    }

    /// No peer has anything of the lives before that is not here.
    async fn all_heard(&self) -> Result<(), CommitError> {
        tracing::info!(region = %self.region().name, "all there is of the lives before this one is here");
        self.region().set_past_whole(self.region().life().epoch);
        self.writer.mark_life().await
    }

    /// Waits until this region has applied what its peers had when they were asked. What nobody has any more is covered by the next life of its origin.
    async fn catch_up(&self, targets: &Targets) {
        let board = &self.region().board;
        let mut changed = board.subscribe_any();
        let is_lacking = |(&log, &target): (&LogId, &Position)| {
            let counts = self.region().fence(log.origin).and_then(|fence| fence.end(log.shard));
            board.reached(log) < counts.map_or(target, |end| target.min(end))
        };
        loop {
            let mut lacking: Vec<RegionId> = targets.iter().filter(|target| is_lacking(*target)).map(|(log, _)| log.origin).collect();
            lacking.dedup();
            if lacking.is_empty() {
                return;
            }
            self.gate.close(&format!("its store is an old copy of itself, and follows {} to where it was", self.names(&lacking)));
            self.env().timeout(RECOVERY_PAUSE_MAX, changed.changed()).await;
        }
    }

    async fn watch(&self, mut claims: mpsc::Receiver<Claim>, unheard: &mut Unheard) {
        let mut backoff = Backoff::new(RECOVERY_PAUSE_FIRST, RECOVERY_PAUSE_MAX);
        loop {
            let pause = match unheard.is_empty() {
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
                    self.env().sleep(RECOVERY_WAIT).await;
                }
                continue;
            }
            let before = unheard.len();
            let done = match claim {
                _ if self.region().life().restored => self.restore(unheard).await,
                Some(Some(_)) => self.look_into(unheard).await,
                _ => self.hear_late(unheard).await,
            };
            if let Err(error) = done {
                tracing::warn!(%error, "not all of this region's log is known to be here");
            }
            if unheard.len() < before {
                backoff.reset();
            }
            while claims.try_recv().is_ok() {}
            self.note(unheard);
        }
    }

    /// Hears the peers that had not answered.
    async fn hear_late(&self, unheard: &mut Unheard) -> Result<(), Failure> {
        if unheard.is_empty() {
            return Ok(());
        }
        self.hear_some(unheard, &mut Targets::default()).await?;
        if unheard.is_empty() { Ok(self.all_heard().await?) } else { Ok(()) }
    }

    /// Finds out whether it is true that somebody has more of this region's log, and recovers if it is. At most once in [`RECOVERY_WAIT`].
    async fn look_into(&self, unheard: &mut Unheard) -> Result<(), Failure> {
        tracing::debug!("somebody claims to have more of this region's log");
        let asked = self.ask(&self.ends().await?).await?;
        if asked.is_current {
            let reason = format!("its store is an old copy of itself; it gets back what {} still holds", self.names(&asked.holders));
            self.begin_new_life(&reason, true, asked.epoch, unheard).await?;
            return self.restore(unheard).await;
        }
        let old_ends = self.region().board.shards().map(|shard| (shard, self.source.claims().old_end(shard))).collect();
        let mut failed = Ok(());
        for peer in self.region().living_peers() {
            failed = failed.and(self.copy_back(peer, &old_ends).await);
        }
        self.env().sleep(RECOVERY_WAIT).await;
        failed
    }

    /// Asks every peer what it holds behind `ends`, for up to [`RECOVERY_WAIT`].
    async fn ask(&self, ends: &Ends) -> Result<Asked, Failure> {
        let peers: Vec<RegionId> = self.region().living_peers().collect();
        let answers = join_all(peers.iter().map(|peer| self.env().timeout(RECOVERY_WAIT, self.ask_peer(*peer)))).await;
        let mut asked = Asked::default();
        for (peer, answer) in peers.into_iter().zip(answers) {
            let Some(answer) = answer else {
                asked.silent.push(peer);
                continue;
            };
            let (holds, is_current) = (answer.holds_more(ends), answer.is_ahead(self.region(), ends));
            let reached = |origin, shard| self.region().board.reached(LogId { origin, shard });
            let has_heard =
                answer.shards.iter().any(|held| held.heard.0.iter().any(|(origin, theirs)| *theirs > reached(*origin, held.shard)));
            asked.epoch = asked.epoch.max(answer.epoch());
            asked.is_current |= is_current;
            if holds || is_current || has_heard {
                asked.holders.push(peer);
            }
        }
        Ok(asked)
    }

    async fn ask_peer(&self, peer: RegionId) -> Recalled {
        let mut backoff = Backoff::new(RECOVERY_PAUSE_FIRST, RECOVERY_PAUSE_FIRST);
        loop {
            match recall::ask(self.region(), &self.repair, peer, None).await {
                Ok(answer) => return answer,
                Err(_) => backoff.pause(self.env()).await,
            }
        }
    }

    /// Hears each of the peers that can be asked now.
    async fn hear_some(&self, unheard: &mut Unheard, targets: &mut Targets) -> Result<(), Failure> {
        for (peer, since) in unheard.peers() {
            if !self.region().is_lost(peer) {
                match self.hear(peer, &since, targets).await {
                    Ok(()) => {}
                    Err(Failure::Peer(error)) => {
                        tracing::debug!(peer = %self.names(&[peer]), %error, "not heard");
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            }
            unheard.remove(self.region(), peer).await?;
            self.note(unheard);
        }
        Ok(())
    }

    /// Tells a peer of this life, and copies back what it has of those before.
    async fn hear(&self, peer: RegionId, since: &Ends, targets: &mut Targets) -> Result<(), Failure> {
        let life = self.region().life();
        let answer = recall::ask(self.region(), &self.repair, peer, Some(life.incarnation)).await?;
        if answer.is_ahead(self.region(), &self.ends().await?) {
            return Err(Failure::Outlived { epoch: answer.epoch() });
        }
        // Frames of lives that the peer was restored from may still be on their way here, and what this store knew of that may be lost.
        self.region().note_life(peer, answer.life).await?;
        for held in &answer.shards {
            for &(origin, position) in &held.applied.without(self.region().me).0 {
                let target = targets.entry(LogId { origin, shard: held.shard }).or_default();
                *target = position.max(*target);
            }
        }
        self.copy_back(peer, since).await
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
        match self.writer.merge_copy(frame.clone()).await {
            Ok(_) | Err(MergeError::Ahead { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let lost = self.lost(&frame).await?;
        if !lost.is_empty() {
            tracing::error!(shard = log.shard.0, first = %lost[0], entries = lost.len(), "lies behind a later life, and can't be copied back");
        }
        Ok(())
    }

    /// What this region spent may be among what the unheard hold. Once all are heard, nothing that is missing of earlier lives can still come.
    fn note(&self, unheard: &Unheard) {
        let peers: Vec<RegionId> = unheard.peers().into_iter().map(|(peer, _)| peer).filter(|peer| !self.region().is_lost(*peer)).collect();
        if peers.is_empty() && !self.region().life().restored {
            self.region().set_past_whole(self.region().life().epoch);
        }
        self.region().set_unheard(peers);
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
        answered(self.env(), self.repair.fetch(peer, self.own(shard), after)).await
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
