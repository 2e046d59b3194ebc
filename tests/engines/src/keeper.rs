//! Ends processes, and removes their folder, when the process that started them ends, however that happens.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Reads until its input ends, which the system closes for whoever died.
const SCRIPT: &str = r#"cat >/dev/null
for file in "$0"/running/*; do kill -9 "${file##*/}" 2>/dev/null; done
rm -rf "$0""#;

/// A folder, and the processes that live in it.
pub struct Keeper {
    folder: PathBuf,
    shell: Child,
}

impl Keeper {
    /// In a new temporary folder.
    pub fn new(prefix: &str) -> Self {
        let folder = tempfile::Builder::new().prefix(prefix).tempdir().unwrap().keep();
        fs::create_dir(folder.join("running")).unwrap();
        let mut command = Command::new("sh");
        // In a process group of its own: what ends a test from the keyboard must not end its keeper as well.
        command.arg("-c").arg(SCRIPT).arg(&folder).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let shell = command.spawn().unwrap();
        Self { folder, shell }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn spawn(&self, command: &mut Command) -> Child {
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        File::create(self.running(&child)).unwrap();
        child
    }

    /// `kill -9`.
    pub fn kill(&self, mut child: Child) {
        // Before it is waited for: after that its number may be another process's.
        child.kill().unwrap();
        fs::remove_file(self.running(&child)).ok();
        child.wait().unwrap();
    }

    fn running(&self, child: &Child) -> PathBuf {
        self.folder.join("running").join(child.id().to_string())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        self.shell.wait().ok();
    }
}
