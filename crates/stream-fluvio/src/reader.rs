//! Reads one partition from an offset on and hands its frames over.
//!
//! Of each answer only what is whole and without a gap is taken, and what comes behind it is asked for. Where nothing comes, the partition
//! is asked where it ends. A unit hangs up in the midst of an answer when the segment ends that it sends from: a connection that brought
//! something is opened again, and the place is looked up by position.

use crate::cluster::Cluster;
use crate::envelope::{Envelope, Joiner};
use crate::hints::Hints;
use crate::limits::{ANSWER_WAIT, CHECK_EVERY, FETCH_BYTES, FETCH_BYTES_MAX};
use crate::locate::{Search, Start};
use crate::metrics::OriginMetrics;
use crate::partition::{Partition, Refused, check};
use crate::record;
use crate::wire::{Asked, Connection, Lost};
use bytes::Bytes;
use fluvio_spu_schema::Isolation;
use fluvio_spu_schema::server::stream_fetch::{DefaultStreamFetchRequest, DefaultStreamFetchResponse};
use fluvio_spu_schema::server::update_offset::{OffsetUpdate, UpdateOffsetsRequest};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use sterna_env::{Backoff, Env};
use sterna_log::{Frame, LogId, Position};
use sterna_stream::FollowError;
use tokio::sync::mpsc;

pub(crate) struct Reader {
    pub env: Env,
    pub cluster: Arc<Cluster>,
    pub partition: Partition,
    pub log: LogId,
    pub hints: Arc<Hints>,
    pub metrics: OriginMetrics,
    pub frames: mpsc::Sender<Result<Frame, FollowError>>,
    /// Frames that end here or before are left out.
    pub after: Position,
    /// A frame came that does not follow on `after`: only who takes the frames knows where it is.
    pub holed: bool,
    /// The next offset to read.
    pub next: i64,
    pub joiner: Joiner,
    pub fetch_bytes: i32,
    /// The partition had more than this offset, and nothing came; if that is so twice, it will not come by itself.
    pub suspect: Option<i64>,
}

/// Why reading on one connection ended.
enum End {
    Refused(Refused),
    /// Something was left out, or did not fit: it must be asked for anew.
    Again,
    /// Nobody takes frames any more.
    Unwanted,
}

impl From<Refused> for End {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Lost> for End {
    fn from(lost: Lost) -> Self {
        Self::Refused(lost.into())
    }
}

impl Reader {
    /// Until something stands against it; that is the last thing handed over.
    pub async fn run(mut self, connection: Connection) {
        let mut connection = Some(connection);
        let mut backoff = Backoff::new(Duration::from_millis(20), CHECK_EVERY);
        loop {
            let before = self.next;
            let end = self.read(connection.take()).await;
            if self.next > before {
                backoff.reset();
            }
            let reopened = match end {
                End::Unwanted => return,
                End::Again => {
                    backoff.pause(&self.env).await;
                    continue;
                }
                End::Refused(Refused::Lost(lost)) if self.next > before && !self.holed => {
                    tracing::debug!(topic = self.partition.topic, partition = self.partition.number, %lost, "reads on");
                    backoff.pause(&self.env).await;
                    self.resume().await
                }
                End::Refused(refused) => Err(refused),
            };
            match reopened {
                Ok(resumed) => connection = Some(resumed),
                Err(refused) => {
                    let error = self.error(refused).await;
                    self.frames.send(Err(error)).await.ok();
                    return;
                }
            }
        }
    }

    /// Another connection, and on it the place behind the last frame.
    async fn resume(&mut self) -> Result<Connection, Refused> {
        let opened = self.cluster.connect(self.partition.number).await;
        let mut connection = opened.map_err(|e| Lost(e.to_string()))?;
        let (partition, hints, metrics) = (&self.partition, &*self.hints, &self.metrics);
        let mut search = Search { connection: &mut connection, partition, hints, metrics, after: self.after };
        match search.run().await? {
            Start::At(next) => self.next = next,
            Start::Expired => return Err(Refused::Evicted("what comes next is gone".to_owned())),
        }
        self.joiner = Joiner::default();
        Ok(connection)
    }

    async fn error(&self, refused: Refused) -> FollowError {
        self.cluster.forget_leaders().await;
        match refused {
            Refused::Evicted(text) => {
                tracing::debug!(topic = self.partition.topic, partition = self.partition.number, text, "expired");
                self.metrics.expired.inc();
                FollowError::Expired(self.after)
            }
            refused => FollowError::Unreachable(refused.to_string()),
        }
    }

