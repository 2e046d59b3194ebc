//! Clocks, randomness, spawning, connecting and listening: everything that a simulation replaces.
