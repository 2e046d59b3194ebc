//! One transaction in the making, and what is to be done once it is committed.

use super::job::{Job, MergeJob, Unparked};
use super::merge::Copied;
use super::working::Working;
use crate::Accepted;
use crate::aggregate::CauseOf;
use crate::keys::home::{self, HomeRecord};
use crate::keys::progress::ShardProgress;
use crate::limits::BATCH_BYTES_MAX;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use sterna_crdt::Name;
use sterna_env::{HashMap, HashSet};
use sterna_log::{AggregateId, Applied, Entry, LogId, Position, ShardId};
use sterna_store::{Transaction, Version};
use tokio::sync::oneshot;

pub(crate) struct Batch {
    pub transaction: Transaction,
    pub touched: HashMap<AggregateId, Working>,
    /// Accepted commands, and replays of them, answered when the batch is durable.
    /// With the event's place in the entry, for one that is not a replay.
    pub answers: Vec<(Job, Accepted, Option<u16>)>,
    pub entry: Entry,
    pub entry_bytes: Bytes,
    pub epoch: u64,
    /// Where the logs will stand.
    pub after: Option<ShardProgress>,
    pub copied: Vec<Copied>,
    /// What each merged entry says its origin had applied.
    pub learned: Vec<(LogId, Position, Applied)>,
    pub frames: Vec<MergeJob>,
    /// Of the types with a home that the batch meets, as they will be.
    pub homes: BTreeMap<Name, HomeRecord>,
    pub homes_moved: Vec<(Name, HomeRecord)>,
    pub merged_events: u64,
    /// Causes, of what the batch applies, that are void.
    pub void_causes: HashSet<CauseOf>,
    /// Of what is copied and of the commands.
    pub bytes: usize,
    /// Of the states that it may write.
    pub state_bytes: usize,
    /// Who wait for the entry with which a life begins.
    pub beginnings: Vec<oneshot::Sender<()>>,
    /// Whether the projector wants to know what it changes.
    pub changes_wanted: Option<u64>,
    /// What to say of a parked aggregate, to whoever had it tried again.
    pub unparked: Option<(oneshot::Sender<Unparked>, Unparked)>,
}

pub(crate) enum Prepared {
    Batch(Box<Batch>),
    /// Everything that was taken is answered, and nothing is to be written.
    Answered,
    /// There is nothing to do now.
    Nothing,
}

impl Batch {
    /// Whether it may take more. What it takes next may be as large as a state can be.
    pub fn has_room(&self) -> bool {
        self.bytes < BATCH_BYTES_MAX && self.state_bytes < BATCH_BYTES_MAX
    }

    /// Whether there is room for the states of these aggregates, which are counted then.
    pub fn admits<'i>(&mut self, ids: impl IntoIterator<Item = &'i AggregateId>) -> bool {
        let room = self.state_bytes < BATCH_BYTES_MAX;
        for id in ids.into_iter().filter(|_| room) {
            self.state_bytes += self.touched.get_mut(id).map_or(0, Working::count);
        }
        room
    }

    pub fn new(read_version: Version, epoch: u64) -> Self {
        Self {
            transaction: Transaction::new(read_version),
            touched: HashMap::default(),
            answers: Vec::new(),
            entry: Entry::default(),
            entry_bytes: Bytes::new(),
            epoch,
            after: None,
            copied: Vec::new(),
            learned: Vec::new(),
            frames: Vec::new(),
            homes: BTreeMap::new(),
            homes_moved: Vec::new(),
            merged_events: 0,
            void_causes: HashSet::default(),
            bytes: 0,
            state_bytes: 0,
            beginnings: Vec::new(),
            changes_wanted: None,
            unparked: None,
        }
    }

    /// A home that this batch moves, unless it knows of a later move.
    pub fn move_home(&mut self, kind: &Name, shard: ShardId, home: HomeRecord) -> bool {
        if self.homes.get(kind).is_some_and(|held| *held >= home) {
            return false;
        }
        let key = home::key(kind, shard);
        self.transaction.read_key(&key).put(key, home.encode());
        self.homes.insert(kind.clone(), home);
        self.homes_moved.push((kind.clone(), home));
        true
    }

    pub fn merges(&self) -> bool {
        self.after.is_some()
    }

    pub fn take_transaction(&mut self) -> Transaction {
        std::mem::take(&mut self.transaction)
    }

    pub fn entry(&mut self) -> Arc<Entry> {
        Arc::new(std::mem::take(&mut self.entry))
    }
}
