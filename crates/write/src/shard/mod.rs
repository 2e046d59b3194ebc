//! The writer of one shard: the only one that changes its aggregates.
//!
//! One task, two inputs. It takes what waits, prepares a batch on copies of committed aggregates, hands the transaction to the store, and
//! while that is made durable prepares the next. An aggregate in a batch under way is *busy*: what wants it waits, so nothing ever
//! sees, or answers from, what is not durable. At most one batch under way merges, since merging moves the progress record.

mod batch;
mod causes;
mod decide;
mod finish;
mod job;
mod merge;
mod prepare;
mod sweep;
mod unpark;
mod working;

pub(crate) use job::{HomeOrder, Job, MergeInput, MergeJob, UnparkJob, Unparked};
pub(crate) use merge::Standing;
pub(crate) use working::settled;

use crate::keys::progress::ShardProgress;
use crate::limits::{BATCH_COMMANDS_MAX, BATCH_MERGES_MAX, BATCHES_IN_FLIGHT_MAX, QUEUED_COMMANDS_MAX, RECOVER_PAUSE};
use crate::{Fence, LogEntry, Logs, Metrics, Region, States};
use batch::{Batch, Prepared};
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use merge::Seal;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use sterna_crdt::RegionId;
use sterna_env::{Boxed, HashSet, Scope, mutation};
use sterna_log::{AggregateId, Position, ShardId};
use sterna_store::{CommitError, Committed};
use sweep::Sweep;
use tokio::sync::mpsc;
use tokio::sync::oneshot;

pub(crate) struct Shard {
    pub region: Arc<Region>,
    pub id: ShardId,
    pub logs: Arc<Logs>,
    pub states: Arc<States>,
    pub metrics: Metrics,
    pub commands: mpsc::Receiver<Job>,
    pub merges: mpsc::Receiver<MergeInput>,
    scope: Scope,
    /// Where the logs of this shard stand, as committed.
    pub standing: Standing,
    sole_writer: bool,
    /// What the last batch's snapshot showed to be copied and applied, where others write too.
    shown: ShardProgress,
    /// What it showed to be written down of regions that may be lost.
    fences: BTreeMap<RegionId, Fence>,
    /// Aggregates that another process changes too: each has batches of its own, so that the others' commit.
    hot: HashSet<AggregateId>,
    queue: VecDeque<Job>,
    merging: VecDeque<MergeJob>,
    unparking: VecDeque<UnparkJob>,
    /// The log's next entry begins a life.
    beginnings: Vec<oneshot::Sender<()>>,
    /// Entries that are copied and not applied, by origin; what does not fit is read again from the log.
    pending: BTreeMap<RegionId, VecDeque<LogEntry>>,
    seals: BTreeMap<RegionId, Seal>,
    reloads: Vec<oneshot::Sender<()>>,
    busy: HashSet<AggregateId>,
    /// Aggregates that a merge waits for: no new command takes them first.
    reserved: HashSet<AggregateId>,
    under_way: FuturesOrdered<Boxed<'static, (Batch, Result<Committed, CommitError>)>>,
    merge_under_way: bool,
    /// How many of them have an entry for this region's own log.
    entries_under_way: usize,
    /// How many events a batch may merge: fewer after a conflict, so that who merges much gets its turn beside who writes little.
    merges_max: usize,
    failed: bool,
    sweep: Sweep,
    /// There may be notices of void causes; some wait for a busy aggregate.
    notices_due: bool,
    notices_wait: bool,
}

impl Shard {
    pub fn new(
        (region, scope): (Arc<Region>, Scope),
        id: ShardId,
        (logs, states, metrics): (Arc<Logs>, Arc<States>, Metrics),
        (commands, merges): (mpsc::Receiver<Job>, mpsc::Receiver<MergeInput>),
        standing: Standing,
    ) -> Self {
        let sweep = Sweep::new(!region.alone());
        Self {
            sole_writer: region.stores.sole_writer(),
            shown: ShardProgress::default(),
            fences: BTreeMap::new(),
            hot: HashSet::default(),
            region,
            id,
            logs,
            states,
            metrics,
            commands,
            merges,
            scope,
            standing,
            queue: VecDeque::new(),
            merging: VecDeque::new(),
            unparking: VecDeque::new(),
            beginnings: Vec::new(),
            pending: BTreeMap::new(),
            seals: BTreeMap::new(),
            reloads: Vec::new(),
            busy: HashSet::default(),
            reserved: HashSet::default(),
            under_way: FuturesOrdered::new(),
            merge_under_way: false,
            entries_under_way: 0,
            merges_max: BATCH_MERGES_MAX,
            failed: false,
            sweep,
            notices_due: true,
            notices_wait: false,
        }
    }

