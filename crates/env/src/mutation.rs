//! Planted faults: they prove that the checkers find what they are there to find.
//!
//! Code asks [`on`] at the place of a fault. Without the feature `mutations` that is the constant `false`, and nothing of it is in
//! the program; with it a test plants one fault at a time in its own thread, so that tests side by side don't disturb each other (a simulated
//! cluster lives in one thread). Nothing outside of the program can plant one.

/// Every fault that can be planted: its name, and what it does.
pub const FAULTS: &[(&str, &str)] = &[
    ("deps-ignored", "an entry is merged though what it depends on is not here"),
    ("void-half-undone", "a void event is taken out of counters and sets, but what it set in a register stays"),
    ("unsettled-rights", "rights of an increment are spent before it is settled"),
    ("settled-too-early", "an event counts as settled when all members but one have applied it"),
    ("heartbeat-unsealed", "a heartbeat counts before everything up to its `sealed` is applied"),
    ("cause-ignored", "a reaction outlives its void cause"),
    ("own-rank-for-reactions", "a reaction's rank is its own clock, not its cause's"),
    ("no-twin-check", "several events of one key all have an effect"),
    ("conflict-against-state", "conflicts are tested against the visible state, not the tail"),
    ("ack-before-sync", "a command is answered when its batch is handed to the store, not when it is durable"),
    ("relay-unsynced", "the relay publishes a batch that is handed to the store, not yet durable"),
    ("after-unchecked", "a frame is copied though entries before it are missing"),
    ("idem-without-conflict", "a transaction doesn't conflict with another that wrote the aggregate or the key that it read"),
    ("records-expire-by-age", "idempotency records go by age alone, though old events may still be on their way"),
    ("local-rule-version", "a merge decides by the rule of the model that the region has, not of the highest version among the events"),
    ("lease-progress-unchecked", "who merges trusts its lease, and compares neither the progress that it moves nor what it merges into"),
    ("token-without-dependencies", "a read's token lacks what the answer was made from"),
    ("restore-keeps-incarnation", "a restored store goes on with the incarnation and the epoch of its copy"),
    ("closed-too-early", "an event is closed as soon as everything within one step of concurrency is settled"),
];

/// Whether `fault`, one of [`FAULTS`], is planted in this thread.
#[cfg(not(feature = "mutations"))]
#[inline(always)]
pub const fn on(_fault: &'static str) -> bool {
    false
}

#[cfg(feature = "mutations")]
pub use planted::{Planted, on, plant};

#[cfg(feature = "mutations")]
mod planted {
    use super::FAULTS;
    use std::cell::Cell;
    use std::marker::PhantomData;

    thread_local! {
        static NOW: Cell<Option<&'static str>> = const { Cell::new(None) };
    }

    /// Whether `fault`, one of [`FAULTS`], is planted in this thread.
    pub fn on(fault: &'static str) -> bool {
        debug_assert!(FAULTS.iter().any(|(name, _)| *name == fault), "`{fault}` is not in the list of faults");
        NOW.get() == Some(fault)
    }

    /// Plants a fault in this thread until the guard is dropped. `None` if there is no such fault.
    pub fn plant(fault: &str) -> Option<Planted> {
        let (name, _) = FAULTS.iter().find(|(name, _)| *name == fault)?;
        Some(Planted { before: NOW.replace(Some(name)), in_this_thread: PhantomData })
    }

    #[must_use = "the fault is pulled out when this is dropped"]
    pub struct Planted {
        before: Option<&'static str>,
        in_this_thread: PhantomData<*const ()>,
    }

    impl Drop for Planted {
        fn drop(&mut self) {
            NOW.set(self.before);
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        #[allow(clippy::disallowed_methods, reason = "it asks another thread")]
        fn a_fault_is_planted_in_one_thread_until_its_guard_goes() {
            assert!(plant("no-such-fault").is_none());
            let guard = plant("no-twin-check").expect("it is in the list");
            assert!(on("no-twin-check") && !on("deps-ignored"));
            assert!(!std::thread::spawn(|| on("no-twin-check")).join().expect("it doesn't panic"));
            drop(guard);
            assert!(!on("no-twin-check"));
        }
    }
}
