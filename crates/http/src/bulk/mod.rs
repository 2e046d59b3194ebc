//! `POST /v1/commands`: many commands in one request.
//!
//! One task reads lines and puts their commands into the shards' queues, in order; another writes the answers, in order. Both are
//! bounded: where the client doesn't read answers, lines are not read either. What was put into a queue is answered by the shard
//! whether anybody still listens or not; a line is either whole and submitted, or has no effect.

mod answers;
mod line;
mod lines;
mod submit;

use crate::metrics::Gauged;
use crate::request::{Context, checked_lines};
use crate::{Code, Limits, Problem, Services};
use answers::{Answers, Outcome};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, header};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// The places for bulk requests.
#[derive(Clone)]
pub(crate) struct Bulks(Arc<Semaphore>);

impl Bulks {
    pub fn new(limits: &Limits) -> Self {
        Self(Arc::new(Semaphore::new(limits.bulks_max)))
    }

    fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.0.clone().try_acquire_owned().map_err(|_| Problem::new(Code::Overloaded, "too many bulk requests are under way"))
    }
}

pub(crate) async fn post(
    bulks: Bulks,
    State(services): State<Arc<Services>>,
    context: Context,
    request: Request,
) -> Result<Response, Problem> {
    let body = checked_lines(request)?;
    let place = bulks.place()?;
    let answers = start(services, context, body, place);
    Ok(response(answers))
}

/// Starts both tasks; gives the answers' bytes.
fn start(services: Arc<Services>, context: Context, body: Body, place: OwnedSemaphorePermit) -> mpsc::Receiver<Bytes> {
    let limits = services.limits.clone();
    let (outcomes, taken) = mpsc::channel::<Outcome>(limits.bulk_in_flight_max);
    let (chunks, answers) = mpsc::channel(limits.bulk_unread_chunks_max);
    let held = (place, Gauged::new(&services.metrics.bulks));
    let scope = services.scope.clone();
    let writing = Answers::new(services.clone(), &context, chunks).run(taken);
    scope.spawn(async move {
        writing.await;
        drop(held);
    });
    scope.spawn(submit::run(services, context, body, outcomes));
    answers
}

fn response(answers: mpsc::Receiver<Bytes>) -> Response {
    let chunks =
        stream::unfold(answers, |mut answers| async move { answers.recv().await.map(|chunk| (Ok::<_, Infallible>(chunk), answers)) });
    let mut response = Response::new(Body::from_stream(chunks));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
