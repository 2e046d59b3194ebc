//! What CI asks of the simulator: the same seed is the same run, what must hold holds, and planted faults are caught.

use std::process::Command;
use sterna_env::mutation;
use sterna_sim::MUTATIONS;

/// Run twice, and compared.
const TWICE: u64 = 6;

/// What the simulator's command says, and whether it was content.
fn sim(args: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_sim")).args(args).output().expect("it was just built");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn the_same_seed_is_the_same_run() {
    let (content, said) = sim(&["--first", "3", "--count", &TWICE.to_string(), "--twice"]);
    assert!(content, "{said}");
}

#[test]
fn everything_holds_in_many_seeds_and_all_that_is_interesting_happens() {
    let (content, said) = sim(&[]);
    assert!(content, "{said}");
}

/// Each first by the seed that is known to catch it: a change of the product may move it, and then others are tried.
#[test]
fn every_planted_fault_is_caught() {
    for fault in MUTATIONS {
        let (content, said) = sim(&["--mutation", fault.name]);
        assert!(!content && said.contains("seed ") && said.contains(&format!("{}: caught", fault.name)), "{}: {said}", fault.name);
    }
}

#[test]
fn every_fault_that_can_be_planted_is_listed_and_a_foreign_name_is_refused() {
    let (_, listed) = sim(&["--list-mutations"]);
    for (name, _) in mutation::FAULTS {
        assert!(listed.contains(name), "`{name}` is not in the simulator's list");
    }
    for fault in MUTATIONS {
        assert!(mutation::FAULTS.iter().any(|(name, _)| *name == fault.name), "`{}` can't be planted", fault.name);
    }
    assert!(!sim(&["--mutation", "no-such-fault"]).0);
}
