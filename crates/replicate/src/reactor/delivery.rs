//! One reaction on its way.

use super::Reactor;
use super::command::{REFUSED, command, depth};
use crate::limits::{REACTION_PAUSE_FIRST, REACTION_PAUSE_MAX};
use crate::metrics::Metrics;
use std::future::Future;
use std::sync::Arc;
use sterna_crdt::Name;
use sterna_env::{Backoff, Env};
use sterna_log::{Event, Position};
use sterna_write::limits::REACTION_DEPTH_MAX;
use sterna_write::{Accepted, Command, Refused, Reply, Retry, Writer};

pub(super) struct Delivery {
    writer: Arc<Writer>,
    name: Name,
    command: Command,
    /// Sent if the first is refused for good.
    refused: Option<Command>,
    counted: Counted,
}

/// Counts a delivery as pending while it lives.
struct Counted(Metrics);

impl Delivery {
    /// `None` if the reaction is not to be sent.
    pub fn of(reactor: &Reactor, (event, position): (&Event, Position), index: usize) -> Option<Self> {
        let reaction = &event.reactions[index];
        if depth(event) > REACTION_DEPTH_MAX {
            reactor.metrics.reactions.with_label_values(&["too-deep"]).inc();
            tracing::error!(
                reaction = %reaction.name, cause = %event.dot(), depth_max = REACTION_DEPTH_MAX,
                "a chain of reactions is too deep; it ends here"
            );
            return None;
        }
        let index = index as u32;
        Some(Self {
            writer: Arc::clone(&reactor.writer),
            name: reaction.name.clone(),
            command: command(event, position, reaction, &reaction.send, index),
            refused: reaction.refused.as_ref().map(|send| command(event, position, reaction, send, index | REFUSED)),
            counted: Counted::new(&reactor.metrics),
        })
    }

    /// Puts the command in its shard's queue, however long that takes; the rest of the way is in the future.
    pub async fn submit(self) -> impl Future<Output = ()> + std::marker::Send + 'static {
        let mut backoff = Backoff::new(REACTION_PAUSE_FIRST, REACTION_PAUSE_MAX);
        let submitted = loop {
            match self.writer.submit(self.command.clone()).await {
                Err(refused) if refused.retry() == Retry::SameKey => backoff.pause(self.env()).await,
                submitted => break submitted,
            }
        };
        self.finish(submitted)
    }

    async fn finish(self, submitted: Result<Reply, Refused>) {
        let answer = match submitted {
            Ok(reply) => reply.await,
            Err(refused) => Err(refused),
        };
        let outcome = match self.insist(&self.command, Some(answer)).await {
            Ok(accepted) if accepted.replayed => "replayed",
            Ok(_) => "delivered",
            // Its cause has no effect, so neither has it, nor what is sent instead.
            Err(Refused::VoidCause) => "void",
            Err(reason) => self.compensate(reason).await,
        };
        self.counted.0.reactions.with_label_values(&[outcome]).inc();
    }

    /// Until the command is accepted, or refused for good.
    async fn insist(&self, command: &Command, mut answer: Option<Result<Accepted, Refused>>) -> Result<Accepted, Refused> {
        let mut backoff = Backoff::new(REACTION_PAUSE_FIRST, REACTION_PAUSE_MAX);
        loop {
            let current = match answer.take() {
                Some(answer) => answer,
                None => self.writer.execute(command.clone()).await,
            };
            match current {
                Err(refused) if refused.retry() == Retry::SameKey => backoff.pause(self.env()).await,
                current => return current,
            }
        }
    }

    async fn compensate(&self, reason: Refused) -> &'static str {
        let Some(command) = &self.refused else {
            tracing::error!(reaction = %self.name, target = %self.command.aggregate, %reason, "a reaction was refused");
            return "refused";
        };
        tracing::info!(reaction = %self.name, target = %self.command.aggregate, %reason, "a reaction was refused; its `refused` is sent");
        match self.insist(command, None).await {
            Ok(_) => "compensated",
            Err(second) => {
                tracing::error!(reaction = %self.name, target = %command.aggregate, %reason, %second, "a reaction was refused, and its `refused` too");
                "refused"
            }
        }
    }

    fn env(&self) -> &Env {
        &self.writer.region().env
    }
}

impl Counted {
    fn new(metrics: &Metrics) -> Self {
        metrics.reactions_pending.inc();
        Self(metrics.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.reactions_pending.dec();
    }
}
