//! The memory engine.
pub struct Memory;
pub struct Faults;
