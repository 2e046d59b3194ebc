//! Whole regions on memory stores and a memory stream, in paused time.

mod bounds;
mod cluster;
mod converging;
mod faults;
mod homes;
mod random;
mod reacting;
mod restoring;
