//! Who has applied what, as this process knows it.

use crate::Tally;
use crate::keys::heard::HeardRecord;
use parking_lot::{Mutex, RwLock};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use sterna_crdt::RegionId;
use sterna_env::{Env, Instant, mutation};
use sterna_log::{AggregateId, Applied, LogId, Position, Progress, ShardId};
use tokio::sync::{Notify, watch};

/// The region's progress, shard by shard, and what the other regions said of theirs.
pub struct Board {
    env: Env,
    shards: Vec<Mutex<ShardBoard>>,
    changed: Vec<watch::Sender<u64>>,
    any: watch::Sender<u64>,
    /// Regions that were declared lost: nothing waits for them.
    left_out: RwLock<BTreeSet<RegionId>>,
    events: AtomicU64,
    /// How often verdicts are known to have been written, by shard.
    verdicts: Vec<AtomicU64>,
    notices: Vec<Notify>,
    parked: Mutex<BTreeMap<AggregateId, String>>,
}

#[derive(Clone, Debug, Default)]
struct ShardBoard {
    copied: Applied,
    applied: Applied,
    sealed: Applied,
    epochs: BTreeMap<(RegionId, u64), Epoch>,
    known: BTreeMap<RegionId, Applied>,
    heard: BTreeMap<RegionId, Heard>,
    tally: Tally,
}

/// How much of a log's entries of one epoch is here.
#[derive(Clone, Copy, Debug, Default)]
pub struct Epoch {
    pub copied: Position,
    pub merged: Position,
}

/// The last seal of a log that this region has reached, and when.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    /// The origin's wall clock when it named the seal.
    pub sent_ms: u64,
    /// When it was heard here.
    pub at: Instant,
}

impl Board {
    pub fn new(env: Env, shards: u16) -> Self {
        let senders = || (0..shards).map(|_| watch::Sender::new(0)).collect();
        Self {
            env,
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            changed: senders(),
            any: watch::Sender::new(0),
            left_out: RwLock::default(),
            events: AtomicU64::new(0),
            verdicts: (0..shards).map(|_| AtomicU64::new(0)).collect(),
            notices: (0..shards).map(|_| Notify::new()).collect(),
            parked: Mutex::default(),
        }
    }

    pub fn shards(&self) -> impl Iterator<Item = ShardId> {
        (0..self.shards.len()).map(|s| ShardId(s as u16))
    }

    /// Ends of entries that are in this region's copies of the logs.
    pub fn copied(&self, shard: ShardId) -> Applied {
        self.at(shard).lock().copied.clone()
    }

    /// Ends of entries that are merged into this region's aggregates; its own log included. No seals.
    pub fn applied(&self, shard: ShardId) -> Applied {
        self.at(shard).lock().applied.clone()
    }

    /// The position up to which this region has applied a log, seals included.
    pub fn reached(&self, log: LogId) -> Position {
        let board = self.at(log.shard).lock();
        board.applied.get(log.origin).max(board.sealed.get(log.origin))
    }

    /// What `region` said it had applied of this shard's logs.
    pub fn known(&self, shard: ShardId, region: RegionId) -> Applied {
        self.at(shard).lock().known.get(&region).cloned().unwrap_or_default()
    }

    pub fn heard(&self, log: LogId) -> Option<Heard> {
        self.at(log.shard).lock().heard.get(&log.origin).copied()
    }

    pub fn progress(&self) -> Progress {
        let mut progress = Progress::default();
        self.shards().for_each(|shard| progress.raise_shard(shard, &self.applied(shard)));
        progress
    }

    /// The position up to which every one of `members` has applied `log`: events up to there are settled, their causes aside.
    pub fn applied_by_all(&self, log: LogId, me: RegionId, members: impl Iterator<Item = RegionId>) -> Position {
        self.applied_by_each(log, me, members).into_iter().min().unwrap_or_default()
    }

    /// Whether every one of `members` has applied the event at `position`. `None` if some have applied entries of a later epoch of the log: whether
    /// they had this one before, the position does not say.
    pub fn all_have(&self, log: LogId, position: Position, me: RegionId, members: impl Iterator<Item = RegionId>) -> Option<bool> {
        let all = self.applied_by_each(log, me, members);
        if all.iter().any(|applied| *applied < position) {
            return Some(false);
        }
        all.iter().all(|applied| applied.epoch == position.epoch || *applied == Self::ITS_OWN).then_some(true)
    }

