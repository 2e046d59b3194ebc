//! All regions loaded at once, through their bulk interface.

use super::flights::{Airports, Chunk, Flights};
use super::{REGIONS, Source};
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use futures::StreamExt;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use sterna_client::{Client, Error, Options};
use sterna_env::{Backoff, Env};
use tokio::sync::{Mutex, oneshot};

/// One request's body.
const CHUNK_BYTES: usize = 1 << 20;
/// Requests under way at once in each region, so that one is answered while the next is sent.
const REQUESTS: usize = 2;
/// A chunk is sent so often, with the same keys, before loading is given up.
const ATTEMPTS_MAX: u32 = 20;

pub struct Loader {
    env: Env,
    urls: Vec<String>,
    source: Source,
    airports: Arc<Airports>,
    answered: Arc<AtomicU64>,
    ended: AtomicBool,
}

#[derive(Debug, Default)]
pub struct Loaded {
    pub accepted: u64,
    /// For good.
    pub refused: u64,
    pub first_refusal: Option<String>,
}

impl Loader {
    /// `urls` are of [`REGIONS`], in their order.
    pub fn new(env: &Env, urls: impl IntoIterator<Item = String>, source: Source, airports: Arc<Airports>) -> Self {
        let urls: Vec<String> = urls.into_iter().collect();
        assert_eq!(urls.len(), REGIONS.len(), "one url a region");
        Self { env: env.clone(), urls, source, airports, answered: Arc::default(), ended: AtomicBool::new(false) }
    }

    /// Commands answered so far.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Nothing more is coming.
    pub fn ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    pub async fn load(&self) -> Result<Loaded> {
        let loading = (0..REGIONS.len()).flat_map(|region| self.region(region)).collect::<Vec<_>>();
        let loaded = futures::future::join_all(loading).await;
        self.ended.store(true, Ordering::Relaxed);
        loaded.into_iter().try_fold(Loaded::default(), |sum, part| Ok(sum.and(part.context("a loader ended")??)))
    }

    /// The region's requests run in tasks of their own, which take chunks in turn.
    fn region(&self, region: usize) -> Vec<oneshot::Receiver<Result<Loaded>>> {
        let flights = self.source.flights().and_then(|input| Flights::read(input, self.airports.clone()));
        let flights = match flights {
            Ok(flights) => Arc::new(Mutex::new(flights)),
            Err(error) => {
                let (tell, told) = oneshot::channel();
                let _ = tell.send(Err(error));
                return vec![told];
            }
        };
        let task = |_| {
            let (tell, told) = oneshot::channel();
            let sender = Sender {
                env: self.env.clone(),
                url: self.urls[region].clone(),
                region,
                flights: flights.clone(),
                answered: self.answered.clone(),
            };
            self.env.spawn(async move {
                let _ = tell.send(sender.run().await);
            });
            told
        };
        (0..REQUESTS).map(task).collect()
    }
}

impl Loaded {
    fn and(self, other: Self) -> Self {
        let first_refusal = self.first_refusal.or(other.first_refusal);
        Self { accepted: self.accepted + other.accepted, refused: self.refused + other.refused, first_refusal }
    }
}

struct Sender {
    env: Env,
    url: String,
    region: usize,
    flights: Arc<Mutex<Flights<Box<dyn Read + Send>>>>,
    answered: Arc<AtomicU64>,
}

/// How a chunk went.
enum Sent {
    All(Loaded),
    /// Sent again with the same keys, what was accepted has no second effect.
    Again(String),
}

impl Sender {
    async fn run(self) -> Result<Loaded> {
        let client = Client::new(self.env.clone(), Options::new([self.url.as_str()]))?;
        let mut loaded = Loaded::default();
        loop {
            let Some(chunk) = self.flights.lock().await.chunk(self.region, CHUNK_BYTES)? else { return Ok(loaded) };
            loaded = loaded.and(self.chunk(&client, chunk).await?);
        }
    }

    async fn chunk(&self, client: &Client, chunk: Chunk) -> Result<Loaded> {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));
        let bytes = Bytes::from(chunk.bytes);
        let mut last = String::new();
        for _ in 0..ATTEMPTS_MAX {
            match self.send(client, bytes.clone()).await? {
                Sent::All(loaded) => return Ok(loaded),
                Sent::Again(why) => {
                    tracing::warn!(region = REGIONS[self.region], why, "a chunk is sent again");
                    last = why;
                    backoff.pause(&self.env).await;
                }
            }
        }
        bail!("{} does not take the flights: {last}", REGIONS[self.region])
    }

    async fn send(&self, client: &Client, chunk: Bytes) -> Result<Sent> {
        let session = client.session();
        let mut answers = match session.bulk(futures::stream::iter([chunk])).await {
            Ok(answers) => answers,
            Err(error) => return again(error),
        };
        let (mut loaded, mut later, mut counted) = (Loaded::default(), None, 0);
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(answer) if answer.is_accepted() => loaded.accepted += 1,
                Ok(answer) if matches!(answer.status, 429 | 503) => later = Some(answer.body.get().to_owned()),
                Ok(answer) => {
                    loaded.refused += 1;
                    loaded.first_refusal.get_or_insert_with(|| answer.body.get().to_owned());
                }
                Err(error) => {
                    self.answered.fetch_sub(counted, Ordering::Relaxed);
                    return again(error);
                }
            }
            counted += 1;
            self.answered.fetch_add(1, Ordering::Relaxed);
        }
        Ok(match later {
            Some(why) => {
                self.answered.fetch_sub(counted, Ordering::Relaxed);
                Sent::Again(why)
            }
            None => Sent::All(loaded),
        })
    }
}

fn again(error: Error) -> Result<Sent> {
    match &error {
        Error::Unreachable { .. } | Error::Truncated { .. } => Ok(Sent::Again(error.to_string())),
        Error::Problem(problem) if problem.retry == "same-key" => Ok(Sent::Again(error.to_string())),
        _ => Err(error.into()),
    }
}
