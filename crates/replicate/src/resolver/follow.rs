//! The loop that follows an origin's stream.

use super::LogFollower;
use super::take::Trouble;
use crate::limits::{FOLLOW_PAUSE_FIRST, FOLLOW_PAUSE_MAX, FOLLOW_WAIT, MERGE_BYTES, REFUSED_PAUSE, SILENCE_MAX};
use futures::FutureExt;
use sterna_env::Backoff;
use sterna_log::Frame;
use sterna_stream::{FollowError, Follower};

/// Why following ended.
enum End {
    Stream(FollowError),
    Trouble(Trouble),
}

impl LogFollower {
    pub(super) async fn follow(&self) {
        self.recall_place().await;
        let mut backoff = Backoff::new(FOLLOW_PAUSE_FIRST, FOLLOW_PAUSE_MAX);
        loop {
            let end = self.follow_once(&mut backoff).await;
            self.shared.metrics.reconnects.with_label_values(&[&self.origin]).inc();
            match end {
                End::Trouble(Trouble::Closed) => return,
                End::Trouble(Trouble::Disagrees(text)) | End::Stream(FollowError::Refused(text)) => self.refused(&text).await,
                End::Trouble(trouble) => self.pause(&mut backoff, trouble.to_string()).await,
                End::Stream(error @ FollowError::Unreachable(_)) => self.pause(&mut backoff, error.to_string()).await,
                End::Stream(error) => {
                    if !self.fill(None).await {
                        self.pause(&mut backoff, error.to_string()).await;
                    }
                }
            }
        }
    }

    async fn follow_once(&self, backoff: &mut Backoff) -> End {
        if let Err(text) = self.shared.introductions.asked(self.log.origin).await {
            return End::Stream(FollowError::Refused(text));
        }
        let following = self.shared.stream.follow(self.log, self.copied());
        let mut follower = match self.env().timeout(FOLLOW_WAIT, following).await {
            Some(Ok(follower)) => follower,
            Some(Err(error)) => return End::Stream(error),
            None => return End::Stream(FollowError::Unreachable(format!("no answer within {FOLLOW_WAIT:?}"))),
        };
        let mut held = None;
        loop {
            let frame = match held.take() {
                Some(frame) => frame,
                None => match self.env().timeout(SILENCE_MAX, follower.next()).await {
                    Some(Ok(frame)) => frame,
                    Some(Err(error)) => return End::Stream(error),
                    None => return End::Stream(FollowError::Unreachable(format!("nothing came for {SILENCE_MAX:?}"))),
                },
            };
            if let Err(text) = self.shared.introductions.last(self.log.origin) {
                return End::Stream(FollowError::Refused(text));
            }
            let alive = self.link.heard(&frame, self.copied());
            if alive {
                self.shared.peers.up(self.log.origin, &frame);
                backoff.reset();
            }
            let (frame, next) = join(frame, &mut *follower);
            held = next;
            if let Err(trouble) = self.take(frame, self.log.origin).await {
                return End::Trouble(trouble);
            }
            self.keep_place().await;
        }
    }

    async fn pause(&self, backoff: &mut Backoff, error: String) {
        tracing::debug!(origin = %self.origin, shard = self.log.shard.0, error, "not following");
        self.shared.peers.down(self.log.origin, self.log.shard, error);
        self.link.unreachable();
        backoff.pause(self.env()).await;
    }

    async fn refused(&self, text: &str) {
        self.link.refused();
        self.shared.peers.down(self.log.origin, self.log.shard, text.to_owned());
        if self.shared.peers.refused(self.log.origin, text) {
            tracing::error!(origin = %self.origin, text, "a peer disagrees about the cluster; nothing of it is merged until that is mended");
        }
        self.env().sleep(REFUSED_PAUSE).await;
    }
}

/// Joins the frames that are here already and follow one on the other; the first that does not is handed back.
fn join(mut frame: Frame, follower: &mut dyn Follower) -> (Frame, Option<Frame>) {
    let mut bytes: usize = frame.entries.iter().map(|e| e.bytes.len()).sum();
    while bytes < MERGE_BYTES
        && let Some(Ok(next)) = follower.next().now_or_never()
    {
        if next.log != frame.log || next.after != frame.end() || says_less(&next, &frame) || next.incarnation != frame.incarnation {
            return (frame, Some(next));
        }
        bytes += next.entries.iter().map(|e| e.bytes.len()).sum::<usize>();
        let mut entries = std::mem::take(&mut frame.entries);
        entries.extend(next.entries);
        frame = Frame { after: frame.after, entries, ..next };
    }
    (frame, None)
}

/// A frame without a seal would hide what the one before it says.
fn says_less(next: &Frame, frame: &Frame) -> bool {
    next.sent_ms < frame.sent_ms
}