    /// Runs until the scope stops, or both inputs are closed, and everything that was taken is answered.
    pub async fn run(mut self) {
        loop {
            self.take();
            if self.failed && self.under_way.is_empty() {
                self.recover().await;
            }
            let room = !self.failed && self.under_way.len() < BATCHES_IN_FLIGHT_MAX;
            let prepared = if room { self.prepare().await } else { Prepared::Nothing };
            match prepared {
                Prepared::Batch(batch) => self.start(*batch),
                Prepared::Answered => {}
                Prepared::Nothing if self.wait().await => {}
                Prepared::Nothing => return,
            }
        }
    }

    /// Moves what waits in the inputs to the queues, without waiting.
    fn take(&mut self) {
        while self.queue.len() < BATCH_COMMANDS_MAX * 2 {
            let Ok(job) = self.commands.try_recv() else { break };
            self.queue.push_back(job);
        }
        while self.merging.len() < 4 {
            let Ok(input) = self.merges.try_recv() else { break };
            self.accept(input);
        }
    }

    fn start(&mut self, mut batch: Batch) {
        if batch.merges() || !batch.answers.is_empty() {
            self.sweep.busy(self.region.env.now());
        }
        self.busy.extend(batch.touched.keys().cloned());
        self.merge_under_way |= batch.merges();
        self.entries_under_way += usize::from(batch.entry.last_index().is_some());
        if mutation::on("ack-before-sync") {
            self.answer_early(&mut batch);
        }
        if mutation::on("relay-unsynced") {
            self.show_early(&batch);
        }
        batch.changes_wanted = self.states.commit_begins(self.id);
        let commit = self.region.store_of(self.id).commit(batch.take_transaction());
        self.under_way.push_back(Box::pin(async move {
            let result = commit.await;
            (batch, result)
        }));
    }

    /// Waits for a commit or for input. False when there is nothing left to do, for ever.
    async fn wait(&mut self) -> bool {
        let full = self.queue.len() >= QUEUED_COMMANDS_MAX;
        let idle = self.under_way.is_empty();
        let jobs_open = !self.commands.is_closed() || !self.commands.is_empty();
        let merges_open = !self.merges.is_closed() || !self.merges.is_empty();
        if idle && !jobs_open && !merges_open && self.queue.is_empty() && self.merging.is_empty() {
            return false;
        }
        let (region, env) = (Arc::clone(&self.region), self.region.env.clone());
        let pause = self.sweep.pause(env.now()).filter(|_| idle && jobs_open);
        tokio::select! {
            biased;
            () = self.scope.stopping(), if jobs_open && !self.commands.is_closed() => {
                self.commands.close();
                self.merges.close();
            }
            Some((batch, result)) = self.under_way.next(), if !idle => { self.finish(batch, result).await; }
            () = region.board.poked(self.id) => { self.notices_due = true; }
            job = self.commands.recv(), if jobs_open && !full && (idle || self.queue.len() < BATCH_COMMANDS_MAX * 2) => { self.queue.extend(job); }
            input = self.merges.recv(), if merges_open && self.merging.len() < 4 => { input.into_iter().for_each(|input| self.accept(input)); }
            () = env.sleep(pause.unwrap_or_default()), if pause.is_some() => self.sweep.wake(),
            // What waits in the queues is not to wait for more.
            () = env.sleep(RECOVER_PAUSE), if idle && self.failed => {}
            else => {}
        }
        true
    }

    fn accept(&mut self, input: MergeInput) {
        match input {
            MergeInput::Frame(job) => self.merging.push_back(job),
            MergeInput::Unpark(job) => self.unparking.push_back(*job),
            MergeInput::Begin(done) if self.standing.own_tip != Position::ZERO => _ = done.send(()),
            MergeInput::Begin(done) => self.beginnings.push(done),
            MergeInput::Reload(done) => {
                self.reloads.push(done);
                self.failed = true;
            }
        }
    }

    /// After a failure nothing in memory is believed: what is committed is read again.
    async fn recover(&mut self) {
        self.states.forget(self.id);
        self.pending.clear();
        self.reserved.clear();
        self.notices_due = true;
        match Standing::load(&self.region, &self.logs, self.id).await {
            Ok(standing) => {
                self.logs.forget(self.own_log());
                self.standing = standing;
                self.standing.post(&self.region, self.id);
                self.failed = false;
                // What was committed though nobody knew may have left verdicts for views, and notices in any shard.
                self.region.board.count_verdicts(self.id, 1);
                self.region.board.shards().for_each(|shard| self.region.board.poke(shard));
                self.reloads.drain(..).for_each(|done| _ = done.send(()));
            }
            Err(error) => {
                tracing::warn!(shard = self.id.0, %error, "the store can't be read; trying again");
                self.region.env.sleep(RECOVER_PAUSE).await;
            }
        }
    }

    fn end_of_own_log(&self) -> Position {
        let copied_back = self.standing.progress.copied.get(self.region.me);
        self.standing.own_tip.max(self.standing.own_old).max(copied_back)
    }
}
