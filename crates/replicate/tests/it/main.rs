//! Whole regions on memory stores and a memory stream, in paused time.

mod bounds;
mod clocks;
mod cluster;
mod converging;
mod faults;
mod homes;
mod inheriting;
mod once;
mod random;
mod reacting;
mod restoring;
