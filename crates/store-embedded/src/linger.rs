//! How long to wait for more before a batch.

use std::time::Duration;

use crate::limits::{LINGER_MAX, LINGER_SYNC_DIVISOR};

/// When a batch is answered, those who were answered are about to come back. Who doesn't wait for
/// them gets batches of one half and the other half in turns. So the committer waits for as many as
/// were in flight before, for a small part of what a sync costs; alone, a client never waits.
#[derive(Default)]
pub(crate) struct Linger {
    sync: Option<Duration>,
    in_flight: f64,
}

impl Linger {
    /// A batch of `committed` transactions took `sync`, and `waiting` more are there already.
    pub(crate) fn record(&mut self, sync: Duration, committed: usize, waiting: usize) {
        let sync_before = self.sync.unwrap_or(sync);
        self.sync = Some((sync_before * 7 + sync) / 8);
        let seen = (committed + waiting) as f64;
        // Quick to believe in more company, slower to believe that it left.
        let weight = if seen > self.in_flight { 0.5 } else { 0.25 };
        self.in_flight += (seen - self.in_flight) * weight;
    }

    /// How many to wait for, and how long; `None` is not at all.
    pub(crate) fn plan(&self) -> Option<(usize, Duration)> {
        let time = (self.sync? / LINGER_SYNC_DIVISOR).min(LINGER_MAX);
        let wanted = (self.in_flight * 0.9).ceil() as usize;
        (wanted > 1).then_some((wanted, time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNC: Duration = Duration::from_micros(400);

    #[test]
    fn a_single_client_never_waits() {
        let mut linger = Linger::default();
        for _ in 0..10 {
            linger.record(SYNC, 1, 0);
        }
        assert_eq!(linger.plan(), None);
    }

    #[test]
    fn waits_a_part_of_a_sync_for_those_who_were_there() {
        let mut linger = Linger::default();
        for _ in 0..10 {
            linger.record(SYNC, 40, 24);
        }
        let (wanted, time) = linger.plan().unwrap();
        assert!((50..=64).contains(&wanted), "{wanted}");
        assert_eq!(time, SYNC / LINGER_SYNC_DIVISOR);
        for _ in 0..30 {
            linger.record(SYNC, 1, 0);
        }
        assert_eq!(linger.plan(), None);
    }

    #[test]
    fn never_waits_long_on_a_slow_disk() {
        let mut linger = Linger::default();
        linger.record(Duration::from_secs(1), 100, 100);
        assert_eq!(linger.plan().unwrap().1, LINGER_MAX);
    }
}
