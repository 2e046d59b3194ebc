//! Dice, and what they say.

use crate::check::{IDS, kinds};
use crate::cluster::Call;
use crate::language::COMMANDS;

pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % most as u64) as usize
    }

    pub fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    fn command(&mut self) -> &'static str {
        let mut at = self.below(COMMANDS.iter().map(|(_, weight)| weight).sum());
        for (name, weight) in COMMANDS {
            match at.checked_sub(weight) {
                Some(rest) => at = rest,
                None => return name,
            }
        }
        COMMANDS[0].0
    }

    /// A new command with a key of its own.
    pub fn call(&mut self, step: usize) -> Call {
        let kind = if self.percent(75) { kinds()[0] } else { kinds()[1] };
        let name = self.command();
        let own_key = !(name == "stock" && self.percent(75));
        let (n, k) = (self.below(3), ["x", "y"][self.below(2)]);
        Call {
            kind: kind.into(),
            id: (*self.pick(&IDS)).into(),
            name: name.into(),
            args: format!(r#"{{"n":{n},"k":"{k}"}}"#),
            key: if own_key { format!("key-{step}") } else { String::new() }.into(),
            cause: None,
        }
    }
}
