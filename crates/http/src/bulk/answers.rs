//! From queues to answers, in the order of the lines.

use crate::request::{Context, RequestId};
use crate::{Problem, Services, reply};
use bytes::Bytes;
use prometheus::IntCounter;
use std::fmt::Write;
use std::sync::Arc;
use sterna_log::Token;
use sterna_write::{Accepted, Refused, Reply};
use tokio::sync::mpsc;

/// What became of a line.
pub(super) enum Outcome {
    Submitted(Reply),
    Refused(Problem),
    /// An empty line has a number and no answer.
    Nothing,
    /// The body was read to its end: the last answer may be written.
    End,
}

pub(super) struct Answers {
    services: Arc<Services>,
    request_id: RequestId,
    chunks: mpsc::Sender<Bytes>,
    out: String,
    line: u64,
    accepted: u64,
    refused: u64,
    token: Token,
    counters: Counters,
}

struct Counters {
    accepted: IntCounter,
    refused: IntCounter,
}

/// Nobody reads any more.
struct Gone;

impl Answers {
    pub fn new(services: Arc<Services>, context: &Context, chunks: mpsc::Sender<Bytes>) -> Self {
        let lines = &services.metrics.bulk_lines;
        let counters = Counters { accepted: lines.with_label_values(&["accepted"]), refused: lines.with_label_values(&["refused"]) };
        let (request_id, token) = (context.id.clone(), context.token.clone().unwrap_or_default());
        Self { services, request_id, chunks, out: String::new(), line: 0, accepted: 0, refused: 0, token, counters }
    }

    pub async fn run(mut self, mut outcomes: mpsc::Receiver<Outcome>) {
        _ = self.write_all(&mut outcomes).await;
    }

    async fn write_all(&mut self, outcomes: &mut mpsc::Receiver<Outcome>) -> Result<(), Gone> {
        loop {
            let outcome = match outcomes.try_recv() {
                Ok(outcome) => outcome,
                Err(_) => {
                    self.flush().await?;
                    let Some(outcome) = outcomes.recv().await else { return Ok(()) };
                    outcome
                }
            };
            match outcome {
                Outcome::End => {
                    self.write_done();
                    return self.flush().await;
                }
                outcome => self.answer(outcome).await?,
            }
            if self.out.len() >= self.services.limits.bulk_chunk_bytes {
                self.flush().await?;
            }
        }
    }

    async fn answer(&mut self, outcome: Outcome) -> Result<(), Gone> {
        self.line += 1;
        match outcome {
            Outcome::Submitted(reply) => match self.replied(reply).await? {
                Ok(accepted) => self.write_accepted(&accepted),
                Err(refused) => self.write_refused(&refused.into()),
            },
            Outcome::Refused(problem) => self.write_refused(&problem),
            Outcome::Nothing | Outcome::End => {}
        }
        Ok(())
    }

    /// What is written so far is sent before an answer is waited for.
    async fn replied(&mut self, mut reply: Reply) -> Result<Result<Accepted, Refused>, Gone> {
        if let std::task::Poll::Ready(answer) = futures::poll!(&mut reply) {
            return Ok(answer);
        }
        self.flush().await?;
        Ok(reply.await)
    }

    fn write_accepted(&mut self, accepted: &Accepted) {
        self.accepted += 1;
        self.counters.accepted.inc();
        self.token.raise(accepted.log, accepted.position);
        _ = write!(self.out, "{{\"line\":{},\"status\":200,", self.line);
        if accepted.replayed {
            self.out.push_str("\"replayed\":true,");
        }
        self.out.push_str("\"body\":");
        reply::write_accepted(&mut self.out, &accepted.aggregate, accepted.event, accepted.document.as_deref());
        self.out.push_str("}\n");
    }

    fn write_refused(&mut self, problem: &Problem) {
        self.refused += 1;
        self.counters.refused.inc();
        let body = problem.to_json(self.request_id.as_str());
        let body = String::from_utf8_lossy(&body);
        _ = writeln!(self.out, "{{\"line\":{},\"status\":{},\"body\":{body}}}", self.line, problem.code.status().as_u16());
    }

    fn write_done(&mut self) {
        let token = self.token.encode(&self.services.tokens);
        let (accepted, refused) = (self.accepted, self.refused);
        _ = writeln!(self.out, "{{\"done\":true,\"accepted\":{accepted},\"refused\":{refused},\"token\":\"{token}\"}}");
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        if self.out.is_empty() {
            return Ok(());
        }
        let room = self.services.limits.bulk_chunk_bytes + 512;
        let chunk = std::mem::replace(&mut self.out, String::with_capacity(room));
        self.chunks.send(chunk.into()).await.map_err(|_| Gone)
    }
}
