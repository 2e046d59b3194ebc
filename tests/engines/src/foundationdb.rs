//! A FoundationDB cluster: one `fdbserver` that has every role.

use crate::{Keeper, free_port};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What whoever finds no server says.
pub const SKIPPED: &str = "FoundationDB lane: skipped, no fdbserver (set FDB_BIN to the folder with fdbserver, fdbcli and libfdb_c.so)";

/// Also on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(100);
const LIBRARY: &str = "libfdb_c.so";

/// Where `fdbserver` and `fdbcli` are.
#[derive(Clone)]
pub struct Binaries(PathBuf);

impl Binaries {
    /// In the folder that `FDB_BIN` names, or on `PATH`.
    pub fn find() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let named = std::env::var_os("FDB_BIN").map(PathBuf::from);
        let folders = named.into_iter().chain(std::env::split_paths(&path));
        let has_both = |folder: &PathBuf| ["fdbserver", "fdbcli"].iter().all(|name| folder.join(name).is_file());
        folders.into_iter().find(has_both).map(Self)
    }

    /// The client's library, if it is beside them; else the system has it.
    pub fn library(&self) -> Option<PathBuf> {
        Some(self.0.join(LIBRARY)).filter(|path| path.is_file())
    }
}

/// How a cluster keeps its data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Storage {
    Memory,
    Ssd,
}

/// Runs until it is dropped.
pub struct Cluster {
    binaries: Binaries,
    port: u16,
    server: Mutex<Option<Child>>,
    keeper: Keeper,
}

impl Cluster {
    pub fn start(binaries: &Binaries, storage: Storage) -> Self {
        let keeper = Keeper::new("sterna-fdb-");
        let cluster = Self { binaries: binaries.clone(), port: free_port(), server: Mutex::default(), keeper };
        let line = format!("sterna:test@127.0.0.1:{}\n", cluster.port);
        fs::write(cluster.cluster_file(), line).unwrap();
        cluster.resume();
        let engine = if storage == Storage::Memory { "memory" } else { "ssd" };
        cluster.until("a new database", || cluster.cli(&format!("configure new single {engine}")).contains("Database created"));
        cluster.available();
        cluster
    }

    pub fn cluster_file(&self) -> PathBuf {
        self.keeper.folder().join("fdb.cluster")
    }

    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// Starts the server again, on what it had, without waiting.
    pub fn resume(&self) {
        let folder = self.keeper.folder();
        let mut command = Command::new(self.binaries.0.join("fdbserver"));
        command.arg("-p").arg(format!("127.0.0.1:{}", self.port)).arg("-C").arg(self.cluster_file());
        command.arg("-d").arg(folder.join("data")).arg("-L").arg(folder.join("log"));
        // Some machines have no kernel AIO, and a test needs none.
        command.arg("--knob_disable_posix_kernel_aio=1");
        fs::create_dir_all(folder.join("log")).unwrap();
        let log = OpenOptions::new().create(true).append(true).open(folder.join("server.log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        *self.server.lock().unwrap() = Some(self.keeper.spawn(&mut command));
    }

    /// `kill -9`.
    pub fn kill(&self) {
        if let Some(child) = self.server.lock().unwrap().take() {
            self.keeper.kill(child);
        }
    }

    /// Nobody answers any more, and no connection breaks.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Waits until it commits.
    pub fn available(&self) {
        self.until("an answer", || self.cli("status minimal").contains("The database is available"));
    }

    /// What `fdbcli` says.
    pub fn cli(&self, command: &str) -> String {
        let Output { stdout, stderr, .. } = self.fdbcli(command).output().unwrap();
        String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned()
    }

    fn fdbcli(&self, command: &str) -> Command {
        let mut fdbcli = Command::new(self.binaries.0.join("fdbcli"));
        fdbcli.arg("-C").arg(self.cluster_file()).args(["--timeout", "20", "--exec", command]);
        fdbcli
    }

    fn until(&self, what: &str, mut done: impl FnMut() -> bool) {
        let began = Instant::now();
        while !done() {
            assert!(began.elapsed() < PATIENCE, "{what} was not to be had; fdbserver said: {}", self.said());
            sleep(LOOK_EVERY);
        }
    }

    fn said(&self) -> String {
        fs::read_to_string(self.keeper.folder().join("server.log")).unwrap_or_default()
    }

    fn signal(&self, signal: Signal) {
        let server = self.server.lock().unwrap();
        kill_process(Pid::from_child(server.as_ref().expect("it runs")), signal).unwrap();
    }

    /// Where the server keeps its data.
    pub fn folder(&self) -> &Path {
        self.keeper.folder()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill();
    }
}
