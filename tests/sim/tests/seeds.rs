//! What CI asks of the simulator: the same seed is the same run, what must hold holds, and planted faults are caught.

use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use sterna_env::mutation;
use sterna_sim::{MUTATIONS, Mutation};

/// Run twice, and compared.
const TWICE: u64 = 6;

/// What the simulator's command says, and whether it was content.
fn sim(args: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_sim")).args(args).output().expect("it was just built");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn the_same_seed_is_the_same_run_and_everything_holds() {
    let (content, said) = sim(&["--first", "0", "--count", &TWICE.to_string(), "--twice"]);
    assert!(content, "{said}");
}

#[test]
#[allow(clippy::disallowed_methods, reason = "it waits for processes in threads")]
fn every_planted_fault_is_caught_by_its_seed() {
    let planted: Vec<(&Mutation, u64)> = MUTATIONS.iter().filter_map(|fault| Some((fault, fault.seed?))).collect();
    let (next, missed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((fault, seed)) = planted.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (content, said) = sim(&["--mutation", fault.name, "--first", &seed.to_string(), "--count", "1"]);
                    if content || !said.contains(&format!("seed {seed}: ")) {
                        missed.lock().expect("nobody panics").push(fault.name);
                    }
                }
            });
        }
    });
    assert_eq!(missed.into_inner().expect("nobody panics"), [""; 0], "find other seeds: just sim --mutation NAME");
}

#[test]
fn every_fault_that_can_be_planted_is_listed_and_a_foreign_name_is_refused() {
    let (_, listed) = sim(&["--list-mutations"]);
    for (name, _) in mutation::FAULTS {
        assert!(listed.contains(name), "`{name}` is not in the simulator's list");
    }
    for fault in MUTATIONS.iter().filter(|fault| fault.seed.is_some()) {
        assert!(mutation::FAULTS.iter().any(|(name, _)| *name == fault.name), "`{}` can't be planted", fault.name);
    }
    assert!(!sim(&["--mutation", "no-such-fault"]).0);
}
