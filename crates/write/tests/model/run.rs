//! One history: commands, retries in other regions, reactions, frames of every sort, pauses longer than the window; then everything heals.

use crate::check;
use crate::cluster::{Call, Cluster, Node, SHARDS, dot_of};
use crate::history::Dice;
use crate::language::{TYPES, WINDOW_MS, schema};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use sterna_crdt::{Dot, Name, RegionId, Side};
use sterna_log::{AggregateId, Cause, Event, Frame, LogId, Position, ShardId};
use sterna_write::{Escrow, Give, MergeError, Refused};

const STEPS: usize = 70;

/// How often something interesting happened.
#[derive(Clone, Debug, Default)]
pub struct Seen(BTreeMap<&'static str, usize>);

impl Seen {
    fn count(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    pub fn add(&mut self, other: Self) {
        other.0.into_iter().for_each(|(what, count)| *self.0.entry(what).or_default() += count);
    }

    #[allow(clippy::print_stdout, reason = "a run says what it saw")]
    pub fn assert_interesting(&self) {
        println!("{:?}", self.0);
        for what in [
            "void",
            "void reaction",
            "decided on void",
            "kept for longer than the window",
            "replay of the winner",
            "hole",
            "refused body",
            "reaction",
            "rights moved",
            "bound reached",
            "spend",
            "void spend",
            "void increment",
            "version taken",
            "versions met",
        ] {
            assert!(self.0.contains_key(what), "it never came to: {what}; {:?}", self.0);
        }
    }
}

pub fn run(seed: u64) -> Result<Seen, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("it can be built");
    runtime.block_on(async {
        let mut run = Run::new(seed).await;
        for step in 0..STEPS {
            run.step(step).await.map_err(|problem| format!("step {step}: {problem}"))?;
            run.check().await.map_err(|problem| format!("step {step}: {problem}"))?;
        }
        run.heal().await.map_err(|problem| format!("healing: {problem}"))?;
        for node in &run.cluster.nodes {
            node.scope.ask_to_stop();
        }
        Ok(run.seen)
    })
}

struct Run {
    cluster: Cluster,
    dice: Dice,
    calls: Vec<Call>,
    /// Reactions on their way, by the region that delivers them.
    outbox: Vec<(usize, Call)>,
    reacted: HashSet<(Name, Name, Dot)>,
    /// Frames that come again, late.
    frames: Vec<Frame>,
    seen: Seen,
}

impl Run {
    async fn new(seed: u64) -> Self {
        Self {
            cluster: Cluster::open(seed).await,
            dice: Dice::new(seed),
            calls: Vec::new(),
            outbox: Vec::new(),
            reacted: HashSet::new(),
            frames: Vec::new(),
            seen: Seen::default(),
        }
    }

    async fn step(&mut self, step: usize) -> Result<(), String> {
        match self.dice.below(1000) {
            0..400 => self.command(step).await?,
            400..460 if !self.outbox.is_empty() => {
                let at = self.dice.below(self.outbox.len());
                let (region, call) = self.outbox.swap_remove(at);
                self.call(region, &call).await?;
            }
            460..490 if !self.frames.is_empty() => {
                let frame = self.frames[self.dice.below(self.frames.len())].clone();
                let to = self.dice.below(3);
                if self.cluster.nodes[to].me() != frame.log.origin {
                    self.take(to, frame).await?;
                }
            }
            490..570 => self.give().await?,
            570..580 => self.cluster.pause(2 * WINDOW_MS + 61_000).await,
            580..605 => self.upgrade().await?,
            _ => self.deliver().await?,
        }
        let pause = self.dice.below(400) as u64;
        self.cluster.pause(if self.dice.percent(80) { 0 } else { pause }).await;
        self.cluster.quiet().await
    }

    /// Somebody takes the next version of the model.
    async fn upgrade(&mut self) -> Result<(), String> {
        let region = self.dice.below(3);
        if self.cluster.upgrade(region).await? {
            self.seen.count("version taken");
        }
        Ok(())
    }

    async fn check(&mut self) -> Result<(), String> {
        for node in &self.cluster.nodes {
            check::region(node).await?;
        }
        check::bounds(&self.cluster).await
    }

    /// Somebody gives some of its rights away.
    async fn give(&mut self) -> Result<(), String> {
        let (from, to) = (self.dice.below(3), self.dice.below(3));
        let id = AggregateId { kind: (*self.dice.pick(&TYPES)).into(), id: (*self.dice.pick(&check::IDS)).into() };
        let (field, side) = *self.dice.pick(&[("stock", Side::Down), ("seats", Side::Down), ("seats", Side::Up)]);
        let node = &self.cluster.nodes[from];
        let (region, held) = (node.writer.region(), node.aggregate(&id.kind, &id.id).await.unwrap_or_default());
        let (_, kind) = schema().into_iter().find(|(name, _)| *name == field).expect("it is declared");
        let shard = sterna_log::shard_of(&id.kind, &id.id, SHARDS);
        let rights = Escrow::new(region, shard, &held).rights(field, &kind, region.me, side).unwrap_or_default();
        if from == to || rights <= 0 {
            return Ok(());
        }
        let amount = 1 + self.dice.below(rights as usize) as i64;
        let give = |amount| Give { field: field.into(), side, from: None, to: vec![(RegionId(to as u16), amount)] };
        node.writer.give(id.clone(), give(amount)).await.map_err(|refused| format!("a gift of {amount} of {rights}: {refused}"))?;
        self.seen.count("rights moved");
        match node.writer.give(id, give(rights - amount + 1)).await {
            Err(Refused::BoundReached { .. }) => Ok(()),
            answer => Err(format!("more was given than there was: {answer:?}")),
        }
    }

    async fn command(&mut self, step: usize) -> Result<(), String> {
        let call = if !self.calls.is_empty() && self.dice.percent(35) {
            let mut call = self.dice.pick(&self.calls).clone();
            if self.dice.percent(10) {
                call.args = call.args.replace("\"n\":", "\"n\":4");
            }
            call
        } else {
            let call = self.dice.call(step);
            self.calls.push(call.clone());
            call
        };
        let region = self.dice.below(3);
        self.call(region, &call).await
    }

    /// The events of a command's key that a region has applied.
    async fn of_key(node: &Node, call: &Call) -> Vec<Event> {
        node.events().await.into_iter().filter(|e| (&e.kind, &e.id, &e.key) == (&call.kind, &call.id, &call.key)).collect()
    }

    /// The latest of these, and of twins the one that wins.
    fn in_effect(events: &[Event]) -> Option<Dot> {
        let latest = events.iter().filter(|e| !events.iter().any(|later| e.update.before(&later.update)));
        latest.min_by_key(|e| (e.rank(), e.update.order)).map(Event::dot)
    }

    /// Runs a command, and puts its reactions into the outbox.
    async fn call(&mut self, region: usize, call: &Call) -> Result<(), String> {
        let node = &self.cluster.nodes[region];
        let known = Self::of_key(node, call).await;
        let answer = node.call(call).await;
        match answer {
            Ok(accepted) if accepted.replayed => {
                // What waited may have been merged together with the command.
                let now = Self::of_key(node, call).await;
                let expected = [Self::in_effect(&known), Self::in_effect(&now)];
                if !expected.contains(&Some(accepted.event)) {
                    return Err(format!("a replay of {} answers {}, and not {expected:?}", call.key, accepted.event));
                }
                self.seen.count("replay");
                if known.len() > 1 {
                    self.seen.count("replay of the winner");
                }
                let oldest = known.first().or(now.first()).map_or(u64::MAX, |event| event.update.order.clock.ms());
                if node.writer.region().env.wall_ms().saturating_sub(oldest) > 2 * WINDOW_MS {
                    self.seen.count("kept for longer than the window");
                }
            }
            Ok(accepted) => {
                self.was_forgotten(region, call, &known).await?;
                if call.cause.is_some() {
                    self.seen.count("reaction");
                }
                let events = self.cluster.nodes[region].placed().await;
                let made = events.iter().find(|(_, e)| e.dot() == accepted.event && (&e.kind, &e.id) == (&call.kind, &call.id));
                let (position, made) = made.ok_or("an accepted command is in no log")?;
                self.react(region, made, *position);
            }
            Err(Refused::KeyReused) if !known.is_empty() => self.seen.count("refused body"),
            Err(Refused::BoundReached { .. }) => self.seen.count("bound reached"),
            Err(Refused::VoidCause) => self.seen.count("void cause"),
            Err(refused) => return Err(format!("{call:?}: {refused}")),
        }
        Ok(())
    }

    /// A known key may be accepted again only when its event is older than the window and everybody has it.
    async fn was_forgotten(&self, region: usize, call: &Call, known: &[Event]) -> Result<(), String> {
        let now = self.cluster.nodes[region].writer.region().env.wall_ms();
        // A reaction of a twin of its cause is another one.
        let cause = call.cause.as_ref().map(|cause| cause.dot);
        for event in known.iter().filter(|event| event.cause.as_ref().map(|cause| cause.dot) == cause) {
            let mut held = true;
            for node in &self.cluster.nodes {
                held &= node.aggregate(&call.kind, &call.id).await.is_some_and(|aggregate| aggregate.seen.contains(event.dot()));
            }
            if now.saturating_sub(event.update.order.clock.ms()) < WINDOW_MS || !held {
                return Err(format!("{} was accepted again, though {} is not old, or not everywhere", call.key, event.dot()));
            }
        }
        Ok(())
    }

    fn react(&mut self, region: usize, event: &Event, position: Position) {
        if !self.reacted.insert(dot_of(event)) {
            return;
        }
        for (index, reaction) in event.reactions.iter().enumerate() {
            let cause = Cause {
                kind: event.kind.clone(),
                id: event.id.clone(),
                dot: event.dot(),
                position,
                index: index as u32,
                rank: event.rank(),
                depth: event.cause.as_ref().map_or(0, |cause| cause.depth) + 1,
            };
            let call = Call {
                kind: reaction.send.kind.clone(),
                id: reaction.send.id.clone(),
                name: reaction.send.command.clone(),
                args: reaction.send.args.to_string(),
                key: format!("re/{}/{}/{}/{index}", event.kind, event.id, event.key).into(),
                cause: Some(cause),
            };
            self.outbox.push((region, call));
        }
    }

    /// Somebody pulls something from somebody; two of the regions are often cut.
    async fn deliver(&mut self) -> Result<(), String> {
        let (to, from) = (self.dice.below(3), self.dice.below(3));
        if to == from || (self.dice.percent(50) && to + from == 2) {
            return Ok(());
        }
        for shard in (0..SHARDS).map(ShardId) {
            if self.dice.percent(30) {
                continue;
            }
            for origin in (0..3).map(RegionId) {
                let log = LogId { origin, shard };
                let (source, target) = (&self.cluster.nodes[from], &self.cluster.nodes[to]);
                if origin == target.me() || self.dice.percent(25) {
                    continue;
                }
                let copied = target.writer.region().board.copied(shard).get(origin);
                let most = if self.dice.percent(40) { usize::MAX } else { self.dice.below(4) + 1 };
                let mut frame = source.frame(log, copied, most).await;
                if self.dice.percent(5) && frame.entries.len() > 1 {
                    frame.after = frame.entries.remove(0).position;
                }
                if self.dice.percent(30) {
                    self.frames.push(frame.clone());
                }
                let heartbeat = source.frame(log, frame.end(), 0).await;
                if heartbeat.sent_ms > 0 && self.dice.percent(30) {
                    self.frames.push(heartbeat);
                }
                self.take(to, frame).await?;
            }
        }
        Ok(())
    }

    async fn take(&mut self, to: usize, frame: Frame) -> Result<(), String> {
        match self.cluster.nodes[to].writer.merge(frame).await {
            Err(MergeError::Hole { .. }) => self.seen.count("hole"),
            Err(error) => return Err(error.to_string()),
            Ok(_) => {}
        }
        Ok(())
    }

    async fn heal(&mut self) -> Result<(), String> {
        while let Some((region, call)) = self.outbox.pop() {
            self.call(region, &call).await?;
        }
        let newest = self.cluster.nodes.iter().map(|node| node.writer.region().model().version).max();
        for region in 0..3 {
            if Some(self.cluster.nodes[region].writer.region().model().version) < newest {
                self.cluster.upgrade(region).await?;
            }
        }
        for _ in 0..6 {
            for (to, from) in [(0, 1), (1, 2), (2, 0), (0, 2), (2, 1), (1, 0)] {
                for shard in (0..SHARDS).map(ShardId) {
                    let (source, target) = (&self.cluster.nodes[from], &self.cluster.nodes[to]);
                    let log = LogId { origin: source.me(), shard };
                    let copied = target.writer.region().board.copied(shard).get(log.origin);
                    let frame = source.frame(log, copied, usize::MAX).await;
                    self.take(to, frame).await?;
                }
            }
            self.cluster.quiet().await?;
        }
        self.cluster.pause(20_000).await;
        self.cluster.quiet().await?;
        check::all(&self.cluster).await?;
        self.count().await;
        Ok(())
    }

    async fn count(&mut self) {
        let events = self.cluster.nodes[0].events().await;
        let reference = crate::reference::Reference::new(&events);
        let void: BTreeSet<_> = reference.void.iter().collect();
        for id in &void {
            self.seen.count(if reference.events[*id].cause.is_some() { "void reaction" } else { "void" });
        }
        for (id, event) in &reference.events {
            match (&*event.command, void.contains(id)) {
                ("spend" | "stand", false) => self.seen.count("spend"),
                ("spend" | "stand", true) => self.seen.count("void spend"),
                ("stock" | "sit", true) => self.seen.count("void increment"),
                _ => {}
            }
        }
        for row in self.cluster.nodes[0].ledger().await {
            self.seen.count("row");
            let version =
                |dot: Dot| reference.events.get(&(row.kind.as_str().into(), row.id.as_str().into(), dot)).map(|event| event.update.version);
            let versions = (version(row.loser), row.winner.and_then(version));
            if !row.field.is_empty() && versions.1.is_some() && versions.0 != versions.1 {
                self.seen.count("versions met");
            }
            if row.rule != "add-wins" && versions.0.max(versions.1) < Some(row.version) {
                self.seen.count("a third's version decided");
            }
            if row.rule == "decided-on-void" {
                self.seen.count("decided on void");
            }
        }
    }
}
