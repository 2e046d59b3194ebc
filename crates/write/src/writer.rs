//! The writer of a region: a handle to the shards' writers.

use crate::escrow::{GIVE_COMMAND, Give, Lack};
use crate::keys::home::HomeRecord;
use crate::keys::progress::{self, ShardProgress};
use crate::limits::{ARGS_BYTES_MAX, KEY_BYTES_MAX, QUEUED_COMMANDS_MAX, QUEUED_MERGES_MAX, RIGHTS_WAIT};
use crate::shard::{HomeOrder, Job, MergeInput, MergeJob, Shard, Standing};
use crate::stores::RecordError;
use crate::tails::Tails;
use crate::unpark::Unparker;
use crate::{Accepted, Command, Fence, Gate, Logs, Metrics, Refused, Region, States};
use bytes::Bytes;
use futures::FutureExt;
use prometheus::Registry;
use std::fmt::Write;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll};
use std::time::Duration;
use sterna_crdt::{Name, RegionId};
use sterna_env::{Boxed, Scope};
use sterna_log::{AggregateId, Frame, Position, ShardId, shard_of};
use sterna_model::{Args, valid_id};
use sterna_store::{CommitError, ReadError};
use tokio::sync::{mpsc, oneshot};

pub struct Writer {
    /// Itself, for answers that come later.
    me: Weak<Self>,
    broker: OnceLock<Arc<dyn RightsBroker>>,
    forwarder: OnceLock<Arc<dyn Forward>>,
    region: Arc<Region>,
    logs: Arc<Logs>,
    states: Arc<States>,
    metrics: Metrics,
    shards: Vec<Inputs>,
}

struct Inputs {
    commands: mpsc::Sender<Job>,
    merges: mpsc::Sender<MergeInput>,
}

/// Where this region's copy of a log is after a frame was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Merged {
    pub copied: Position,
    pub applied: Position,
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MergeError {
    /// The frame begins behind what is copied here; nothing of it was taken.
    #[error("a hole: this region's copy ends at {copied}")]
    Hole { copied: Position },
    /// Nothing of the frame was taken.
    #[error("a damaged entry: {0}")]
    Damaged(String),
    /// The frame was copied, but depends on entries of this region that it does not have: its store is an old copy.
    #[error("a peer has seen more of this region's log than this region has")]
    Ahead { copied: Position },
    /// The frame is of a life that the origin was restored from; nothing of it was taken, and nothing of it is missed.
    #[error("the origin was restored since it sent this")]
    Recalled,
    #[error("the writer has stopped")]
    Closed,
}

/// The answer to come.
pub struct Reply(Coming);

pub type Answer = Result<Accepted, Refused>;

/// Sends commands to the region that accepts them.
pub trait Forward: Send + Sync {
    /// Takes a command on its way; it is answered later. Commands of one aggregate arrive in the order of these calls.
    fn forward(&self, shard: ShardId, home: HomeRecord, command: Command, reply: oneshot::Sender<Answer>) -> Result<(), Refused>;

    /// Resolves when the shard's way out has room for another command.
    fn room(&self, shard: ShardId) -> Boxed<'_, ()>;
}

enum Coming {
    FromShard(oneshot::Receiver<Answer>),
    /// More than the shard may be needed.
    Later(Boxed<'static, Answer>),
}

impl Future for Reply {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Coming::FromShard(answer) => answer.poll_unpin(context).map(|answer| answer.unwrap_or_else(|_| Err(stopping()))),
            Coming::Later(answer) => answer.poll_unpin(context),
        }
    }
}

fn stopping() -> Refused {
    Refused::NotAccepting { reason: "it is stopping".to_owned() }
}

