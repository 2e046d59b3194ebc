//! Faults that are planted in the code under test, to prove the checkers.

/// One planted fault.
pub struct Mutation {
    /// As [`sterna_env::mutation::FAULTS`] names it, or will.
    pub name: &'static str,
    /// A seed that is known to catch it, for the plain run. `None`: what it breaks is not built yet, so it is not planted.
    pub seed: Option<u64>,
}

/// Every fault that the issue asks for.
pub const MUTATIONS: &[Mutation] = &[
    Mutation { name: "deps-ignored", seed: None },
    Mutation { name: "void-half-undone", seed: None },
    Mutation { name: "unsettled-rights", seed: None },
    Mutation { name: "settled-too-early", seed: None },
    Mutation { name: "heartbeat-unsealed", seed: None },
    Mutation { name: "cause-ignored", seed: None },
    Mutation { name: "own-rank-for-reactions", seed: None },
    Mutation { name: "no-twin-check", seed: None },
    Mutation { name: "conflict-against-state", seed: None },
    Mutation { name: "closed-too-early", seed: None },
    Mutation { name: "ack-before-sync", seed: None },
    Mutation { name: "relay-unsynced", seed: None },
    Mutation { name: "after-unchecked", seed: None },
    Mutation { name: "idem-without-conflict", seed: None },
    Mutation { name: "records-expire-by-age", seed: None },
    Mutation { name: "local-rule-version", seed: None },
    Mutation { name: "token-without-dependencies", seed: None },
    Mutation { name: "restore-keeps-incarnation", seed: None },
    Mutation { name: "lease-progress-unchecked", seed: None },
];
