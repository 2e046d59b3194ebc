//! Hash maps and sets whose hashers a simulation seeds.
//!
//! Each map has a hasher of its own, made from a number that this thread counts up. It starts at a random place, so that nobody
//! can choose keys that collide; a simulation sets it, so that maps iterate in the same order in every run.

use foldhash::SharedSeed;
use foldhash::fast::{FoldHasher, SeedableRandomState};
use std::cell::Cell;
use std::hash::BuildHasher;

pub type HashMap<K, V> = std::collections::HashMap<K, V, HashState>;
pub type HashSet<T> = std::collections::HashSet<T, HashState>;

thread_local! {
    static NEXT: Cell<u64> = Cell::new(random());
}

/// Keeps the hashers of one thread apart (the golden ratio, as in SplitMix64).
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Foldhash, seeded for each map.
#[derive(Clone, Debug)]
pub struct HashState(SeedableRandomState);

impl Default for HashState {
    fn default() -> Self {
        let seed = NEXT.get();
        NEXT.set(seed.wrapping_add(STEP));
        Self(SeedableRandomState::with_seed(seed, SharedSeed::global_fixed()))
    }
}

impl BuildHasher for HashState {
    type Hasher = FoldHasher<'static>;

    fn build_hasher(&self) -> Self::Hasher {
        self.0.build_hasher()
    }
}

/// From now on the maps that this thread makes are seeded from `seed`. For simulations.
pub fn seed_hashing(seed: u64) {
    NEXT.set(seed);
}

fn random() -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> Vec<u32> {
        (0..1000).collect::<HashSet<u32>>().into_iter().collect()
    }

    #[test]
    fn maps_of_one_seed_iterate_alike_and_others_do_not() {
        seed_hashing(7);
        let (first, second) = (order(), order());
        assert_ne!(first, second, "each map has a hasher of its own");
        seed_hashing(7);
        assert_eq!((order(), order()), (first, second));
    }
}
