//! The rules of merging as a slow and obvious program, and the real shard writers, driven by the same random histories: cut and delayed
//! frames, any order, one key in several regions, reactions, deletes, every policy, models that change. States, verdicts and ledgers are compared after each step.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod check;
mod cluster;
#[path = "../../../crdt/tests/merging/reference.rs"]
mod fold;
mod history;
mod language;
mod reference;
mod run;

/// Cases of the plain test; `STERNA_MODEL_SEEDS` asks for more.
const SEEDS: u64 = 200;

#[test]
#[allow(clippy::disallowed_methods, reason = "a longer run is asked for by the environment")]
fn real_merging_is_what_the_rules_say() {
    let seeds = std::env::var("STERNA_MODEL_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(SEEDS);
    let first = std::env::var("STERNA_MODEL_FIRST").ok().and_then(|first| first.parse().ok()).unwrap_or(0);
    let mut seen = run::Seen::default();
    for seed in first..first + seeds {
        match run::run(seed) {
            Ok(of_this) => seen.add(of_this),
            Err(problem) => panic!("seed {seed}: {problem}"),
        }
    }
    seen.assert_interesting();
}

#[cfg(feature = "mutations")]
mod planted {
    use super::run::run;

    const SEEDS: u64 = 200;

    #[test]
    fn every_planted_fault_of_merging_is_found() {
        let missed: Vec<&str> = super::FAULTS.iter().filter(|fault| !found(fault)).copied().collect();
        assert!(missed.is_empty(), "not found within {SEEDS} seeds: {missed:?}");
    }

    #[allow(clippy::print_stdout, reason = "it says how each fault is found")]
    fn found(fault: &str) -> bool {
        let _planted = sterna_env::mutation::plant(fault).expect("it is in the list");
        let found = (0..SEEDS).find_map(|seed| {
            let caught = std::panic::catch_unwind(|| run(seed));
            match caught {
                Ok(Ok(_)) => None,
                Ok(Err(problem)) => Some((seed, problem)),
                Err(_) => Some((seed, "an assertion of the code failed".to_owned())),
            }
        });
        if let Some((seed, problem)) = &found {
            println!("{fault}: seed {seed}: {}", problem.lines().next().unwrap_or_default());
        }
        found.is_some()
    }
}

/// Those of merge_model.py, and one of the rules' versions.
#[cfg(feature = "mutations")]
const FAULTS: [&str; 11] = [
    "deps-ignored",
    "void-half-undone",
    "unsettled-rights",
    "settled-too-early",
    "heartbeat-unsealed",
    "cause-ignored",
    "own-rank-for-reactions",
    "no-twin-check",
    "conflict-against-state",
    "closed-too-early",
    "local-rule-version",
];
