//! A Fluvio cluster of its own: controller and storage unit as processes on loopback, everything in one temporary folder.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};
use sterna_stream_fluvio::{ClusterAddress, Tls};
use tempfile::TempDir;

/// Where `fluvio-run` and `fluvio` are.
#[derive(Clone)]
pub struct Binaries(PathBuf);

impl Binaries {
    pub fn find() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let named = std::env::var_os("FLUVIO_BIN").map(PathBuf::from);
        let folders = named.into_iter().chain(std::env::split_paths(&path));
        let has_both = |folder: &PathBuf| ["fluvio-run", "fluvio"].iter().all(|name| folder.join(name).is_file());
        folders.into_iter().find(has_both).map(Self)
    }
}

pub struct Cluster {
    binaries: Binaries,
    folder: TempDir,
    ports: [u16; 5],
    /// Certificates in the folder, for TLS at the public addresses.
    secure: bool,
    controller: Mutex<Option<Child>>,
    unit: Mutex<Option<Child>>,
}

const PATIENCE: Duration = Duration::from_secs(30);

impl Cluster {
    pub fn start(binaries: &Binaries) -> Self {
        Self::start_with(binaries, None)
    }

    /// `certificates` writes `ca.pem`, `cert.pem` and `key.pem` into a folder.
    pub fn start_with(binaries: &Binaries, certificates: Option<&dyn Fn(&Path)>) -> Self {
        let folder = TempDir::with_prefix("sterna-fluvio-").unwrap();
        if let Some(write) = certificates {
            write(folder.path());
        }
        let cluster = Self {
            binaries: binaries.clone(),
            folder,
            ports: free_ports(),
            secure: certificates.is_some(),
            controller: Mutex::default(),
            unit: Mutex::default(),
        };
        cluster.start_all();
        cluster
    }

    pub fn address(&self) -> ClusterAddress {
        let file = |name| self.folder.path().join(name);
        let tls = self.secure.then(|| Tls {
            ca: file("ca.pem"),
            certificate: Some((file("cert.pem"), file("key.pem"))),
            server_name: Some("fluvio.test".to_owned()),
        });
        ClusterAddress { endpoint: self.public(), tls }
    }

    fn public(&self) -> String {
        format!("127.0.0.1:{}", self.ports[0])
    }

    /// Where the CLI goes: past TLS, if there is any.
    fn plain(&self) -> String {
        if self.secure { format!("127.0.0.1:{}", self.ports[4]) } else { self.public() }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.0.join(program));
        let home = self.folder.path().join("home");
        std::fs::create_dir_all(&home).unwrap();
        command.env("HOME", home).env("FLUVIO_METRIC_SPU", self.folder.path().join("spu.sock")).current_dir(self.folder.path());
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.folder.path().join(format!("{program}.log"))).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        command
    }

    /// What the CLI prints.
    pub fn cli(&self, arguments: &[&str]) -> Result<Vec<u8>, String> {
        let mut command = self.command("fluvio");
        command.args(["--cluster", &self.plain()]).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = command.output().unwrap();
        if output.status.success() { Ok(output.stdout) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }

    /// A command that finds `fluvio` as a user's would.
    pub fn on_path<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.binaries.0.clone()).chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(folders).unwrap()).env("HOME", self.folder.path().join("home"))
    }

    pub fn start_all(&self) {
        self.start_controller();
        let [_, _, public, private, _] = self.ports.map(|port| format!("127.0.0.1:{port}"));
        let register = ["cluster", "spu", "register", "--id", "5001", "-p", &public, "-v", &private];
        let began = Instant::now();
        while let Err(error) = self.cli(&register) {
            if error.contains("already defined") {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "the storage unit can't be registered: {error}");
            sleep(Duration::from_millis(100));
        }
        self.start_unit();
    }

    pub fn start_controller(&self) {
        let mut command = self.command("fluvio-run");
        let meta = self.folder.path().join("meta");
        command.arg("sc").arg("--local").arg(meta);
        command.args(["--bind-private", &format!("127.0.0.1:{}", self.ports[1])]);
        command.args(["--bind-public", &self.public()]);
        self.tls(&mut command, &self.plain());
        *self.controller.lock().unwrap() = Some(command.spawn().unwrap());
    }

    pub fn start_unit(&self) {
        let [_, private_controller, public, private, _] = self.ports.map(|port| format!("127.0.0.1:{port}"));
        let mut command = self.command("fluvio-run");
        command.args(["spu", "-i", "5001", "-p", &public, "-v", &private, "--sc-addr", &private_controller]);
        command.arg("--log-base-dir").arg(self.folder.path().join("data"));
        let [spare] = free_ports();
        self.tls(&mut command, &format!("127.0.0.1:{spare}"));
        *self.unit.lock().unwrap() = Some(command.spawn().unwrap());
    }

    fn tls(&self, command: &mut Command, plain: &str) {
        if self.secure {
            let file = |name| self.folder.path().join(name);
            command.args(["--tls", "--enable-client-cert", "--bind-non-tls-public", plain]);
            command.arg("--server-cert").arg(file("cert.pem")).arg("--server-key").arg(file("key.pem"));
            command.arg("--ca-cert").arg(file("ca.pem"));
        }
    }

    /// `kill -9`.
    pub fn kill_unit(&self) {
        kill(&self.unit);
    }

    /// `kill -9`.
    pub fn kill_controller(&self) {
        kill(&self.controller);
    }

    /// Both die, and what they had goes with them.
    pub fn wipe(&self) {
        self.kill_unit();
        self.kill_controller();
        for name in ["meta", "data"] {
            std::fs::remove_dir_all(self.folder.path().join(name)).ok();
        }
    }

    /// Nobody answers any more, and no connection breaks.
    pub fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    pub fn thaw(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        for child in [&self.controller, &self.unit] {
            let child = child.lock().unwrap();
            let id = rustix::process::Pid::from_child(child.as_ref().expect("it runs"));
            rustix::process::kill_process(id, signal).unwrap();
        }
    }
}

fn kill(child: &Mutex<Option<Child>>) {
    if let Some(mut child) = child.lock().unwrap().take() {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill_unit();
        self.kill_controller();
    }
}

fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
