//! What is done with a frame.

use super::LogFollower;
use crate::claims::Claim;
use sterna_crdt::RegionId;
use sterna_env::mutation;
use sterna_log::{Frame, Position};
use sterna_write::MergeError;

/// Why a frame was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("what lies before a frame, up to {0}, is to be had from no region now")]
    Hole(Position),
    #[error("damaged: {0}")]
    Damaged(String),
    #[error("{0}")]
    Disagrees(String),
    #[error("the writer has stopped")]
    Closed,
}

impl LogFollower {
    /// Hands a frame that `from` sent to the writer, after filling a hole before it.
    pub(super) async fn take(&self, frame: Frame, from: RegionId) -> Result<(), Trouble> {
        let _turn = self.turn.lock().await;
        if frame.log != self.log {
            return Err(Trouble::Damaged(format!("a frame of {:?} where {:?} was asked for", frame.log, self.log)));
        }
        self.shared.peers.hear(&frame).map_err(Trouble::Disagrees)?;
        if self.region().fence(self.log.origin).is_some_and(|fence| fence.end(self.log.shard).is_none_or(|end| self.copied() >= end)) {
            return Err(Trouble::Disagrees("it was declared lost, and all that counts of it is here".to_owned()));
        }
        self.shared.metrics.frames.with_label_values(&[&self.origin]).inc();
        self.check_claim(&frame);
        if from == self.log.origin && frame.incarnation < self.region().recalled(from) && frame.end() > self.copied() {
            self.pass_over(frame.end());
            return Ok(());
        }
        if frame.after > self.copied() && !mutation::on("after-unchecked") {
            self.shared.metrics.holes.with_label_values(&[&self.origin]).inc();
            tracing::debug!(origin = %self.origin, shard = self.log.shard.0, after = %frame.after, copied = %self.copied(), "a hole");
            if mutation::on("heartbeat-unsealed") {
                self.region().board.learn(self.log.shard, self.log.origin, &frame.applied);
            }
            if !self.fill(Some(frame.after)).await {
                return Err(Trouble::Hole(frame.after));
            }
        }
        match self.merge(frame, from).await {
            Err(Trouble::Damaged(text)) => self.damaged(text).await,
            result => result,
        }
    }

    /// Copies a frame that has no hole before it. Also for frames that fill one.
    pub(super) async fn merge(&self, frame: Frame, from: RegionId) -> Result<(), Trouble> {
        let before = self.copied();
        let all = frame.entries.len() as u64;
        let new = frame.entries.iter().filter(|e| e.position > before).count() as u64;
        self.shared.source.remember(&frame);
        let end = frame.end();
        let writer = &self.shared.writer;
        let merged = if from == self.log.origin { writer.merge(frame).await } else { writer.merge_copy(frame).await };
        match merged {
            Ok(_) => {}
            Err(MergeError::Recalled) => {
                self.pass_over(end);
                return Ok(());
            }
            Err(MergeError::Ahead { .. }) => {
                let shard = self.log.shard;
                self.shared.source.claims().make(Claim { shard, position: None });
            }
            Err(MergeError::Hole { .. }) => return Err(Trouble::Hole(end)),
            Err(MergeError::Damaged(text)) => return Err(Trouble::Damaged(text)),
            Err(MergeError::Closed) => return Err(Trouble::Closed),
        }
        self.shared.metrics.entries.with_label_values(&[&self.origin]).inc_by(new);
        self.shared.metrics.repeated.with_label_values(&[&self.origin]).inc_by(all - new);
        Ok(())
    }

    fn pass_over(&self, end: Position) {
        tracing::debug!(origin = %self.origin, shard = self.log.shard.0, %end, "passed over what the origin sent before it was restored");
    }

    /// Whoever has applied more of this region's log than this region has written holds what an old copy has lost.
    fn check_claim(&self, frame: &Frame) {
        let (region, shard) = (self.region(), self.log.shard);
        let end = region.board.applied(shard).get(region.me);
        let (claims, theirs) = (self.shared.source.claims(), frame.applied.get(region.me));
        claims.check(shard, theirs, end, region.life().epoch);
    }

    /// Another region's copy may be sound.
    async fn damaged(&self, text: String) -> Result<(), Trouble> {
        tracing::warn!(origin = %self.origin, shard = self.log.shard.0, text, "a damaged frame");
        self.shared.metrics.damaged.with_label_values(&[&self.origin]).inc();
        match self.fill(None).await {
            true => Ok(()),
            false => Err(Trouble::Damaged(text)),
        }
    }
}
