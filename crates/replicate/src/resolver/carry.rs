//! The loop that seeks a silent origin's log at the other regions.

use super::LogFollower;
use crate::limits::{CARRY_PAUSE_FIRST, CARRY_PAUSE_MAX};
use sterna_crdt::RegionId;

impl LogFollower {
    pub(super) async fn carry(&self) {
        let mut pause = CARRY_PAUSE_FIRST;
        let bystanders: Vec<RegionId> = self.bystanders().collect();
        if bystanders.is_empty() {
            return std::future::pending().await;
        }
        loop {
            self.link.silent().await;
            let mut news = false;
            for &from in &bystanders {
                news |= self.carry_from(from).await;
            }
            pause = if news { CARRY_PAUSE_FIRST } else { (pause * 2).min(CARRY_PAUSE_MAX) };
            self.env().sleep(pause).await;
        }
    }

    /// True if there was something new.
    async fn carry_from(&self, from: RegionId) -> bool {
        let before = self.copied();
        let Ok(frame) = self.fetch(from, before).await else { return false };
        let entries = frame.entries.iter().filter(|e| e.position > before).count() as u64;
        if frame.after > before || self.take(frame).await.is_err() || self.copied() <= before {
            return false;
        }
        self.shared.metrics.carried.with_label_values(&[&self.region().membership.name(from)]).inc_by(entries);
        true
    }
}