impl Writer {
    /// Reads where the logs stand and starts the shards' tasks. They end with the scope, when all is answered.
    pub async fn start(region: Arc<Region>, scope: &Scope, registry: Option<&Registry>) -> Result<Arc<Self>, ReadError> {
        let unreadable = |error: RecordError| ReadError::Unavailable(error.to_string());
        region.load_fences().await.map_err(unreadable)?;
        region.load_recalls().await.map_err(unreadable)?;
        region.settle_homes(&region.model()).await.map_err(unreadable)?;
        let logs = Arc::new(Logs::new(region.stores.clone()));
        let states = Arc::new(States::new(Arc::clone(&region)));
        let metrics = Metrics::new(registry);
        metrics.declare(&region.model());
        let tails = Tails::begin(&region, &metrics).await?;
        let mut shards = Vec::new();
        for id in region.board.shards() {
            let standing = Standing::load(&region, &logs, id).await?;
            standing.post(&region, id);
            let (commands, taken_commands) = mpsc::channel(QUEUED_COMMANDS_MAX);
            let (merges, taken_merges) = mpsc::channel(QUEUED_MERGES_MAX);
            let parts = (Arc::clone(&logs), Arc::clone(&states), metrics.clone());
            scope.spawn(Shard::new((Arc::clone(&region), scope.clone()), id, parts, (taken_commands, taken_merges), standing).run());
            shards.push(Inputs { commands, merges });
        }
        let unparker = Unparker {
            region: Arc::clone(&region),
            logs: Arc::clone(&logs),
            states: Arc::clone(&states),
            metrics: metrics.clone(),
            shards: shards.iter().map(|inputs: &Inputs| inputs.merges.clone()).collect(),
        };
        // The status shows them from the first moment.
        unparker.load().await?;
        crate::leases::start(&region, scope);
        crate::tail::start(&region, scope);
        scope.spawn_until_stop(crate::expire::run(Arc::clone(&region)));
        scope.spawn_until_stop(unparker.run());
        if let Some(tails) = tails {
            scope.spawn_until_stop(tails.count());
        }
        Ok(Arc::new_cyclic(|me| Self {
            me: me.clone(),
            broker: OnceLock::new(),
            forwarder: OnceLock::new(),
            region,
            logs,
            states,
            metrics,
            shards,
        }))
    }

    pub fn region(&self) -> &Arc<Region> {
        &self.region
    }

    pub fn logs(&self) -> &Arc<Logs> {
        &self.logs
    }

    pub fn states(&self) -> &Arc<States> {
        &self.states
    }

    pub async fn execute(&self, command: Command) -> Result<Accepted, Refused> {
        self.submit(command).await?.await
    }

    /// Checks the command and puts it in its shard's queue; two calls for one aggregate, one after the other, take effect in that
    /// order. Waits for what the command's token has seen.
    pub async fn submit(&self, command: Command) -> Result<Reply, Refused> {
        let since = self.region.env.now();
        let result = self.route(command).await;
        if let Err(refused) = &result {
            self.metrics.answered(refused.outcome(), self.region.env.now() - since);
        }
        result
    }

    /// Like [`Writer::submit`], but never sends the command to another region: what the home of a command calls.
    pub async fn submit_here(&self, command: Command) -> Result<Reply, Refused> {
        let (job, reply) = self.job(command)?;
        self.enqueue(job, reply, false).await
    }

    async fn route(&self, command: Command) -> Result<Reply, Refused> {
        let (job, reply) = self.job(command)?;
        match self.home_elsewhere(&job) {
            Some((shard, home, forwarder)) => {
                forwarder.forward(shard, home, job.command, job.reply)?;
                Ok(Reply(Coming::FromShard(reply)))
            }
            None => self.enqueue(job, reply, true).await,
        }
    }

    /// Where a command is to go that is not for this region.
    fn home_elsewhere(&self, job: &Job) -> Option<(ShardId, HomeRecord, &Arc<dyn Forward>)> {
        let id = &job.command.aggregate;
        let of = job.model.aggregate(&id.kind).filter(|of| of.home.is_some())?;
        let shard = shard_of(&id.kind, &id.id, self.region.shards());
        let home = self.region.homes().get(of.stored(), shard).filter(|home| home.region != self.region.me)?;
        Some((shard, home, self.forwarder.get()?))
    }

