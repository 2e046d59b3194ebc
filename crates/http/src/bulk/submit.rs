//! From lines to queues.

use super::answers::Outcome;
use super::line::{Names, parse};
use super::lines::{Line, Lines};
use crate::request::Context;
use crate::{Code, Problem, Services};
use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;
use sterna_crdt::Name;
use sterna_log::AggregateId;
use sterna_write::{Command, Refused};
use tokio::sync::mpsc;

struct Submitter {
    services: Arc<Services>,
    names: Names,
    like: Command,
    outcomes: mpsc::Sender<Outcome>,
    /// Views are waited for, as long as they move.
    patient: bool,
}

/// Nobody waits for answers any more, or the region stops.
struct Gone;

/// Reads the body to its end, or until the region stops or the client is gone.
pub(super) async fn run(services: Arc<Services>, context: Context, body: Body, outcomes: mpsc::Sender<Outcome>) {
    let like = template(&context);
    let mut submitter = Submitter { services, names: Names::default(), like, outcomes, patient: true };
    _ = submitter.read(body).await;
}

enum Read {
    Frame(Bytes),
    End,
    /// The body broke off, or stopped coming; or the region stops.
    Cut,
}

impl Submitter {
    async fn read(&mut self, mut body: Body) -> Result<(), Gone> {
        let mut lines = Lines::new(self.services.limits.line_bytes_max);
        loop {
            match self.frame(&mut body).await {
                Read::Frame(frame) => lines.feed(frame),
                Read::End => {
                    if let Some(line) = lines.end() {
                        self.take(line).await?;
                    }
                    return self.send(Outcome::End).await;
                }
                Read::Cut => {
                    return match lines.end() {
                        Some(_) => self.send(Outcome::Refused(cut())).await,
                        None => Ok(()),
                    };
                }
            }
            while let Some(line) = lines.next() {
                self.take(line).await?;
            }
        }
    }

    async fn frame(&self, body: &mut Body) -> Read {
        let scope = &self.services.scope;
        let next = scope.env().timeout(self.services.limits.body_silence_max, body.frame());
        let next = tokio::select! {
            biased;
            () = scope.stopping() => return Read::Cut,
            next = next => next,
        };
        match next {
            Some(Some(Ok(frame))) => Read::Frame(frame.into_data().unwrap_or_default()),
            Some(None) => Read::End,
            Some(Some(Err(_))) | None => Read::Cut,
        }
    }

    async fn take(&mut self, line: Line) -> Result<(), Gone> {
        let outcome = match line {
            Line::Whole(text) if text.trim_ascii().is_empty() => Outcome::Nothing,
            Line::Whole(text) => {
                self.wait_for_views().await?;
                self.submit(&text).await
            }
            Line::Last(text) if text.trim_ascii().is_empty() => Outcome::Nothing,
            Line::Last(text) if is_cut(&text) => Outcome::Refused(cut()),
            Line::Last(text) => self.submit(&text).await,
            Line::TooLong => Outcome::Refused(too_long(self.services.limits.line_bytes_max)),
        };
        self.send(outcome).await
    }

    /// While views are too far behind, no line is taken: they stay fresh under a load. Views that don't move stop no commands.
    async fn wait_for_views(&mut self) -> Result<(), Gone> {
        if !self.patient {
            return Ok(());
        }
        let Services { scope, reads, limits, .. } = &*self.services;
        let room = scope.env().timeout(limits.bulk_views_wait, reads.room(limits.bulk_views_behind_max));
        tokio::select! {
            biased;
            () = scope.stopping() => Err(Gone),
            room = room => {
                self.patient = room.is_some();
                Ok(())
            }
        }
    }

    /// Where the queue is full, waits for room rather than refusing. A token that is ahead is waited for once, not for every line.
    async fn submit(&mut self, text: &Bytes) -> Outcome {
        let command = match parse(text, &mut self.names, &self.like) {
            Ok(command) => command,
            Err(problem) => return Outcome::Refused(problem),
        };
        loop {
            match self.services.writer.submit(command.clone()).await {
                Ok(reply) => return Outcome::Submitted(reply),
                Err(Refused::Overloaded) => {
                    let AggregateId { kind, id } = &command.aggregate;
                    self.services.writer.room(kind, id).await;
                }
                Err(refused) => {
                    if matches!(refused, Refused::BehindToken { .. }) {
                        self.like.wait = Duration::ZERO;
                    }
                    return Outcome::Refused(refused.into());
                }
            }
        }
    }

    async fn send(&self, outcome: Outcome) -> Result<(), Gone> {
        self.outcomes.send(outcome).await.map_err(|_| Gone)
    }
}

/// A prefix of an object is never a whole JSON text.
fn is_cut(text: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(text).is_err()
}

fn cut() -> Problem {
    Problem::new(Code::CutLine, "the body ended in the middle of this line")
}

fn too_long(bytes_max: usize) -> Problem {
    Problem::new(Code::LineTooLarge, format!("a line has at most {bytes_max} bytes")).with("bytes_max", bytes_max)
}

fn template(context: &Context) -> Command {
    let nothing = Name::from("");
    Command {
        aggregate: AggregateId { kind: nothing.clone(), id: nothing.clone() },
        name: nothing,
        args: Bytes::new(),
        key: None,
        if_match: None,
        token: context.token.clone(),
        wait: context.wait,
        actor: context.actor.clone(),
        trace: context.trace.clone(),
        represent: context.represent,
        cause: None,
    }
}
