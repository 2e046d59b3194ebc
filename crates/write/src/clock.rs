//! The region's hybrid logical clock.

use crate::limits::CLOCK_AHEAD_MAX;
use std::sync::atomic::{AtomicU64, Ordering};
use sterna_crdt::Clock;
use sterna_env::Env;

/// Never goes back, and is never lifted further than [`CLOCK_AHEAD_MAX`] over this region's wall by what others say.
#[derive(Debug, Default)]
pub struct RegionClock(AtomicU64);

impl RegionClock {
    /// A clock for an event of an aggregate whose last event has `last`: greater than that one, also where that one is from the future.
    pub fn tick(&self, env: &Env, last: Clock) -> Clock {
        let wall = env.wall_ms();
        let step = |now| Some(Clock(now).tick(wall).0);
        let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).unwrap_or_else(|now| now);
        Clock(before).tick(wall).max(Clock(last.0 + 1))
    }

    /// Another region's clock was seen. False if it was too far ahead to be believed.
    pub fn observe(&self, env: &Env, seen: Clock) -> bool {
        let bound = Clock::from_ms(env.wall_ms() + CLOCK_AHEAD_MAX.as_millis() as u64);
        self.0.fetch_max(seen.min(bound).0, Ordering::Relaxed);
        seen <= bound
    }
}