    async fn enqueue(&self, job: Job, reply: oneshot::Receiver<Answer>, forwards: bool) -> Result<Reply, Refused> {
        if let Gate::Closed(reason) = self.region.gate() {
            return Err(Refused::NotAccepting { reason });
        }
        let of = job.model.aggregate(&job.command.aggregate.kind);
        let (bounded, homed) = of.map_or((false, false), |of| (of.has_bounds(), of.home.is_some() && forwards));
        // A key that was made for this attempt is made anew for the next: nothing has happened under it.
        let again = (bounded || homed).then(|| job.command.clone());
        self.queue(job).await?;
        let Some((command, writer)) = again.zip(self.me.upgrade()) else { return Ok(Reply(Coming::FromShard(reply))) };
        Ok(Reply(Coming::Later(Box::pin(async move {
            let answer = match bounded {
                true => with_rights(&writer, &command, reply).await,
                false => reply.await.unwrap_or_else(|_| Err(stopping())),
            };
            match answer {
                Err(Refused::HomeAway { moved: Some(home), .. }) if homed => writer.follow_home(command, home).await,
                answer => answer,
            }
        }))))
    }

    /// The home has moved while the command was in the queue.
    async fn follow_home(&self, command: Command, home: HomeRecord) -> Answer {
        let shard = shard_of(&command.aggregate.kind, &command.aggregate.id, self.region.shards());
        let (reply, answer) = oneshot::channel();
        match self.forwarder.get() {
            Some(forwarder) => forwarder.forward(shard, home, command, reply)?,
            None => return Err(Refused::not_home(&command.aggregate.kind, home, &self.region)),
        }
        answer.await.unwrap_or_else(|_| Err(stopping()))
    }

    async fn queue(&self, job: Job) -> Result<(), Refused> {
        let id = &job.command.aggregate;
        let shard = shard_of(&id.kind, &id.id, self.region.shards());
        if let Some(token) = &job.command.token {
            let waited = self.region.wait_for(shard, token, job.command.wait).await;
            let names = |missing: Vec<RegionId>| missing.into_iter().map(|region| self.region.membership.name(region)).collect();
            waited.map_err(|missing| Refused::BehindToken { missing: names(missing) })?;
        }
        self.put(shard, job)
    }

