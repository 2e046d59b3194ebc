//! One log's published frames.

use crate::FollowError;
use std::collections::VecDeque;
use std::sync::Arc;
use sterna_log::{Frame, Position};

/// How much of each log a hub keeps. The oldest frames go first.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    pub frames_max: usize,
    pub bytes_max: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self { frames_max: 4096, bytes_max: 64 << 20 }
    }
}

/// Frames in the order in which they were published, numbered; of the heartbeats only the latest.
#[derive(Default)]
pub(super) struct Channel {
    frames: VecDeque<(u64, Arc<Frame>)>,
    heartbeat: Option<(u64, Arc<Frame>)>,
    bytes: usize,
    published: u64,
    /// The number and the end of the last frame that retention removed.
    expired: Option<(u64, Position)>,
}

impl Channel {
    pub(super) fn push(&mut self, frame: Frame, retention: Retention) {
        self.published += 1;
        let numbered = (self.published, Arc::new(frame));
        if numbered.1.is_heartbeat() {
            self.heartbeat = Some(numbered);
            return;
        }
        self.bytes += bytes_of(&numbered.1);
        self.frames.push_back(numbered);
        while self.frames.len() > retention.frames_max.max(1) || self.bytes > retention.bytes_max && self.frames.len() > 1 {
            self.expire_oldest();
        }
    }

    fn expire_oldest(&mut self) {
        if let Some((number, frame)) = self.frames.pop_front() {
            self.bytes -= bytes_of(&frame);
            self.expired = Some((number, frame.end()));
        }
    }

    /// The number of the last frame that has nothing behind `after`.
    pub(super) fn cursor_behind(&self, after: Position) -> Result<u64, FollowError> {
        match self.expired {
            Some((_, end)) if end > after => Err(FollowError::Expired(after)),
            expired => Ok(expired.map_or(0, |(number, _)| number)),
        }
    }

    /// The next frame behind `cursor`, with its number.
    pub(super) fn next(&self, cursor: u64) -> Result<Option<(u64, Arc<Frame>)>, Gone> {
        if self.expired.is_some_and(|(number, _)| number > cursor) {
            return Err(Gone);
        }
        let at = self.frames.partition_point(|(number, _)| *number <= cursor);
        let heartbeat = self.heartbeat.iter().filter(|(number, _)| *number > cursor);
        Ok(self.frames.get(at).into_iter().chain(heartbeat).min_by_key(|(number, _)| *number).cloned())
    }
}

/// Retention took away what comes next.
pub(super) struct Gone;

fn bytes_of(frame: &Frame) -> usize {
    frame.entries.iter().map(|e| e.bytes.len()).sum()
}