    /// Reads on one connection, for ever.
    async fn read(&mut self, connection: Option<Connection>) -> End {
        let ended = async {
            let mut connection = match connection {
                Some(connection) => connection,
                None => self.cluster.connect(self.partition.number).await.map_err(|e| Lost(e.to_string()))?,
            };
            self.metrics.readers_opened.inc();
            let asked = connection.ask(self.request()).await?;
            self.read_on(&mut connection, asked).await
        };
        match ended.await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn read_on(&mut self, connection: &mut Connection, asked: Asked) -> Result<std::convert::Infallible, End> {
        let mut checking: Option<Asked> = None;
        loop {
            let patience = if checking.is_some() { ANSWER_WAIT } else { CHECK_EVERY };
            let Some(answer) = self.env.timeout(patience, connection.answer()).await else {
                if checking.is_some() {
                    return Err(Lost(format!("no answer within {ANSWER_WAIT:?}")).into());
                }
                checking = Some(connection.ask(self.partition.offsets_request()).await?);
                continue;
            };
            let (id, bytes) = answer?;
            if id == asked.id {
                self.take(connection, asked.answer::<DefaultStreamFetchRequest>(&bytes)?).await?;
            } else if let Some(check) = checking.filter(|check| check.id == id) {
                checking = None;
                let answer = check.answer::<fluvio_spu_schema::server::fetch_offset::FetchOffsetsRequest>(&bytes)?;
                self.compare(self.partition.offsets_of(answer)?)?;
            }
        }
    }

    fn request(&self) -> DefaultStreamFetchRequest {
        let mut request = DefaultStreamFetchRequest::default();
        request.topic.clone_from(&self.partition.topic);
        request.partition = self.partition.number;
        request.fetch_offset = self.next;
        request.max_bytes = self.fetch_bytes;
        request.isolation = Isolation::ReadCommitted;
        request
    }

    async fn take(&mut self, connection: &mut Connection, response: DefaultStreamFetchResponse) -> Result<(), End> {
        check(response.partition.error_code)?;
        let whole = record::whole(response.partition.records, self.next).map_err(Refused::Other)?;
        if whole.gap {
            self.metrics.offset_gaps.inc();
            return Err(End::Again);
        }
        if whole.next == self.next {
            // A batch is larger than what was asked for.
            self.fetch_bytes = self.fetch_bytes.saturating_mul(8).min(FETCH_BYTES_MAX);
            return Err(End::Again);
        }
        self.fetch_bytes = FETCH_BYTES;
        self.next = whole.next;
        let update = OffsetUpdate { offset: whole.next, session_id: response.stream_id };
        connection.ask(UpdateOffsetsRequest::new(vec![update])).await?;
        for (offset, value) in whole.records {
            self.hand_over(offset, &value).await?;
        }
        Ok(())
    }

    /// Nothing has come for a while.
    fn compare(&mut self, there: Range<i64>) -> Result<(), End> {
        if there.start > self.next {
            return Err(Refused::Evicted(format!("the partition begins at {}", there.start)).into());
        }
        if there.end < self.next {
            self.hints.forget();
            return Err(Refused::Other(format!("the partition ends at {}, and {} was read", there.end, self.next)).into());
        }
        let suspect = (there.end > self.next).then_some(self.next);
        if suspect.is_some() && suspect == self.suspect {
            self.suspect = None;
            self.metrics.offset_gaps.inc();
            return Err(End::Again);
        }
        self.suspect = suspect;
        Ok(())
    }

    async fn hand_over(&mut self, offset: i64, value: &Bytes) -> Result<(), End> {
        self.metrics.bytes_read.inc_by(value.len() as u64);
        let frame = match self.frame(value) {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ok(()),
            Err(why) => {
                // What it held is a hole now, and holes are filled elsewhere.
                tracing::warn!(topic = self.partition.topic, partition = self.partition.number, offset, why, "a record is left out");
                self.metrics.unreadable.inc();
                return Ok(());
            }
        };
        if !frame.is_heartbeat() {
            self.hints.note(frame.end(), offset);
            if frame.after <= self.after {
                self.after = self.after.max(frame.end());
            } else {
                self.holed = true;
            }
        }
        self.metrics.frames_read.inc();
        self.frames.send(Ok(frame)).await.map_err(|_| End::Unwanted)
    }

    /// `None` where there is nothing new, or more parts must come first.
    fn frame(&mut self, value: &Bytes) -> Result<Option<Frame>, String> {
        let envelope = Envelope::decode(value).map_err(|e| e.to_string())?;
        if !envelope.heartbeat && envelope.end <= self.after {
            self.metrics.frames_repeated.inc_by(u64::from(envelope.part == 0));
            return Ok(None);
        }
        let Some(bytes) = self.joiner.push(&envelope) else { return Ok(None) };
        let frame = Frame::decode(bytes).map_err(|e| e.to_string())?;
        if frame.log != self.log {
            return Err(format!("a frame of {:?}", frame.log));
        }
        Ok(Some(frame))
    }
}
