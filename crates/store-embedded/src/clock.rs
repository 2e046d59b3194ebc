//! Monotonic time, for measuring: an engine crate isn't simulated.

use std::time::Instant;

#[expect(clippy::disallowed_methods, reason = "the engine has a thread and a disk, and measures both")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
