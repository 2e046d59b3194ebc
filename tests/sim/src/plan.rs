//! What a seed chooses before it begins.

use crate::dice::Dice;
use std::time::Duration;

/// What a run leans to. Some lean to nothing; chance alone would seldom make what the others tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Story {
    Mixed,
    /// A region is alone for longer than keys are kept for; keys of then are retried late.
    LongCut,
    /// Keys are retried in other regions, over cut links and slow disks, and cause much.
    Twins,
    /// A few bounded counters are brought and spent at once, everywhere.
    Bounds,
    /// Disks are lost while peers still have frames under way.
    Restores,
    /// Processes that share a region's store stand still while commits of theirs are under way.
    Leases,
    /// Registers are set in several regions at once, over links that are cut and lose frames.
    Registers,
    /// So are they, while one region after the other gets the next version of the model.
    Versions,
    /// What one region decides while it lags behind another is asked a third once more, when all else has settled.
    Echoes,
}

/// By the last digit of the seed.
const STORIES: [Story; 10] = [
    Story::Mixed,
    Story::Mixed,
    Story::Versions,
    Story::Echoes,
    Story::Leases,
    Story::LongCut,
    Story::Twins,
    Story::Bounds,
    Story::Restores,
    Story::Registers,
];

/// Everything about a run that doesn't happen during it.
#[derive(Clone, Debug)]
pub struct Plan {
    pub story: Story,
    pub regions: usize,
    /// Processes of each region.
    pub processes: Vec<usize>,
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
        let story = STORIES[(seed % 10) as usize];
        let regions = *dice.pick(if matches!(story, Story::LongCut | Story::Twins | Story::Restores | Story::Echoes) {
            &[3]
        } else {
            &[3, 3, 3, 4, 5][..]
        });
        let mixed = Self {
            story,
            regions,
            processes: (0..regions).map(|_| if dice.happens(300) { 2 } else { 1 }).collect(),
            shards: *dice.pick(&[1, 2, 2, 3]),
            clients: dice.between(3, 6) as usize,
            ids: dice.between(1, 3) as usize,
            chaos: Duration::from_millis(dice.between(8_000, 20_000)),
            think_ms: *dice.pick(&[40, 100, 250]),
            fault_ms: *dice.pick(&[300, 600, 1_200]),
            window: if dice.happens(300) { "1m" } else { "24h" },
            skew_ms: *dice.pick(&[0, 20, 500, 3_000]),
        };
        match story {
            Story::Mixed => mixed,
            Story::LongCut => Self { window: "1m", chaos: Duration::from_secs(50), think_ms: 250, fault_ms: 2_000, ..mixed },
            Story::Twins => Self { ids: 2, skew_ms: 3_000, window: "24h", ..mixed },
            Story::Bounds => Self { ids: 1, window: "24h", ..mixed },
            Story::Restores => Self { ids: 1, fault_ms: 300, window: "24h", ..mixed },
            Story::Leases => Self { processes: vec![2; regions], shards: 1, chaos: Duration::from_secs(20), window: "24h", ..mixed },
            Story::Registers => Self { ids: 1, shards: 1, think_ms: 40, fault_ms: 300, window: "24h", ..mixed },
            Story::Versions => {
                let chaos = Duration::from_secs(20);
                Self { ids: 1, shards: 1, think_ms: 40, fault_ms: 300, chaos, window: "24h", ..mixed }
            }
            Story::Echoes => Self {
                processes: vec![1; regions],
                shards: 1,
                clients: 5,
                ids: 1,
                chaos: Duration::from_secs(18),
                think_ms: 100,
                fault_ms: 3_000,
                window: "24h",
                skew_ms: 3_000,
                ..mixed
            },
        }
    }
}
