//! Sends commands to their home and brings back the answers.

use super::wire::{Answered, Forwarded};
use crate::desk::{COMMANDS, decode, request};
use crate::limits::{FORWARD_BATCH_BYTES, FORWARD_BATCH_MAX, FORWARD_MOVED_PAUSE, FORWARD_MOVED_WAIT, FORWARD_QUEUED_MAX, FORWARD_WAIT};
use crate::metrics::Metrics;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Duration;
use sterna_crdt::RegionId;
use sterna_env::{Boxed, Instant, Scope};
use sterna_log::{AggregateId, ShardId};
use sterna_stream::{FollowError, Repair};
use sterna_write::{Answer, Command, Forward, HomeRecord, Refused, Region, Writer};
use tokio::sync::{mpsc, oneshot};

/// The ways out: one for each shard, so that what one shard's home does not answer stops no other.
pub(crate) struct Forwarder {
    region: Arc<Region>,
    ways: Vec<mpsc::Sender<Item>>,
}

/// A command on its way.
struct Item {
    command: Command,
    to: HomeRecord,
    reply: oneshot::Sender<Answer>,
    /// While the home moves it is tried again until then.
    until: Instant,
    not_before: Instant,
}

struct Way {
    writer: Weak<Writer>,
    region: Arc<Region>,
    repair: Arc<dyn Repair>,
    metrics: Metrics,
    shard: ShardId,
    input: mpsc::Receiver<Item>,
    queue: VecDeque<Item>,
    /// Aggregates of commands that are under way: what follows waits, so that order is kept.
    busy: BTreeSet<AggregateId>,
}

/// What came of a batch.
type Returned = Vec<(Item, Answer)>;

impl Forward for Forwarder {
    fn forward(&self, shard: ShardId, home: HomeRecord, command: Command, reply: oneshot::Sender<Answer>) -> Result<(), Refused> {
        let now = self.region.env.now();
        let item = Item { until: now + FORWARD_MOVED_WAIT + command.wait, not_before: now, to: home, command, reply };
        self.ways[usize::from(shard.0)].try_send(item).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refused::Overloaded,
            mpsc::error::TrySendError::Closed(_) => Refused::NotAccepting { reason: "it is stopping".to_owned() },
        })
    }

    fn room(&self, shard: ShardId) -> Boxed<'_, ()> {
        Box::pin(async move { _ = self.ways[usize::from(shard.0)].reserve().await })
    }
}

impl Forwarder {
    pub fn start(writer: &Arc<Writer>, repair: &Arc<dyn Repair>, metrics: &Metrics, scope: &Scope) -> Arc<Self> {
        let region = Arc::clone(writer.region());
        let way = |shard| {
            let (way, input) = mpsc::channel(FORWARD_QUEUED_MAX);
            let task = Way {
                writer: Arc::downgrade(writer),
                region: Arc::clone(&region),
                repair: Arc::clone(repair),
                metrics: metrics.clone(),
                shard,
                input,
                queue: VecDeque::new(),
                busy: BTreeSet::new(),
            };
            scope.spawn_until_stop(task.run());
            way
        };
        let ways = region.board.shards().map(way).collect();
        Arc::new(Self { region, ways })
    }
}

impl Way {
    async fn run(mut self) {
        let mut under_way: FuturesUnordered<Boxed<'static, Returned>> = FuturesUnordered::new();
        let env = self.region.env.clone();
        loop {
            while self.queue.len() < FORWARD_QUEUED_MAX
                && let Ok(item) = self.input.try_recv()
            {
                self.queue.push_back(item);
            }
            for (to, items) in self.choose(env.now()) {
                under_way.push(self.send(to, items));
            }
            let pause = self.queue.iter().map(|item| item.not_before.saturating_duration_since(env.now())).filter(|p| !p.is_zero()).min();
            tokio::select! {
                biased;
                Some(returned) = under_way.next(), if !under_way.is_empty() => returned.into_iter().for_each(|(item, answer)| self.finish(item, answer)),
                item = self.input.recv(), if self.queue.len() < FORWARD_QUEUED_MAX => match item {
                    Some(item) => self.queue.push_back(item),
                    None => return,
                },
                () = env.sleep(pause.unwrap_or(Duration::from_secs(1))), if pause.is_some() => {}
            }
        }
    }

