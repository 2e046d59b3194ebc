//! Filling holes from any region that has a copy.

use super::LogFollower;
use crate::desk::answered;
use sterna_crdt::RegionId;
use sterna_log::{Frame, Position};
use sterna_stream::FollowError;

impl LogFollower {
    /// Copies what lies behind this region's copy up to `until`, or all that is to be had: from the origin, else from the others. True if
    /// `until` was reached; without it, if anything was copied.
    pub(super) async fn fill(&self, until: Option<Position>) -> bool {
        let start = self.copied();
        for from in self.holders() {
            self.fill_from(from, until).await;
            if until.map_or(self.copied() > start, |until| self.copied() >= until) {
                return true;
            }
        }
        false
    }

    async fn fill_from(&self, from: RegionId, until: Option<Position>) {
        while until.is_none_or(|until| self.copied() < until) {
            let copied = self.copied();
            let Ok(frame) = self.fetch(from, copied).await else { return };
            if frame.end() <= copied || frame.after > copied || self.shared.peers.hear(&frame).is_err() {
                return;
            }
            if let Err(trouble) = self.merge(frame, from).await {
                tracing::debug!(origin = %self.origin, shard = self.log.shard.0, from = from.0, %trouble, "no repair");
                return;
            }
            let name = self.region().membership.name(from);
            self.shared.metrics.repairs.with_label_values(&[&name]).inc();
            if self.copied() <= copied {
                return;
            }
        }
    }

    pub(super) async fn fetch(&self, from: RegionId, after: Position) -> Result<Frame, FollowError> {
        let frame = answered(self.env(), self.shared.repair.fetch(from, self.log, after)).await?;
        if frame.log != self.log {
            return Err(FollowError::Malformed(format!("a frame of {:?} where {:?} was asked for", frame.log, self.log)));
        }
        Ok(frame)
    }
}
