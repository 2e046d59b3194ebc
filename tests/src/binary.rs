//! The binary, and runs of it that end by themselves.

use crate::SOON;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use sterna_env::Env;
use tokio::process::Command;

/// Cargo builds it beside the tests that use it: `target/…/deps/it-…` and `target/…/sterna-under-test`.
pub fn path() -> PathBuf {
    let test = std::env::current_exe().expect("a process has an executable");
    let binary = test.ancestors().nth(2).expect("a test is in deps").join("sterna-under-test");
    assert!(binary.exists(), "{} is missing: `cargo test` builds it", binary.display());
    binary
}

/// A command line of it, with an environment of its own.
pub fn sterna() -> Command {
    let mut command = Command::new(path());
    command.env_clear().stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// How a run ended, and what it said.
#[derive(Debug)]
pub struct Outcome {
    /// `None` if a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs it to its end, which must come soon.
pub async fn run(command: &mut Command) -> Outcome {
    run_within(SOON, command).await
}

pub async fn run_within(bound: Duration, command: &mut Command) -> Outcome {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = Env::real().timeout(bound, command.output()).await;
    let output = output.unwrap_or_else(|| panic!("{command:?} does not end")).expect("the binary can be started");
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
