//! Faults that are planted in the code under test, to prove the checkers.

/// One planted fault.
pub struct Mutation {
    /// As [`sterna_env::mutation::FAULTS`] names it, or will.
    pub name: &'static str,
    /// A seed that is known to catch it, for the plain run. `None`: what it breaks is not built yet, so it is not planted.
    pub seed: Option<u64>,
    /// Of one that is not planted.
    pub why_not: &'static str,
}

/// Every fault that the issue asks for.
pub const MUTATIONS: &[Mutation] = &[
    Mutation { name: "deps-ignored", seed: None, why_not: "" },
    Mutation { name: "void-half-undone", seed: None, why_not: "" },
    Mutation { name: "unsettled-rights", seed: None, why_not: "" },
    Mutation { name: "settled-too-early", seed: None, why_not: "" },
    Mutation { name: "heartbeat-unsealed", seed: None, why_not: "" },
    Mutation { name: "cause-ignored", seed: None, why_not: "" },
    Mutation { name: "own-rank-for-reactions", seed: None, why_not: "" },
    Mutation { name: "no-twin-check", seed: None, why_not: "" },
    Mutation { name: "conflict-against-state", seed: None, why_not: "" },
    Mutation { name: "closed-too-early", seed: None, why_not: "" },
    Mutation { name: "ack-before-sync", seed: None, why_not: "" },
    Mutation { name: "relay-unsynced", seed: None, why_not: "" },
    Mutation { name: "after-unchecked", seed: None, why_not: "" },
    Mutation { name: "idem-without-conflict", seed: None, why_not: "" },
    Mutation { name: "records-expire-by-age", seed: None, why_not: "" },
    Mutation { name: "local-rule-version", seed: None, why_not: "" },
    Mutation { name: "token-without-dependencies", seed: None, why_not: "" },
    Mutation { name: "restore-keeps-incarnation", seed: None, why_not: "" },
    Mutation { name: "lease-progress-unchecked", seed: None, why_not: "" },
];
