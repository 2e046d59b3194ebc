//! One region: a process, and what stays when it ends.

use crate::http::Request;
use crate::{Answer, Http, Outcome, RegionConfig, SOON, eventually, run, sterna};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use sterna_env::Env;
use tokio::process::{Child, Command};

pub struct Region {
    pub name: String,
    pub config: RegionConfig,
    http: Http,
    /// With the configuration and the log.
    folder: PathBuf,
    child: Option<Child>,
}

impl Region {
    /// Not started yet.
    pub fn new(folder: PathBuf, config: RegionConfig) -> Self {
        fs::create_dir_all(&folder).expect("a temporary folder takes folders");
        let http = Http::new(format!("http://127.0.0.1:{}", config.port));
        Self { name: config.region.clone(), config, http, folder, child: None }
    }

    /// Starts the process, and doesn't wait for it.
    pub fn spawn(&mut self) {
        let command = self.serve();
        self.spawn_as(command);
    }

    /// Starts another command line that runs this region, such as one under a tracer.
    pub fn spawn_as(&mut self, mut command: Command) {
        assert!(self.child.is_none(), "{} runs", self.name);
        let log = OpenOptions::new().create(true).append(true).open(self.log_path()).expect("a temporary folder takes files");
        command.stdout(log.try_clone().expect("a file can be shared")).stderr(log);
        self.child = Some(command.spawn().expect("the binary can be started"));
    }

    /// Starts the process, and waits until it takes commands.
    pub async fn start(&mut self) {
        self.spawn();
        self.ready().await;
    }

    /// The command line that serves this region, with its configuration written.
    pub fn serve(&self) -> Command {
        let path = self.folder.join("region.toml");
        fs::write(&path, self.config.toml()).expect("a temporary folder takes files");
        let mut command = sterna();
        command.arg("serve").arg("--config").arg(path);
        command.env("STERNA_TELEMETRY__LOG", log_filter());
        command
    }

    /// Serves until it ends by itself, which it must do soon.
    pub async fn serve_to_its_end(&self) -> Outcome {
        run(&mut self.serve()).await
    }

    pub async fn ready(&mut self) {
        let name = self.name.clone();
        eventually(&format!("{name} takes commands"), async || {
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().ok()?) {
                panic!("{name} ended: {status}\n{}", self.log());
            }
            let answer = self.get("/readyz").try_send().await?;
            if answer.status.is_success() { Ok(()) } else { Err(answer.text()) }
        })
        .await;
    }

    /// SIGKILL.
    pub async fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().await.expect("a child can be killed");
    }

    /// SIGTERM; it ends soon.
    pub async fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended().await
    }

    pub async fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        let ended = Env::real().timeout(SOON, child.wait()).await;
        ended.unwrap_or_else(|| panic!("{} does not stop\n{}", self.name, self.log())).expect("a child can be waited for")
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("a child takes signals");
    }

    pub fn pid(&self) -> Pid {
        let id = self.child.as_ref().and_then(Child::id).expect("it runs");
        Pid::from_raw(id as i32).expect("a process id is positive")
    }

    pub fn runs(&self) -> bool {
        self.child.is_some()
    }

    /// What it said so far, in all its lives.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join("log")
    }

    pub fn data(&self) -> &Path {
        &self.config.data
    }

    pub fn http(&self) -> Http {
        self.http.clone()
    }

    pub fn get(&self, path: &str) -> Request {
        self.http.get(path)
    }

    pub fn command(&self, path: &str, args: Value) -> Request {
        self.http.command(path, args)
    }

    /// `GET /v1/status`.
    pub async fn status(&self) -> Value {
        self.get("/v1/status").ok().await.json()
    }

    /// What `/v1/status` says of another region.
    pub async fn status_of(&self, other: &str) -> Value {
        let status = self.status().await;
        let regions = status["regions"].as_array().cloned().unwrap_or_default();
        regions.into_iter().find(|region| region["region"] == other).unwrap_or_else(|| panic!("{status} does not name {other}"))
    }

    /// Polls until the answer is 200 and fits.
    pub async fn eventually(&self, path: &str, what: &str, fits: impl Fn(&Value) -> bool) -> Answer {
        eventually(&format!("{what}: {path} in {}", self.name), async || {
            let answer = self.get(path).try_send().await?;
            if answer.status.is_success() && fits(&answer.json()) { Ok(answer) } else { Err(answer.text()) }
        })
        .await
    }

    /// Another process on the same folder, with a port of its own.
    pub fn twin(&self, folder: PathBuf, port: u16) -> Self {
        Self::new(folder, RegionConfig { port, ..self.config.clone() })
    }

    /// Everything it has written down so far, as it stands on the disk.
    pub fn copy_data(&self, to: &Path) {
        copy(self.data(), to);
    }

    /// Its store is empty at its next start, whatever the engine.
    pub fn forget_data(&mut self) {
        assert!(!self.runs(), "a store is emptied while nobody uses it");
        fs::remove_dir_all(self.data()).expect("the folder is there");
        self.config.foundationdb.iter_mut().for_each(|store| store.name += "-anew");
    }

    /// Takes its folder away and puts a copy of `from` there.
    pub fn restore_data(&self, from: &Path) {
        assert!(!self.runs(), "a folder is restored while nobody uses it");
        fs::remove_dir_all(self.data()).expect("the folder is there");
        copy(from, self.data());
    }
}

/// What regions log; `STERNA_IT_LOG` asks for more, to look into a failure.
#[allow(clippy::disallowed_methods, reason = "for people who look into a failure; no test depends on it")]
fn log_filter() -> String {
    std::env::var("STERNA_IT_LOG").unwrap_or_else(|_| "info,fjall=warn,fluvio=warn,lsm_tree=warn".to_owned())
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a temporary folder takes folders");
    for entry in fs::read_dir(from).expect("the folder is there") {
        let entry = entry.expect("a folder can be read");
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target);
        } else {
            let mut target = File::create(&target).expect("a temporary folder takes files");
            std::io::copy(&mut File::open(&source).expect("a file can be read"), &mut target).expect("a file can be copied");
        }
    }
}
