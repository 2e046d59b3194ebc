//! The loops that seek a silent origin's log: at the origin itself, since only its stream may be down, and at the other regions.

use super::LogFollower;
use crate::limits::{CARRY_PAUSE_FIRST, CARRY_PAUSE_MAX};
use futures::future::join_all;
use sterna_crdt::RegionId;

impl LogFollower {
    pub(super) async fn carry(&self) {
        join_all(self.holders().map(|from| self.carry_from(from))).await;
    }

    async fn carry_from(&self, from: RegionId) {
        let mut pause = CARRY_PAUSE_FIRST;
        loop {
            self.link.silent().await;
            let news = self.ask(from).await;
            pause = if news { CARRY_PAUSE_FIRST } else { (pause * 2).min(CARRY_PAUSE_MAX) };
            self.env().sleep(pause).await;
        }
    }

    /// True if there was something new.
    async fn ask(&self, from: RegionId) -> bool {
        let before = self.copied();
        let Ok(frame) = self.fetch(from, before).await else { return false };
        let entries = frame.entries.iter().filter(|e| e.position > self.copied()).count() as u64;
        if frame.after > before || self.take(frame, from).await.is_err() || entries == 0 {
            return false;
        }
        self.shared.metrics.carried.with_label_values(&[&self.region().membership.name(from)]).inc_by(entries);
        true
    }
}
