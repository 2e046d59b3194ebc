//! Delivers the reactions of this region's events, and of a lost region's that this one is the heir of.
//!
//! Follows the log, shard by shard, and submits each event's reactions in the order of the log. A reaction's key is a function
//! of its cause, so what is delivered again has no second effect; so the progress may lag, and is written now and then.

mod command;
mod delivery;
mod progress;
mod rewinds;

pub(crate) use rewinds::Rewinds;

use crate::gate::Gatekeeper;
use crate::limits::{REACTION_PAUSE_FIRST, REACTION_PAUSE_MAX, REACTIONS_IN_FLIGHT_MAX, REACTOR_READ_BYTES};
use crate::metrics::Metrics;
use delivery::Delivery;
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use parking_lot::Mutex;
use progress::Done;
use std::collections::BTreeSet;
use std::sync::Arc;
use sterna_crdt::{Clock, RegionId};
use sterna_env::{Backoff, Boxed, Scope};
use sterna_log::{Event, LogId, Position};
use sterna_store::ReadError;
use sterna_write::{LogEntry, Writer};

pub(crate) struct Reactor {
    writer: Arc<Writer>,
    gate: Arc<Gatekeeper>,
    rewinds: Arc<Rewinds>,
    metrics: Metrics,
    done: Done,
    scope: Scope,
    /// The regions whose logs are followed.
    origins: Mutex<BTreeSet<RegionId>>,
}

/// Follows one shard's log.
struct Follower {
    reactor: Arc<Reactor>,
    log: LogId,
    /// Up to where the log was read.
    at: Position,
    /// Up to where it was read before a rewind.
    read_before: Position,
    /// Deliveries and, behind those of an entry, its end. They resolve in order.
    under_way: FuturesOrdered<Boxed<'static, Option<Position>>>,
}

impl Reactor {
    pub fn new(writer: Arc<Writer>, (gate, rewinds): (Arc<Gatekeeper>, Arc<Rewinds>), metrics: Metrics, scope: &Scope) -> Arc<Self> {
        let done = Done::new(Arc::clone(writer.region()));
        Arc::new(Self { writer, gate, rewinds, metrics, done, scope: scope.clone(), origins: Mutex::default() })
    }

    pub fn start(self: &Arc<Self>) {
        self.follow(self.writer.region().me);
        let reactor = Arc::clone(self);
        self.scope.spawn(async move { reactor.done.keep(&reactor.scope).await });
    }

    /// Delivers the reactions of a region's events from now on. Once it does that it changes nothing.
    pub fn follow(self: &Arc<Self>, origin: RegionId) {
        if !self.origins.lock().insert(origin) {
            return;
        }
        for shard in self.writer.region().board.shards() {
            let (reactor, log) = (Arc::clone(self), LogId { origin, shard });
            self.scope.spawn_until_stop(async move {
                reactor.gate.opened().await;
                let mut lease = reactor.writer.region().leases.shard(shard);
                // The sender lives as long as the region. What another process sent already is known by its key.
                while lease.wait_for(|held| *held).await.is_ok() {
                    let at = reactor.done.load(log).await;
                    let follower = Follower { reactor: Arc::clone(&reactor), log, at, read_before: at, under_way: FuturesOrdered::new() };
                    tokio::select! {
                        biased;
                        _ = lease.wait_for(|held| !*held) => {}
                        () = follower.run() => {}
                    }
                }
            });
        }
    }
}