    /// How much of its own log a region has applied.
    const ITS_OWN: Position = Position { epoch: u64::MAX, commit: [0xff; 10], index: u16::MAX };

    fn applied_by_each(&self, log: LogId, me: RegionId, members: impl Iterator<Item = RegionId>) -> SmallVec<[Position; 8]> {
        let left_out = self.left_out.read();
        let board = self.at(log.shard).lock();
        let of = |region: RegionId| match region {
            region if region == log.origin => Self::ITS_OWN,
            region if region == me => board.applied.get(log.origin),
            region => board.known.get(&region).map_or(Position::ZERO, |applied| applied.get(log.origin)),
        };
        let mut all: SmallVec<[Position; 8]> = members.filter(|region| !left_out.contains(region)).map(of).collect();
        if mutation::on("settled-too-early") && all.len() > 1 {
            all.sort_unstable();
            all.remove(0);
        }
        all
    }

    pub(crate) fn leave_out(&self, region: RegionId) {
        self.left_out.write().insert(region);
    }

    pub fn raise_copied(&self, log: LogId, position: Position) {
        let mut board = self.at(log.shard).lock();
        let epoch = board.epochs.entry((log.origin, position.epoch)).or_default();
        epoch.copied = position.max(epoch.copied);
        let changed = board.copied.raise(log.origin, position);
        drop(board);
        if changed {
            self.notify(log.shard);
        }
    }

    pub fn raise_applied(&self, log: LogId, position: Position) {
        self.raise(log, position, true);
    }

    /// The log ends here; of an earlier epoch something may still be copied back.
    pub(crate) fn raise_end(&self, log: LogId, position: Position) {
        self.raise(log, position, false);
    }

    fn raise(&self, log: LogId, position: Position, is_merged: bool) {
        let mut board = self.at(log.shard).lock();
        if is_merged {
            let epoch = board.epochs.entry((log.origin, position.epoch)).or_default();
            epoch.merged = position.max(epoch.merged);
        }
        board.copied.raise(log.origin, position);
        let changed = board.applied.raise(log.origin, position);
        drop(board);
        if changed {
            self.notify(log.shard);
        }
    }

    /// Later epochs say nothing of what an old copy of a store has lost.
    pub fn epoch(&self, log: LogId, epoch: u64) -> Epoch {
        self.at(log.shard).lock().epochs.get(&(log.origin, epoch)).copied().unwrap_or_default()
    }

    /// `region` has applied this much of the shard's logs.
    pub fn learn(&self, shard: ShardId, region: RegionId, applied: &Applied) {
        self.at(shard).lock().known.entry(region).or_default().join(applied);
    }

    /// What this process was told by other regions.
    pub(crate) fn told(&self, shard: ShardId) -> HeardRecord {
        let board = self.at(shard).lock();
        let bytes = |&(origin, position): &(RegionId, Position)| (origin.0, position.to_bytes().to_vec());
        HeardRecord {
            known: board.known.iter().map(|(region, applied)| (region.0, applied.0.iter().map(bytes).collect())).collect(),
            sealed: board
                .heard
                .iter()
                .map(|(origin, heard)| (origin.0, board.sealed.get(*origin).to_bytes().to_vec(), heard.sent_ms))
                .collect(),
        }
    }

    /// What another process of this region was told; with `lately`, since this one looked last.
    pub(crate) fn hear(&self, shard: ShardId, record: &HeardRecord, lately: bool) {
        record.known().for_each(|(region, applied)| self.learn(shard, region, &applied));
        for (origin, bytes, sent_ms) in &record.sealed {
            let (log, sealed) = (LogId { origin: RegionId(*origin), shard }, Position::from_bytes(bytes).unwrap_or_default());
            // What is as old as before shows nobody to be alive.
            match lately && self.heard(log).is_none_or(|heard| heard.sent_ms < *sent_ms) {
                true => self.seal(log, sealed, *sent_ms),
                false => self.raise_sealed(log, sealed),
            }
        }
    }