    /// What can be sent now, by region; of each aggregate in order.
    fn choose(&mut self, now: Instant) -> BTreeMap<RegionId, Vec<Item>> {
        let mut held: BTreeSet<AggregateId> = BTreeSet::new();
        let mut chosen: BTreeMap<RegionId, Vec<Item>> = BTreeMap::new();
        let (mut bytes, mut count) = (0, 0);
        for _ in 0..self.queue.len() {
            let Some(item) = self.queue.pop_front() else { break };
            let id = &item.command.aggregate;
            let full = count >= FORWARD_BATCH_MAX || bytes >= FORWARD_BATCH_BYTES;
            if full || item.not_before > now || held.contains(id) || self.busy.contains(id) {
                held.insert(id.clone());
                self.queue.push_back(item);
                continue;
            }
            (bytes, count) = (bytes + item.command.args.len(), count + 1);
            chosen.entry(item.to.region).or_default().push(item);
        }
        for item in chosen.values().flatten() {
            self.busy.insert(item.command.aggregate.clone());
        }
        chosen
    }

    fn send(&self, to: RegionId, items: Vec<Item>) -> Boxed<'static, Returned> {
        let (region, repair, writer) = (Arc::clone(&self.region), Arc::clone(&self.repair), self.writer.clone());
        Box::pin(async move {
            if to == region.me {
                return here(writer, items).await;
            }
            let wait = items.iter().map(|item| item.command.wait).max().unwrap_or_default() + FORWARD_WAIT;
            let commands: Vec<Forwarded> = items.iter().map(|item| (&item.command).into()).collect();
            let late = || FollowError::Unreachable(format!("no answer within {wait:?}"));
            let answer = region.env.timeout(wait, repair.call(to, request(COMMANDS, &commands))).await.unwrap_or_else(|| Err(late()));
            let answers = answer.and_then(|bytes| decode::<Vec<Answered>>(&bytes)).and_then(|answers| match answers.len() == items.len() {
                true => Ok(answers),
                false => Err(FollowError::Malformed("another number of answers than of commands".to_owned())),
            });
            match answers {
                Ok(answers) => items.into_iter().zip(answers.into_iter().map(Answer::from)).collect(),
                Err(error) => {
                    let home = region.membership.name(to);
                    let away = |item: Item| {
                        let (kind, home) = (item.command.aggregate.kind.clone(), home.clone());
                        (item, Err(Refused::HomeAway { kind, home, moved: None, reason: error.to_string() }))
                    };
                    items.into_iter().map(away).collect()
                }
            }
        })
    }

    /// Answers, or tries again where the home has moved.
    fn finish(&mut self, mut item: Item, answer: Answer) {
        self.busy.remove(&item.command.aggregate);
        if let Err(Refused::HomeAway { kind, moved: Some(home), .. }) = &answer {
            let now = self.region.env.now();
            let known = self.region.homes().get(kind, self.shard).unwrap_or(*home).max(*home);
            if now < item.until {
                if known <= item.to {
                    // The new home has not heard of it yet.
                    item.not_before = now + FORWARD_MOVED_PAUSE;
                }
                item.to = known.max(item.to);
                // Before what came later for the same aggregate.
                self.queue.push_front(item);
                return;
            }
        }
        let outcome = match &answer {
            Ok(_) => "accepted",
            Err(Refused::HomeAway { .. }) => "home-away",
            Err(_) => "refused",
        };
        self.metrics.forwarded.with_label_values(&[outcome]).inc();
        _ = item.reply.send(answer);
    }
}

/// The home has come here while the command was on its way.
async fn here(writer: Weak<Writer>, items: Vec<Item>) -> Returned {
    let mut replies = Vec::with_capacity(items.len());
    for item in items {
        let reply = match writer.upgrade() {
            Some(writer) => writer.submit_here(item.command.clone()).await,
            None => Err(Refused::NotAccepting { reason: "it is stopping".to_owned() }),
        };
        replies.push((item, reply));
    }
    let answers = replies.into_iter().map(async |(item, reply)| match reply {
        Ok(reply) => (item, reply.await),
        Err(refused) => (item, Err(refused)),
    });
    futures::future::join_all(answers).await
}
