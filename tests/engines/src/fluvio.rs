//! A Fluvio cluster: a controller and a storage unit.

use crate::{Keeper, free_port};
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread::sleep;
use std::time::Duration;

/// What whoever finds no binaries says.
pub const SKIPPED: &str = "Fluvio lane: skipped, no fluvio-run (set FLUVIO_BIN to the folder with fluvio-run and fluvio)";

/// Of the one storage unit of each cluster.
pub const UNIT: i32 = 5001;

/// Also on a machine that is busy with other things: two minutes and more.
const LOOKS_MAX: u32 = 1_200;
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Of a controller that takes 10 s each time to say that it did not.
const RESTARTS_MAX: u32 = 12;
const CONTROLLER_LOG: &str = "sc.log";
const UNIT_LOG: &str = "spu.log";
/// Of what a failed test shows of each.
const LOG_LINES_SHOWN: usize = 20;

/// Where `fluvio-run` and `fluvio` are.
#[derive(Clone)]
pub struct Binaries(PathBuf);

impl Binaries {
    /// In the folder that `FLUVIO_BIN` names, or on `PATH`.
    pub fn find() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let named = std::env::var_os("FLUVIO_BIN").map(PathBuf::from);
        let folders = named.into_iter().chain(std::env::split_paths(&path));
        let has_both = |folder: &PathBuf| ["fluvio-run", "fluvio"].iter().all(|name| folder.join(name).is_file());
        folders.into_iter().find(has_both).map(Self)
    }
}

/// Runs until it is dropped.
pub struct Cluster {
    binaries: Binaries,
    ports: Ports,
    /// Certificates in the folder, for TLS at the public addresses.
    secure: bool,
    controller: Mutex<Option<Child>>,
    unit: Mutex<Option<Child>>,
    keeper: Keeper,
}

#[derive(Clone, Copy)]
struct Ports {
    controller: u16,
    controller_private: u16,
    unit: u16,
    unit_private: u16,
    /// For the CLI, past TLS.
    plain: u16,
    unit_plain: u16,
}

impl Cluster {
    pub fn start(binaries: &Binaries) -> Self {
        Self::start_with(binaries, None)
    }

    /// `certificates` writes `ca.pem`, `cert.pem` and `key.pem` into a folder; clients must show one too.
    pub fn start_with(binaries: &Binaries, certificates: Option<&dyn Fn(&Path)>) -> Self {
        let keeper = Keeper::new("sterna-fluvio-");
        if let Some(write) = certificates {
            write(keeper.folder());
        }
        let ports = Ports {
            controller: free_port(),
            controller_private: free_port(),
            unit: free_port(),
            unit_private: free_port(),
            plain: free_port(),
            unit_plain: free_port(),
        };
        let (controller, unit) = (Mutex::default(), Mutex::default());
        let cluster = Self { binaries: binaries.clone(), ports, secure: certificates.is_some(), controller, unit, keeper };
        cluster.start_all();
        cluster
    }

    /// The controller's address.
    pub fn endpoint(&self) -> String {
        at(self.ports.controller)
    }

    /// Of the controller and of the storage unit.
    pub fn public_ports(&self) -> [u16; 2] {
        [self.ports.controller, self.ports.unit]
    }

    /// There is TLS at the public addresses.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// With what it keeps, and with its certificates.
    pub fn folder(&self) -> &Path {
        self.keeper.folder()
    }