    fn put(&self, shard: ShardId, job: Job) -> Result<(), Refused> {
        match self.shards[usize::from(shard.0)].commands.try_send(job) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Refused::Overloaded),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(stopping()),
        }
    }

    /// Resolves when the shard's queue has room for another command: how a bulk request keeps from being refused.
    pub async fn room(&self, kind: &str, id: &str) {
        let model = self.region.model();
        let kind = model.aggregate(kind).map_or(kind, |of| of.stored());
        let shard = shard_of(kind, id, self.region.shards());
        let elsewhere = self.region.homes().get(kind, shard).is_some_and(|home| home.region != self.region.me);
        match self.forwarder.get().filter(|_| elsewhere) {
            Some(forwarder) => forwarder.room(shard).await,
            None => _ = self.shards[usize::from(shard.0)].commands.reserve().await,
        }
    }

    fn job(&self, command: Command) -> Result<(Job, oneshot::Receiver<Answer>), Refused> {
        let model = self.region.model();
        let kind = &command.aggregate.kind;
        let of = model.aggregate(kind).ok_or_else(|| Refused::UnknownType {
            kind: kind.clone(),
            suggestion: nearest(kind, model.aggregates().iter().map(|a| &a.name)),
        })?;
        let declared = of.command(&command.name).ok_or_else(|| Refused::UnknownCommand {
            kind: kind.clone(),
            command: command.name.clone(),
            suggestion: nearest(&command.name, of.commands().iter().map(|c| &c.name)),
        })?;
        if !valid_id(&command.aggregate.id) {
            return Err(Refused::InvalidId);
        }
        if command.args.len() > ARGS_BYTES_MAX {
            return Err(Refused::ArgumentsTooLarge { bytes_max: ARGS_BYTES_MAX });
        }
        let valid = |key: &Name| (1..=KEY_BYTES_MAX).contains(&key.len()) && key.bytes().all(|b| (0x21..0x7f).contains(&b));
        if command.key.as_ref().is_some_and(|key| !valid(key)) {
            return Err(Refused::InvalidKey);
        }
        let args = declared.parse_args(&command.args).map_err(Refused::InvalidArguments)?;
        let args_json: Name = args.to_json(declared).into();
        let body_hash = body_hash(declared.stored(), &args.canonical(declared, &args_json));
        let (key, key_made) = match &command.key {
            Some(key) => (key.clone(), false),
            None => (self.make_key(), true),
        };
        let (reply, answer) = oneshot::channel();
        let since = self.region.env.now();
        let aggregate = AggregateId { kind: of.stored().clone(), id: command.aggregate.id.clone() };
        let command = Command { name: declared.stored().clone(), aggregate, ..command };
        let job = Job {
            command,
            model,
            args,
            args_json,
            body_hash,
            key,
            key_made,
            reply,
            give: None,
            hand_over: None,
            asked: false,
            attempts: 0,
            since,
        };
        Ok((job, answer))
    }

    fn make_key(&self) -> Name {
        let mut bytes = [0; 16];
        self.region.env.fill_random(&mut bytes);
        let mut key = String::with_capacity(40);
        write!(key, "~{}~", self.region.me.0).expect("a String grows");
        bytes.iter().for_each(|b| write!(key, "{b:02x}").expect("a String grows"));
        key.into()
    }

    /// Whom commands are to ask that lack rights of a bounded counter. Once.
    pub fn set_broker(&self, broker: Arc<dyn RightsBroker>) {
        _ = self.broker.set(broker);
    }

    /// Whom commands are given that are accepted elsewhere. Once.
    pub fn set_forwarder(&self, forwarder: Arc<dyn Forward>) {
        _ = self.forwarder.set(forwarder);
    }

    /// Gives the home of a type's aggregates in a shard, which must be here, to another region. It is the log's next entry that says so;
    /// what comes behind it is refused here, and accepted there once the entry is merged.
    pub async fn hand_over(&self, kind: &str, shard: ShardId, to: RegionId) -> Answer {
        self.move_home(kind, shard, HomeOrder::Give(to)).await
    }

    /// Takes over the home from a region that was declared lost, whose heir this one is.
    pub async fn inherit_home(&self, kind: &str, shard: ShardId, lost: RegionId) -> Answer {
        self.move_home(kind, shard, HomeOrder::Inherit(lost)).await
    }

    async fn move_home(&self, kind: &str, shard: ShardId, order: HomeOrder) -> Answer {
        let model = self.region.model();
        let Some(of) = model.aggregate(kind).filter(|of| of.home.is_some()).filter(|_| shard.0 < self.region.shards()) else {
            return Err(Refused::UnknownType { kind: kind.into(), suggestion: None });
        };
        let (reply, answer) = oneshot::channel();
        let nobody = AggregateId { kind: of.stored().clone(), id: "".into() };
        let job = Job { hand_over: Some(order), ..self.own_job(nobody, "home.hand_over", "{}".into(), reply) };
        self.put(shard, job)?;
        answer.await.unwrap_or_else(|_| Err(stopping()))
    }

    /// Gives rights of a bounded counter to other regions. Refused with [`Refused::BoundReached`] if this region has fewer.
    pub async fn give(&self, aggregate: AggregateId, give: Give) -> Result<Accepted, Refused> {
        if let Gate::Closed(reason) = self.region.gate() {
            return Err(Refused::NotAccepting { reason });
        }
        let (reply, answer) = oneshot::channel();
        let args_json = give.args_json(&self.region);
        let job = Job { give: Some(give), ..self.own_job(aggregate, GIVE_COMMAND, args_json, reply) };
        self.queue(job).await?;
        answer.await.unwrap_or_else(|_| Err(stopping()))
    }

    /// What no client sends.
    fn own_job(&self, aggregate: AggregateId, name: &str, args_json: Name, reply: oneshot::Sender<Answer>) -> Job {
        let command = Command {
            aggregate,
            name: name.into(),
            args: Bytes::new(),
            key: None,
            if_match: None,
            token: None,
            wait: Duration::ZERO,
            actor: "sterna".into(),
            trace: "".into(),
            represent: false,
            cause: None,
        };
        Job {
            model: self.region.model(),
            args: Args::default(),
            body_hash: body_hash(name, &args_json),
            args_json,
            key: self.make_key(),
            key_made: true,
            reply,
            give: None,
            hand_over: None,
            asked: false,
            attempts: 0,
            since: self.region.env.now(),
            command,
        }
    }

    /// Takes a frame that its origin sends: copies its entries at once, and merges what can be merged. Waits while the shard's queue is full.
    pub async fn merge(&self, frame: Frame) -> Result<Merged, MergeError> {
        self.take(frame, false).await
    }

    /// Takes a frame of another region's copy of a log.
    pub async fn merge_copy(&self, frame: Frame) -> Result<Merged, MergeError> {
        self.take(frame, true).await
    }

    async fn take(&self, frame: Frame, is_copy: bool) -> Result<Merged, MergeError> {
        let Some(shard) = self.shards.get(usize::from(frame.log.shard.0)) else {
            return Err(MergeError::Damaged(format!("there is no shard {}", frame.log.shard.0)));
        };
        let (reply, answer) = oneshot::channel();
        shard.merges.send(MergeInput::Frame(MergeJob { frame, is_copy, reply })).await.map_err(|_| MergeError::Closed)?;
        answer.await.map_err(|_| MergeError::Closed)?
    }

    /// Begins a new life of this region's store, with an epoch behind `behind`. Closes the gate, which stays closed, and finishes what is under way
    /// first. With `restored`, no command is taken until [`Region::end_restore`].
    pub async fn begin_new_life(&self, reason: &str, restored: bool, behind: u64) -> Result<(), CommitError> {
        self.region.set_gate(Gate::Closed(reason.to_owned()));
        self.reload().await;
        self.region.begin_new_life(restored, behind).await?;
        self.reload().await;
        Ok(())
    }

    /// Writes an entry into each shard's log with which the present life begins, unless it has one: who waits for an entry of an older life that nobody
    /// has any more goes on behind it.
    pub async fn mark_life(&self) -> Result<(), CommitError> {
        let stopping = || CommitError::Unavailable("it is stopping".to_owned());
        for shard in &self.shards {
            let (done, written) = oneshot::channel();
            shard.merges.send(MergeInput::Begin(done)).await.map_err(|_| stopping())?;
            written.await.map_err(|_| stopping())?;
        }
        Ok(())
    }

    async fn try_again(&self, command: Command, asked: bool) -> Answer {
        let (mut job, reply) = self.job(command)?;
        job.asked = asked;
        self.queue(job).await?;
        reply.await.unwrap_or_else(|_| Err(stopping()))
    }

    /// From now on nothing more of a region's log is copied here than is copied already: returns how much that is, shard by shard. Not
    /// undone by a restart; [`Writer::fence`] or [`Writer::thaw`] follow.
    pub async fn freeze(&self, lost: RegionId, heir: RegionId) -> Result<Fence, RecordError> {
        let written = self.region.set_fence(Fence { region: lost, heir, ends: None }).await?;
        if written.is_final() {
            return Ok(written);
        }
        // What is under way may have copied more. In other processes it conflicts with the freeze, or was committed before it.
        self.reload().await;
        let mut copied = Vec::new();
        for shard in self.region.board.shards() {
            let snapshot = self.region.store_of(shard).snapshot().await?;
            let stored = sterna_store::get(&*snapshot, &progress::key(shard)).await?;
            let progress = stored.map(|bytes| ShardProgress::decode(&bytes)).transpose()?.unwrap_or_default();
            copied.push(progress.copied.get(lost));
        }
        Ok(Fence { region: lost, heir, ends: Some(copied) })
    }

    /// A region was declared lost: what its log has behind the fence never counts.
    pub async fn fence(&self, fence: Fence) -> Result<(), RecordError> {
        self.region.set_fence(fence).await.map(drop)
    }

    /// A freeze came to nothing.
    pub async fn thaw(&self, lost: RegionId) -> Result<(), RecordError> {
        self.region.thaw(lost).await
    }

    pub(crate) async fn reload(&self) {
        for shard in &self.shards {
            let (done, reloaded) = oneshot::channel();
            if shard.merges.send(MergeInput::Reload(done)).await.is_ok() {
                _ = reloaded.await;
            }
        }
    }
}

