//! Programs of others that a test runs for real.

use crate::{SOON, say};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use sterna_env::Env;
use tokio::process::{Child, Command};

/// Where a program is: the variable's value, else the first of this name in `PATH` and where Debian puts daemons. `None`, and said
/// loudly, if it is missing; the caller's lane is skipped then.
#[allow(clippy::disallowed_methods, reason = "where a machine has its programs is nothing that a test depends on")]
pub fn find(lane: &str, variable: &str, name: &str) -> Option<PathBuf> {
    let told = std::env::var(variable).ok().map(PathBuf::from);
    let path = std::env::var("PATH").unwrap_or_default();
    let mut places = path.split(':').chain(["/usr/local/bin", "/usr/bin", "/usr/sbin"]).map(|folder| Path::new(folder).join(name));
    let found = told.or_else(|| places.find(|place| place.is_file()));
    if found.is_none() {
        say(&format!("{lane} lane: SKIPPED, no {name} on PATH; install it, or name it in {variable}"));
    }
    found
}

/// One that runs until it is dropped or stopped. What it says is in a file.
pub struct Program {
    child: Child,
    log: PathBuf,
}

impl Program {
    pub fn start(command: &mut Command, log: PathBuf) -> Self {
        let file = File::create(&log).expect("a temporary folder takes files");
        command.stdin(std::process::Stdio::null()).stdout(file.try_clone().expect("a file can be shared")).stderr(file);
        let child = command.kill_on_drop(true).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, log }
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Panics, with what it said, if it ended by itself.
    pub fn assert_runs(&mut self) {
        if let Ok(Some(status)) = self.child.try_wait() {
            panic!("it ended: {status}\n{}", self.log());
        }
    }

    /// SIGTERM; it ends soon.
    pub async fn stop(mut self) {
        let pid = self.child.id().and_then(|id| Pid::from_raw(id as i32)).expect("it runs");
        kill_process(pid, Signal::TERM).expect("a child takes signals");
        _ = Env::real().timeout(SOON, self.child.wait()).await.expect("it ends when it is asked to");
    }
}
