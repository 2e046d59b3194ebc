//! Frames out of a body.

use crate::Shared;
use crate::client::{Link, causes};
use crate::limits::{FRAME_BYTES_MAX, SILENCE_MS_MAX};
use crate::metrics::PeerMetrics;
use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::Duration;
use sterna_env::{Boxed, Instant};
use sterna_log::{Frame, LogId};
use sterna_stream::{FollowError, Follower};

/// Bytes of a peer's answer. An error if none come for [`SILENCE_MS_MAX`], or the link is closed.
pub(crate) struct Chunks {
    shared: Arc<Shared>,
    link: Arc<Link>,
    body: Incoming,
    /// Since when bytes were waited for in vain; kept over calls that were dropped.
    silent_since: Option<Instant>,
}

impl Chunks {
    pub(crate) fn new(shared: Arc<Shared>, link: Arc<Link>, body: Incoming) -> Self {
        Self { shared, link, body, silent_since: None }
    }

    /// `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, FollowError> {
        let env = &self.shared.env;
        loop {
            let since = *self.silent_since.get_or_insert_with(|| env.now());
            let patience = (since + Duration::from_millis(SILENCE_MS_MAX)).saturating_duration_since(env.now());
            let frame = tokio::select! {
                biased;
                closed = self.shared.links.closed(self.link.peer) => return Err(self.link.unreachable(closed)),
                frame = self.body.frame() => frame,
                () = env.sleep(patience) => return Err(self.link.unreachable(format!("nothing came for {SILENCE_MS_MAX} ms"))),
            };
            self.silent_since = None;
            match frame {
                None => return Ok(None),
                Some(Err(error)) => return Err(self.link.unreachable(causes(&error))),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }
}

/// A whole answer that is one frame.
pub(crate) async fn one_frame(chunks: &mut Chunks, log: LogId, metrics: &PeerMetrics) -> Result<Frame, FollowError> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = chunks.next().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > FRAME_BYTES_MAX {
            return Err(too_long(bytes.len()));
        }
    }
    decode(bytes.freeze(), log, metrics)
}

/// Frames with their length before them.
pub(crate) struct DirectFollower {
    pub chunks: Chunks,
    pub log: LogId,
    pub metrics: PeerMetrics,
    pub buffer: BytesMut,
}

const LENGTH_BYTES: usize = 4;

impl DirectFollower {
    fn buffered(&mut self) -> Result<Option<Frame>, FollowError> {
        let Some(length) = self.buffer.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        if length > FRAME_BYTES_MAX {
            return Err(too_long(length));
        }
        if self.buffer.len() < LENGTH_BYTES + length {
            self.buffer.reserve(LENGTH_BYTES + length - self.buffer.len());
            return Ok(None);
        }
        self.buffer.advance(LENGTH_BYTES);
        decode(self.buffer.split_to(length).freeze(), self.log, &self.metrics).map(Some)
    }
}

impl Follower for DirectFollower {
    fn next(&mut self) -> Boxed<'_, Result<Frame, FollowError>> {
        Box::pin(async move {
            loop {
                if let Some(frame) = self.buffered()? {
                    return Ok(frame);
                }
                match self.chunks.next().await? {
                    Some(bytes) => self.buffer.extend_from_slice(&bytes),
                    None => return Err(self.chunks.link.unreachable("it ended the stream")),
                }
            }
        })
    }
}

fn decode(bytes: Bytes, log: LogId, metrics: &PeerMetrics) -> Result<Frame, FollowError> {
    metrics.frames_received.inc();
    metrics.bytes_received.inc_by(bytes.len() as u64);
    let frame = Frame::decode(bytes).map_err(|e| FollowError::Malformed(e.to_string()))?;
    if frame.log != log {
        return Err(FollowError::Malformed(format!("a frame of {:?} where {log:?} was asked for", frame.log)));
    }
    Ok(frame)
}

fn too_long(bytes: usize) -> FollowError {
    FollowError::Malformed(format!("a frame of {bytes} bytes; {FRAME_BYTES_MAX} are the most"))
}