/// Brings rights of bounded counters here from other regions.
pub trait RightsBroker: Send + Sync {
    /// Asks those that have some for what a command lacked.
    fn fetch(&self, aggregate: AggregateId, lack: Lack) -> Boxed<'_, Fetched>;
}

/// What came of asking for rights.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fetched {
    /// No region that could be asked is known to have any.
    NotAsked,
    /// They gave nothing, or not in time.
    Nothing,
    /// More rights are here.
    Arrived,
    /// Nobody was asked, and some time has passed in which rights may have settled.
    Waited,
}

/// Answers a command that may lack rights: other regions are asked for them, for a bounded time.
async fn with_rights(writer: &Writer, command: &Command, first: oneshot::Receiver<Answer>) -> Answer {
    let env = writer.region.env.clone();
    let since = env.now();
    let until = since + RIGHTS_WAIT;
    let (mut answer, mut asked) = (first.await.unwrap_or_else(|_| Err(stopping())), false);
    while let (Err(Refused::BoundReached { lack, .. }), Some(broker)) = (&answer, writer.broker.get()) {
        let left = until.saturating_duration_since(env.now());
        let fetching = broker.fetch(command.aggregate.clone(), lack.clone());
        match env.timeout(left, fetching).await {
            Some(Fetched::NotAsked) => break,
            Some(Fetched::Nothing) | None => {
                asked = true;
                break;
            }
            Some(fetched) => asked |= fetched == Fetched::Arrived,
        }
        answer = writer.try_again(command.clone(), asked).await;
    }
    if let Err(refused @ Refused::BoundReached { .. }) = &answer {
        writer.metrics.answered(refused.outcome(), env.now() - since);
        writer.metrics.bounded.with_label_values(&[if asked { "refused-after-asking" } else { "refused" }]).inc();
    }
    answer
}

const MADE: char = '~';

/// The region whose server made this key: `~`, its number, `~`, 32 hexadecimal digits.
pub(crate) fn made_by(key: &str) -> Option<RegionId> {
    let (region, random) = key.strip_prefix(MADE)?.split_once(MADE)?;
    let hex = random.len() == 32 && random.bytes().all(|b| b.is_ascii_hexdigit());
    region.parse().ok().filter(|_| hex).map(RegionId)
}

/// The first 16 bytes of the BLAKE3 hash of the command's name and canonical arguments.
pub(crate) fn body_hash(command: &str, args_json: &str) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(command.as_bytes()).update(b"\n").update(args_json.as_bytes());
    *hasher.finalize().as_bytes().first_chunk().expect("a hash has 32 bytes")
}

/// The declared name that is most like `name`, if one is like it.
fn nearest<'a>(name: &str, declared: impl Iterator<Item = &'a Name>) -> Option<Name> {
    sterna_model::nearest(name, declared.map(|n| &**n)).map(Name::from)
}
