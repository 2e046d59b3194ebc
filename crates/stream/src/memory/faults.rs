//! Faults of delivery, all from one seed.

use std::time::Duration;

/// What happens to a frame on its way to one follower. Chances are in thousandths; each follower rolls for itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    pub seed: u64,
    pub drop_permille: u16,
    pub duplicate_permille: u16,
    /// A frame is held back long enough for later ones to overtake it.
    pub reorder_permille: u16,
    /// Each frame waits between the two.
    pub delay_ms: (u64, u64),
}

/// How often what happened to a frame on its way to a follower.
#[derive(Clone, Copy, Debug, Default)]
pub struct Troubles {
    pub dropped: u64,
    pub duplicated: u64,
    pub reordered: u64,
    pub delayed: u64,
}

/// How long a frame is held back so that others overtake it, at most.
const REORDER_MS_MAX: u64 = 200;

/// SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn happens(&mut self, permille: u16) -> bool {
        permille > 0 && self.roll() % 1000 < u64::from(permille)
    }

    fn between(&mut self, low: u64, high: u64) -> u64 {
        if high <= low { low } else { low + self.roll() % (high - low + 1) }
    }
}

impl Faults {
    /// After how long each copy of a frame arrives: none, one or two copies.
    pub(super) fn deliveries(&self, dice: &mut Dice, troubles: &mut Troubles) -> Vec<Duration> {
        if dice.happens(self.drop_permille) {
            troubles.dropped += 1;
            return Vec::new();
        }
        let copies = if dice.happens(self.duplicate_permille) { 2 } else { 1 };
        troubles.duplicated += copies - 1;
        (0..copies).map(|_| self.delay(dice, troubles)).collect()
    }

    fn delay(&self, dice: &mut Dice, troubles: &mut Troubles) -> Duration {
        let delay_ms = dice.between(self.delay_ms.0, self.delay_ms.1);
        let held_ms = if dice.happens(self.reorder_permille) { dice.between(1, REORDER_MS_MAX) } else { 0 };
        troubles.reordered += u64::from(held_ms > 0);
        troubles.delayed += u64::from(delay_ms > 0);
        Duration::from_millis(delay_ms + held_ms)
    }
}
