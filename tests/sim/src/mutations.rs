//! Faults that are planted in the code under test, to prove the checkers.

/// One planted fault.
pub struct Mutation {
    /// As [`sterna_env::mutation::FAULTS`] names it.
    pub name: &'static str,
    /// A seed that is known to catch it.
    pub seed: u64,
}

const fn caught(name: &'static str, seed: u64) -> Mutation {
    Mutation { name, seed }
}

/// Every fault that the issue asks for.
pub const MUTATIONS: &[Mutation] = &[
    caught("deps-ignored", 5),
    caught("void-half-undone", 3),
    caught("unsettled-rights", 81),
    caught("settled-too-early", 4),
    caught("heartbeat-unsealed", 29),
    caught("cause-ignored", 36),
    caught("own-rank-for-reactions", 96),
    caught("no-twin-check", 2),
    caught("conflict-against-state", 2),
    caught("closed-too-early", 149),
    caught("ack-before-sync", 1),
    caught("relay-unsynced", 7),
    caught("after-unchecked", 0),
    caught("idem-without-conflict", 7),
    caught("records-expire-by-age", 55),
    caught("local-rule-version", 6),
    caught("token-without-dependencies", 13),
    caught("restore-keeps-incarnation", 6),
    caught("lease-progress-unchecked", 14),
];