impl Follower {
    async fn run(mut self) {
        let reactor = Arc::clone(&self.reactor);
        let region = reactor.writer.region();
        let mut changed = region.board.subscribe(self.log.shard);
        let mut rewound = reactor.rewinds.subscribe();
        let mut backoff = Backoff::new(REACTION_PAUSE_FIRST, REACTION_PAUSE_MAX);
        loop {
            changed.borrow_and_update();
            rewound.borrow_and_update();
            if self.is_own()
                && let Some(position) = reactor.rewinds.take(self.log.shard)
            {
                self.rewind(position).await;
            }
            match self.read().await {
                Ok(true) => continue,
                Ok(false) => backoff.reset(),
                Err(error) => {
                    tracing::warn!(shard = self.log.shard.0, %error, "the log can't be read for reactions; trying again");
                    backoff.pause(&region.env).await;
                    continue;
                }
            }
            tokio::select! {
                biased;
                Some(end) = self.under_way.next() => self.reached(end),
                _ = changed.changed() => {}
                _ = rewound.changed() => {}
            }
        }
    }

    /// Sends the reactions of the next page of the log. False if there is none.
    async fn read(&mut self) -> Result<bool, ReadError> {
        let writer = Arc::clone(&self.reactor.writer);
        let end = writer.region().board.applied(self.log.shard).get(self.log.origin);
        let entries = writer.logs().read(self.log, self.at, end, REACTOR_READ_BYTES).await?;
        let Some(last) = entries.last().map(|entry| entry.position) else { return Ok(false) };
        for entry in &entries {
            self.react(entry).await;
            self.at = entry.position;
        }
        self.end(last);
        Ok(true)
    }

    async fn react(&mut self, entry: &LogEntry) {
        let epoch = self.reactor.writer.region().life().epoch;
        if entry.position <= self.read_before && entry.position.epoch >= epoch {
            // Only older epochs have insertions.
            return;
        }
        let decoded = match entry.entry() {
            Ok(decoded) => Arc::clone(decoded),
            Err(error) => {
                tracing::error!(shard = self.log.shard.0, position = %entry.position, %error, "an entry can't be read; its reactions are lost");
                return;
            }
        };
        let known_since = self.known_since();
        let mine = |event: &Event| !event.reactions.is_empty() && event.dot().incarnation.region() == self.log.origin;
        let placed = (0..).map(|index| entry.at(index)).zip(&decoded.events);
        let events: Vec<(Position, &Event)> = placed.filter(|(_, event)| mine(event) && event.update.order.clock >= known_since).collect();
        for (position, event) in &events {
            self.send(event, *position).await;
        }
        if !events.is_empty() {
            self.end(entry.position);
        }
    }

    /// Nobody knows what a lost region has sent. What is older than keys are kept is taken for sent, as it could have a second effect.
    fn known_since(&self) -> Clock {
        let region = self.reactor.writer.region();
        let window_ms = if self.is_own() { u64::MAX } else { region.model().idempotency_window_ms };
        Clock::from_ms(region.env.wall_ms().saturating_sub(window_ms))
    }

    fn is_own(&self) -> bool {
        self.log.origin == self.reactor.writer.region().me
    }

    /// Submits an event's reactions, waiting for room in the window.
    async fn send(&mut self, event: &Event, position: Position) {
        for index in 0..event.reactions.len() {
            while self.under_way.len() >= REACTIONS_IN_FLIGHT_MAX
                && let Some(end) = self.under_way.next().await
            {
                self.reached(end);
            }
            let Some(delivery) = Delivery::of(&self.reactor, (event, position), index) else { continue };
            let delivered = delivery.submit().await;
            self.under_way.push_back(Box::pin(async move {
                delivered.await;
                None
            }));
        }
    }

    /// Everything up to here was sent.
    fn end(&mut self, position: Position) {
        self.under_way.push_back(Box::pin(std::future::ready(Some(position))));
    }

    fn reached(&self, end: Option<Position>) {
        if let Some(position) = end {
            self.reactor.done.raise(self.log, position);
        }
    }

    /// What was inserted behind `position` has reactions too.
    async fn rewind(&mut self, position: Position) {
        if position >= self.at {
            return;
        }
        while let Some(end) = self.under_way.next().await {
            self.reached(end);
        }
        self.read_before = self.at.max(self.read_before);
        self.at = position;
        self.reactor.done.rewind(self.log, position);
    }
}
