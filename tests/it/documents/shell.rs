//! Where a document's commands run: a folder, a home, and regions of `sterna dev` on ports of their own.

use super::blocks::Command;
use super::compare::{fits, lines};
use crate::cli::ports_in_a_row;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use sterna_env::Env;
use sterna_tests::{SOON, binary_path, say};
use tempfile::TempDir;
use tokio::process::{Child, Command as Process};

/// Documents write these; the n-th region listens n above.
const PORT: u16 = 7100;
const REGIONS_MAX: u16 = 4;
const POLL_EVERY: Duration = Duration::from_millis(100);

pub struct Shell {
    folder: TempDir,
    port: u16,
    servers: Vec<Child>,
    /// Where the last of them prints, and how many lines of it were shown.
    said: Option<(PathBuf, usize)>,
    /// Of the last command, for `$?`.
    status: i32,
}

impl Shell {
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("sterna-doc-").tempdir().expect("there is a temporary folder");
        let bin = folder.path().join("bin");
        fs::create_dir_all(&bin).expect("a temporary folder takes folders");
        fs::create_dir_all(folder.path().join("work")).expect("a temporary folder takes folders");
        std::os::unix::fs::symlink(binary_path(), bin.join("sterna")).expect("a temporary folder takes links");
        std::os::unix::fs::symlink(repository().join("examples"), folder.path().join("work/examples")).expect("it takes links");
        Self { folder, port: ports_in_a_row(REGIONS_MAX), servers: Vec::new(), said: None, status: 0 }
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join("work").join(name), self.ported(text)).expect("a temporary folder takes files");
    }

    /// Runs it, and compares; gives what it printed if that is something else. Reads are repeated within the bound until they show
    /// what they must, as regions hear of each other a little later.
    pub async fn run(&mut self, command: &Command, bound: Duration) -> Result<(), Vec<String>> {
        if command.command.starts_with("sterna dev") || command.command.starts_with("sterna serve") {
            return self.serve(command, bound).await;
        }
        if command.command.contains("curl ") && !on_path("curl") {
            say(&format!("documents lane: skipped, no curl: {}", command.command));
            return Ok(());
        }
        let until = Env::real().now() + bound;
        loop {
            let (output, status) = self.execute(&command.command).await;
            self.status = status;
            let output = lines(&self.told(&output));
            if fits(&command.output, &output) {
                return Ok(());
            }
            if !reads(&command.command) || Env::real().now() > until {
                return Err(output);
            }
            Env::real().sleep(POLL_EVERY).await;
        }
    }

    async fn execute(&self, command: &str) -> (String, i32) {
        // One stream, as a terminal shows it.
        let script = format!("exec 2>&1\n(exit {})\n{}", self.status, self.ported(command));
        let output = Env::real().timeout(SOON, self.bash(&script).output()).await;
        let output = output.unwrap_or_else(|| panic!("{command} does not end")).expect("there is a shell");
        (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code().unwrap_or(-1))
    }

    /// Stays up until the document ends, or starts regions anew.
    async fn serve(&mut self, command: &Command, bound: Duration) -> Result<(), Vec<String>> {
        let dev = command.command.starts_with("sterna dev");
        if dev {
            self.stop().await;
        }
        let path = self.folder.path().join(format!("said-{}", command.line));
        let said = File::create(&path).expect("a temporary folder takes files");
        let port = if dev { format!(" --port {}", self.port) } else { String::new() };
        let mut process = self.bash(&format!("exec {}{port}", self.ported(command.command.trim_end_matches(" &"))));
        let beside = File::create(path.with_extension("errors")).expect("a temporary folder takes files");
        process.stdout(said).stderr(beside);
        let mut server = process.spawn().expect("there is a shell");
        let mut text = String::new();
        let ready = async {
            loop {
                text = self.told(&fs::read_to_string(&path).unwrap_or_default());
                if let Ok(Some(status)) = server.try_wait() {
                    let errors = fs::read_to_string(path.with_extension("errors")).unwrap_or_default();
                    panic!("{} ended: {status}\n{text}\n{errors}", command.command);
                }
                if (!dev || text.contains("Ctrl-C stops.")) && fits(&command.output, &lines(&text)) {
                    return;
                }
                Env::real().sleep(POLL_EVERY).await;
            }
        };
        let ready = Env::real().timeout(bound, ready).await;
        self.servers.push(server);
        self.said = Some((path, lines(&text).len()));
        ready.ok_or_else(|| lines(&text))
    }

    /// Waits until the last server has printed this, after what was shown of it; gives what it printed if that is something else.
    pub async fn heard(&mut self, expected: &[String], bound: Duration) -> Result<(), Vec<String>> {
        let (path, shown) = self.said.clone().expect("a server is started above");
        let until = Env::real().now() + bound;
        loop {
            let text = self.told(&fs::read_to_string(&path).unwrap_or_default());
            let all = lines(&text);
            let new: Vec<String> = all.iter().skip(shown).skip_while(|line| line.is_empty()).cloned().collect();
            if fits(expected, &new) {
                self.said = Some((path, all.len()));
                return Ok(());
            }
            if Env::real().now() > until {
                self.said = Some((path, all.len()));
                return Err(new);
            }
            Env::real().sleep(POLL_EVERY).await;
        }
    }

    pub async fn stop(&mut self) {
        for mut server in self.servers.drain(..) {
            let pid = server.id().and_then(|id| Pid::from_raw(id as i32)).expect("it runs");
            kill_process(pid, Signal::INT).expect("a child takes signals");
            let ended = Env::real().timeout(SOON, server.wait()).await.expect("it stops").expect("a child can be waited for");
            assert!(ended.success(), "a server that is asked to stop ends well: {ended}");
        }
    }

    fn bash(&self, script: &str) -> Process {
        let mut process = Process::new("bash");
        process.arg("-c").arg(script).current_dir(self.folder.path().join("work")).env_clear().stdin(Stdio::null()).kill_on_drop(true);
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.folder.path().join("bin").display());
        process.env("PATH", path).env("HOME", self.folder.path()).env("LC_ALL", "C.UTF-8");
        process
    }

    /// With the ports of this run.
    fn ported(&self, text: &str) -> String {
        (0..=REGIONS_MAX).fold(text.to_owned(), |text, n| text.replace(&format!(":{}", PORT + n), &format!(":{}", self.port + n)))
    }

    /// With the ports that documents write.
    fn told(&self, text: &str) -> String {
        (0..=REGIONS_MAX).fold(text.to_owned(), |text, n| text.replace(&format!(":{}", self.port + n), &format!(":{}", PORT + n)))
    }
}

/// Repeating it changes nothing.
fn reads(command: &str) -> bool {
    let sterna = ["get", "view", "history", "status", "conflicts"].iter().any(|verb| command.starts_with(&format!("sterna {verb} ")));
    let writes = [" -d ", " --json ", " --data", " -X ", " -T ", "> "].iter().any(|part| command.contains(part));
    sterna || command == "sterna status" || command == "sterna conflicts" || command.starts_with("curl ") && !writes
}

fn on_path(program: &str) -> bool {
    ["/usr/local/bin", "/usr/bin", "/bin"].iter().any(|folder| Path::new(folder).join(program).exists())
}

/// The repository's folder.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests are in the repository").to_owned()
}
