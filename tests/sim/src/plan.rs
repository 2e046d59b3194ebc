//! What a seed chooses before it begins.

use crate::dice::Dice;
use std::time::Duration;

/// The promises that the simulated clients and faults may lean on. One that the code doesn't keep yet is switched on when it lands.
pub struct Knobs {
    /// A key may be retried in another region (effect once over regions).
    pub twins: bool,
    /// Bounded counters are spent in every region (escrow).
    pub bounds: bool,
}

pub const KNOBS: Knobs = Knobs { twins: true, bounds: true };

/// Everything about a run that doesn't happen during it.
#[derive(Clone, Debug)]
pub struct Plan {
    pub regions: usize,
    pub shards: u16,
    pub clients: usize,
    /// Ids of each type.
    pub ids: usize,
    /// How long clients and faults go on.
    pub chaos: Duration,
    /// A client's pause between two requests, at most.
    pub think_ms: u64,
    /// Mean pause between two faults.
    pub fault_ms: u64,
    /// How long keys are kept.
    pub window: &'static str,
    pub skew_ms: u64,
}

impl Plan {
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed, "plan");
        Self {
            regions: *dice.pick(&[3, 3, 3, 4, 5]),
            shards: *dice.pick(&[1, 2, 2, 3]),
            clients: dice.between(3, 6) as usize,
            ids: dice.between(1, 3) as usize,
            chaos: Duration::from_millis(dice.between(8_000, 20_000)),
            think_ms: *dice.pick(&[40, 100, 250]),
            fault_ms: *dice.pick(&[300, 600, 1_200]),
            window: if dice.happens(300) { "1m" } else { "24h" },
            skew_ms: *dice.pick(&[0, 20, 500, 3_000]),
        }
    }
}