    /// A heartbeat of `log` whose `after` this region has applied: the log is complete up to `sealed`.
    pub fn seal(&self, log: LogId, sealed: Position, sent_ms: u64) {
        let heard = Heard { sent_ms, at: self.env.now() };
        let mut board = self.at(log.shard).lock();
        let slot = board.heard.entry(log.origin).or_insert(heard);
        if slot.sent_ms <= sent_ms {
            *slot = heard;
        }
        drop(board);
        self.raise_sealed(log, sealed);
    }

    fn raise_sealed(&self, log: LogId, sealed: Position) {
        if self.at(log.shard).lock().sealed.raise(log.origin, sealed) {
            self.notify(log.shard);
        }
    }

    /// How many events this process has applied, its own and merged ones.
    pub fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    pub(crate) fn count_events(&self, events: u64) {
        self.events.fetch_add(events, Ordering::Relaxed);
    }

    /// Grows with every event that is found void in a shard, by whichever process of the region: then there is news of it in the store.
    pub fn verdicts(&self, shard: ShardId) -> u64 {
        self.verdicts[usize::from(shard.0)].load(Ordering::Relaxed)
    }

    pub(crate) fn count_verdicts(&self, shard: ShardId, verdicts: usize) {
        self.verdicts[usize::from(shard.0)].fetch_add(verdicts as u64, Ordering::Relaxed);
        self.notify(shard);
    }

    /// Aggregates whose events can't be applied, and why.
    pub fn parked(&self) -> Vec<(AggregateId, String)> {
        self.parked.lock().iter().map(|(id, reason)| (id.clone(), reason.clone())).collect()
    }

    pub(crate) fn park(&self, id: &AggregateId, reason: &str) -> usize {
        let mut parked = self.parked.lock();
        parked.insert(id.clone(), reason.to_owned());
        parked.len()
    }

    /// Returns how many are left.
    pub(crate) fn unpark(&self, id: &AggregateId) -> usize {
        let mut parked = self.parked.lock();
        parked.remove(id);
        parked.len()
    }

    /// These are all of them.
    pub(crate) fn set_parked(&self, all: BTreeMap<AggregateId, String>) -> usize {
        let mut parked = self.parked.lock();
        *parked = all;
        parked.len()
    }

    /// There are notices of void causes for this shard.
    pub(crate) fn poke(&self, shard: ShardId) {
        self.notices[usize::from(shard.0)].notify_one();
    }

    pub(crate) async fn poked(&self, shard: ShardId) {
        self.notices[usize::from(shard.0)].notified().await;
    }

    /// This region's own log ended here when the process started.
    pub(crate) fn start_tally(&self, shard: ShardId, end: Position) {
        self.at(shard).lock().tally = Tally::starting_at(end);
    }

    /// An entry was added to this region's own log.
    pub(crate) fn wrote(&self, shard: ShardId, position: Position, events: u64) {
        self.count_events(events);
        self.at(shard).lock().tally.push(position, events);
    }

    /// How many events of this region's own log lie behind `position`. The error is the position before which nothing is known: say
    /// more with [`Self::tell`].
    pub fn own_behind(&self, shard: ShardId, position: Position) -> Result<u64, Position> {
        let board = self.at(shard).lock();
        board.tally.behind(position).ok_or_else(|| board.tally.known_from())
    }

    /// The entries of this region's own log behind `from` and up to what [`Self::own_behind`] gave as its error, each with the number of
    /// its events.
    pub fn tell(&self, shard: ShardId, from: Position, entries: &[(Position, u64)]) {
        self.at(shard).lock().tally.extend_back(from, entries);
    }

    /// Nobody asks [`Self::own_behind`] for positions before this one any more.
    pub fn forget_before(&self, shard: ShardId, position: Position) {
        self.at(shard).lock().tally.forget_before(position);
    }

    /// Changes whenever something of this shard does.
    pub fn subscribe(&self, shard: ShardId) -> watch::Receiver<u64> {
        self.changed[usize::from(shard.0)].subscribe()
    }

    /// Changes whenever something of any shard does.
    pub fn subscribe_any(&self) -> watch::Receiver<u64> {
        self.any.subscribe()
    }

    fn at(&self, shard: ShardId) -> &Mutex<ShardBoard> {
        &self.shards[usize::from(shard.0)]
    }

    fn notify(&self, shard: ShardId) {
        self.changed[usize::from(shard.0)].send_modify(|n| *n += 1);
        self.any.send_modify(|n| *n += 1);
    }
}