    /// What the CLI prints.
    pub fn cli(&self, arguments: &[&str]) -> Result<Vec<u8>, String> {
        let plain = if self.secure { at(self.ports.plain) } else { self.endpoint() };
        let mut command = self.command("fluvio", "cli.log");
        command.args(["--cluster", &plain]).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = command.output().unwrap();
        if output.status.success() { Ok(output.stdout) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }

    pub fn start_all(&self) {
        self.start_controller();
        let Ports { unit, unit_private, .. } = self.ports;
        let id = UNIT.to_string();
        let register = ["cluster", "spu", "register", "--id", &id, "-p", &at(unit), "-v", &at(unit_private)];
        // Counted and not timed: a test may be stopped for as long as it likes.
        let (mut looks, mut restarts) = (0, 0);
        while let Err(error) = self.cli(&register) {
            if error.contains("already defined") {
                break;
            }
            looks += 1;
            assert!(looks < LOOKS_MAX && restarts < RESTARTS_MAX, "the storage unit can't be registered: {error}");
            if error.contains("timed out") {
                restarts += 1;
                self.restart_controller();
            }
            sleep(LOOK_EVERY);
        }
        self.start_unit();
    }

    /// One that does not take what it is told. Either its last life was killed as it wrote its metadata, which it can't read any more; or it
    /// read its store twice as it started, on a busy machine, and hears of one while it writes to the other.
    #[allow(clippy::print_stderr, reason = "an explanation of what took so long")]
    fn restart_controller(&self) {
        let torn = self.is_torn();
        eprintln!(
            "the controller at {} {}: it is started again",
            self.endpoint(),
            if torn { "can't read its metadata" } else { "is deaf" }
        );
        self.kill_controller();
        if torn {
            self.wipe();
        }
        self.start_controller();
    }

    pub fn start_controller(&self) {
        // Of this life alone, so that it can be asked how it is.
        fs::remove_file(self.folder().join(CONTROLLER_LOG)).ok();
        let mut command = self.command("fluvio-run", CONTROLLER_LOG);
        command.arg("sc").arg("--local").arg(self.folder().join("meta"));
        command.args(["--bind-private", &at(self.ports.controller_private), "--bind-public", &self.endpoint()]);
        self.tls(&mut command, self.ports.plain);
        *self.controller.lock().unwrap() = Some(self.keeper.spawn(&mut command));
    }

    pub fn start_unit(&self) {
        let Ports { unit, unit_private, controller_private, .. } = self.ports;
        let mut command = self.command("fluvio-run", UNIT_LOG);
        command.args(["spu", "-i", &UNIT.to_string(), "-p", &at(unit), "-v", &at(unit_private), "--sc-addr", &at(controller_private)]);
        command.arg("--log-base-dir").arg(self.folder().join("data"));
        self.tls(&mut command, self.ports.unit_plain);
        *self.unit.lock().unwrap() = Some(self.keeper.spawn(&mut command));
    }

    /// Waits until a controller that was started again knows all it knew. False if it never will: Fluvio writes its metadata in
    /// place, and who was killed as it wrote can't read it any more. Then only [`wipe`](Self::wipe) helps.
    pub fn controller_is_back(&self) -> bool {
        let mut looks = 0;
        let knows = |arguments: &[&str]| self.cli(arguments).is_ok_and(|told| !matches!(told.trim_ascii(), b"" | b"[]"));
        while !["spu", "topic", "partition"].into_iter().all(|kind| match kind {
            "spu" => knows(&["cluster", "spu", "list", "--output", "json"]),
            kind => knows(&[kind, "list", "--output", "json"]),
        }) {
            if self.is_torn() {
                return false;
            }
            looks += 1;
            assert!(looks < LOOKS_MAX, "the controller does not come back: {}", self.said(CONTROLLER_LOG));
            sleep(LOOK_EVERY);
        }
        true
    }

    fn is_torn(&self) -> bool {
        self.said(CONTROLLER_LOG).contains("loading metadata")
    }

    fn said(&self, log: &str) -> String {
        let said = fs::read(self.folder().join(log)).unwrap_or_default();
        String::from_utf8_lossy(&said).into_owned()
    }

    /// `kill -9`.
    pub fn kill_unit(&self) {
        self.kill(&self.unit);
    }

    /// `kill -9`.
    pub fn kill_controller(&self) {
        self.kill(&self.controller);
    }

    /// Both die, and what they had goes with them.
    pub fn wipe(&self) {
        self.kill_unit();
        self.kill_controller();
        for name in ["meta", "data"] {
            fs::remove_dir_all(self.folder().join(name)).ok();
        }
    }

    /// Nobody answers any more, and no connection breaks.
    pub fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    pub fn thaw(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    fn command(&self, program: &str, log: &str) -> Command {
        let mut command = Command::new(self.binaries.0.join(program));
        let home = self.folder().join("home");
        fs::create_dir_all(&home).unwrap();
        command.env("HOME", home).env("FLUVIO_METRIC_SPU", self.folder().join("spu.sock")).current_dir(self.folder());
        let log = OpenOptions::new().create(true).append(true).open(self.folder().join(log)).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        command
    }

    fn tls(&self, command: &mut Command, plain: u16) {
        if self.secure {
            let file = |name| self.folder().join(name);
            command.args(["--tls", "--enable-client-cert", "--bind-non-tls-public", &at(plain)]);
            command.arg("--server-cert").arg(file("cert.pem")).arg("--server-key").arg(file("key.pem"));
            command.arg("--ca-cert").arg(file("ca.pem"));
        }
    }

    fn kill(&self, child: &Mutex<Option<Child>>) {
        if let Some(child) = child.lock().unwrap().take() {
            self.keeper.kill(child);
        }
    }

    fn signal(&self, signal: rustix::process::Signal) {
        for child in [&self.controller, &self.unit] {
            let child = child.lock().unwrap();
            let id = rustix::process::Pid::from_child(child.as_ref().expect("it runs"));
            rustix::process::kill_process(id, signal).unwrap();
        }
    }
}

impl Drop for Cluster {
    #[allow(clippy::print_stderr, reason = "what a failed test leaves to look at")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            for log in [CONTROLLER_LOG, UNIT_LOG] {
                let said = self.said(log);
                let lines: Vec<&str> = said.lines().collect();
                let last = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
                eprintln!("---- {log} of the cluster at {} ----\n{}", self.endpoint(), last.join("\n"));
            }
        }
        self.kill_unit();
        self.kill_controller();
    }
}

fn at(port: u16) -> String {
    format!("127.0.0.1:{port}")
}
