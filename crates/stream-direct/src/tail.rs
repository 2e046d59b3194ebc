//! The newest frames of one shard, as published: encoded once, for all followers.

use crate::limits::{TAIL_BYTES_MAX, TAIL_FRAMES_MAX};
use bytes::{BufMut, Bytes, BytesMut};
use parking_lot::Mutex;
use std::collections::VecDeque;
use sterna_log::{Frame, Position};
use tokio::sync::watch;

/// A frame with its length before it, as it goes over the wire.
#[derive(Clone)]
pub(crate) struct Encoded {
    pub after: Position,
    pub end: Position,
    pub bytes: Bytes,
}

#[derive(Default)]
struct Kept {
    frames: VecDeque<Encoded>,
    bytes: usize,
    heartbeat: Option<Encoded>,
    /// Counts the heartbeats.
    beat: u64,
}

pub(crate) struct Tail {
    kept: Mutex<Kept>,
    published: watch::Sender<()>,
}

/// What comes behind a position.
pub(crate) enum Behind {
    Frame(Encoded),
    /// Nothing that was published; here is the latest heartbeat, if it is a new one, and its number.
    Nothing(Option<(u64, Encoded)>),
    /// Something that is no longer here.
    Older,
}

impl Encoded {
    pub(crate) fn new(frame: &Frame) -> Self {
        let encoded = frame.encode();
        let mut bytes = BytesMut::with_capacity(4 + encoded.len());
        bytes.put_u32(encoded.len() as u32);
        bytes.put_slice(&encoded);
        Self { after: frame.after, end: frame.end(), bytes: bytes.freeze() }
    }
}

impl Tail {
    pub(crate) fn new() -> Self {
        Self { kept: Mutex::default(), published: watch::Sender::new(()) }
    }

    pub(crate) fn push(&self, frame: Encoded) {
        let mut kept = self.kept.lock();
        if frame.end == frame.after {
            kept.beat += 1;
            kept.heartbeat = Some(frame);
        } else {
            kept.bytes += frame.bytes.len();
            kept.frames.push_back(frame);
            while kept.bytes > TAIL_BYTES_MAX || kept.frames.len() > TAIL_FRAMES_MAX {
                let oldest = kept.frames.pop_front().map_or(0, |f| f.bytes.len());
                kept.bytes -= oldest;
            }
        }
        drop(kept);
        self.published.send_replace(());
    }

    /// `beat` is the number of the last heartbeat that was taken.
    pub(crate) fn behind(&self, after: Position, beat: u64) -> Behind {
        let kept = self.kept.lock();
        if let Some(frame) = kept.frames.iter().find(|f| f.after <= after && after < f.end) {
            return Behind::Frame(frame.clone());
        }
        if kept.frames.back().is_some_and(|newest| after < newest.end) {
            return Behind::Older;
        }
        match &kept.heartbeat {
            Some(heartbeat) if kept.beat > beat => Behind::Nothing(Some((kept.beat, heartbeat.clone()))),
            _ => Behind::Nothing(None),
        }
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<()> {
        self.published.subscribe()
    }
}
