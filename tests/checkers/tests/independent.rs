//! The checkers share nothing with the code that they check.

use std::process::Command;

/// Whose mistakes the checkers must not repeat.
const UNDER_TEST: [&str; 8] =
    ["sterna-crdt", "sterna-log", "sterna-model", "sterna-write", "sterna-replicate", "sterna-read", "sterna-store", "sterna-stream"];

#[test]
fn the_checkers_depend_on_nothing_that_they_check() {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let tree = Command::new(cargo)
        .args(["tree", "--offline", "--locked", "-p", "sterna-checkers", "--edges", "normal,build,dev", "--prefix", "none"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs, since it runs this test");
    let text = String::from_utf8_lossy(&tree.stdout);
    assert!(tree.status.success() && text.contains("serde_json"), "{}", String::from_utf8_lossy(&tree.stderr));
    let found: Vec<&str> = text.lines().filter(|line| UNDER_TEST.iter().any(|name| line.split(' ').next() == Some(name))).collect();
    assert!(found.is_empty(), "{found:?}");
}
