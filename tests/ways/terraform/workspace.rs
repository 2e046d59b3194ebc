//! A copy of the environment with variables of its own.

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use sterna_env::Env;
use sterna_tests::{Http, Outcome, binary_path, find, free_port, say};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// Three regions are started, or restarted one after the other, on a busy machine.
const APPLY: Duration = Duration::from_secs(400);
pub const REGIONS: [&str; 3] = ["us-east", "eu-west", "ap-south"];

pub struct Workspace {
    terraform: PathBuf,
    folder: TempDir,
    pub ports: Vec<u16>,
    pub balancer: u16,
    others: [u16; 2],
    pub binary: PathBuf,
    pub model: PathBuf,
    pub haproxy: PathBuf,
    pub prometheus: PathBuf,
    /// More lines of `terraform.tfvars`.
    pub more: String,
}

impl Workspace {
    /// `None`, and said loudly, where a program is missing.
    pub async fn new() -> Option<Self> {
        let terraform = find("terraform", "STERNA_TERRAFORM", "terraform")?;
        let haproxy = find("terraform", "STERNA_HAPROXY", "haproxy")?;
        let prometheus = find("terraform", "STERNA_PROMETHEUS", "prometheus")?;
        find("terraform", "STERNA_CURL", "curl")?;
        let folder = tempfile::Builder::new().prefix("sterna-terraform-").tempdir().expect("there is a temporary folder");
        let repository = repository();
        for part in ["terraform", "infra"] {
            copy(&repository.join(part), &folder.path().join(part));
        }
        fs::create_dir_all(folder.path().join("examples")).expect("a temporary folder takes folders");
        // What a default names.
        fs::copy(repository.join("examples/shop.toml"), folder.path().join("examples/shop.toml")).expect("a temporary folder takes files");
        let model = folder.path().join("shop.toml");
        fs::copy(repository.join("examples/shop.toml"), &model).expect("a temporary folder takes files");
        // Another content is another binary; what runs is a copy, so that nothing else of this machine matters.
        let binary = folder.path().join("sterna");
        fs::copy(binary_path(), &binary).expect("a temporary folder takes files");
        let workspace = Self {
            terraform,
            ports: REGIONS.map(|_| free_port()).into(),
            balancer: free_port(),
            others: [free_port(), free_port()],
            binary,
            model,
            haproxy,
            prometheus,
            more: String::new(),
            folder,
        };
        let init = workspace.run(&["init", "-input=false"]).await;
        assert_eq!(init.code, Some(0), "the built-in provider needs no download: {}{}", init.stdout, init.stderr);
        Some(workspace)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn environment(&self) -> PathBuf {
        self.path("terraform/environments/local")
    }

    pub fn data(&self) -> PathBuf {
        self.path("local/data")
    }

    fn run_folder(&self) -> PathBuf {
        self.path("local/run")
    }

    /// What the process of this name was started with, as written down.
    pub fn record(&self, name: &str) -> Option<Value> {
        let text = fs::read_to_string(self.run_folder().join(format!("{name}.json"))).ok()?;
        serde_json::from_str(&text).ok()
    }

    pub fn pid(&self, name: &str) -> Option<i64> {
        self.record(name)?["pid"].as_i64()
    }

    pub fn region(&self, at: usize) -> Http {
        Http::new(format!("http://127.0.0.1:{}", self.ports[at]))
    }

    fn write_variables(&self) {
        let region =
            |(name, port): (&&str, &u16)| format!("  {name} = {{ port = {port}, prefixes = [\"127.0.{}.0/24\"] }}\n", 1 + port % 200);
        let regions: String = REGIONS.iter().zip(&self.ports).map(region).collect();
        let Self { binary, model, haproxy, prometheus, balancer, others: [stats, metrics], more, .. } = self;
        let regions = if more.contains("regions =") { String::new() } else { format!("regions = {{\n{regions}}}\n") };
        let text = format!(
            "binary = {binary:?}\nmodel = {model:?}\nhaproxy = {haproxy:?}\nprometheus = {prometheus:?}\nshards = 4\ndata_folder = {:?}\nports = {{ balancer = {balancer}, balancer_stats = {stats}, prometheus = {metrics} }}\n{regions}{more}\n",
            self.path("local"),
        );
        fs::write(self.environment().join("terraform.tfvars"), text).expect("a temporary folder takes files");
    }

    /// A command line, with the variables as they are now, in a process group of its own as a shell would start it.
    pub fn command(&self, args: &[&str]) -> Command {
        self.write_variables();
        let mut command = Command::new(&self.terraform);
        command.args(args).arg("-no-color").current_dir(self.environment()).env("TF_IN_AUTOMATION", "1").env("CHECKPOINT_DISABLE", "1");
        command.process_group(0).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    pub async fn run(&self, args: &[&str]) -> Outcome {
        sterna_tests::run_within(APPLY, &mut self.command(args)).await
    }

    pub async fn apply(&self) -> Outcome {
        self.run(&["apply", "-auto-approve", "-input=false"]).await
    }

    pub async fn applied(&self) -> Outcome {
        let outcome = self.apply().await;
        assert_eq!(outcome.code, Some(0), "{}{}{}", outcome.stdout, outcome.stderr, self.logs());
        outcome
    }

    /// Exit status 0 means that nothing is to be done, 2 that something is.
    pub async fn plan(&self) -> Outcome {
        self.run(&["plan", "-detailed-exitcode", "-input=false"]).await
    }

    pub async fn is_up_to_date(&self) {
        let plan = self.plan().await;
        assert_eq!(plan.code, Some(0), "a second plan is empty: {}{}", plan.stdout, plan.stderr);
    }

    pub async fn destroyed(&self) {
        let outcome = self.run(&["destroy", "-auto-approve", "-input=false"]).await;
        assert_eq!(outcome.code, Some(0), "{}{}", outcome.stdout, outcome.stderr);
        assert_eq!(self.processes(), Vec::<i32>::new(), "nothing that was started is left");
        assert!(!self.run_folder().exists(), "no record is left");
    }

    /// An apply under way.
    pub fn start_apply(&self) -> Child {
        let mut command = self.command(&["apply", "-auto-approve", "-input=false"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("terraform can be started")
    }

    pub fn signal(child: &Child, signal: Signal) {
        let group = child.id().and_then(|id| Pid::from_raw(id as i32)).expect("it runs");
        kill_process_group(group, signal).expect("a child takes signals");
    }

    /// Everything that this environment started and that runs.
    pub fn processes(&self) -> Vec<i32> {
        let mark = format!("SUPERVISED_UNIT={}/", self.run_folder().display());
        let pid = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<i32>().ok();
        let all = fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(pid);
        let ours = |pid: &i32| fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environ| contains(&environ, mark.as_bytes()));
        all.filter(ours).collect()
    }

    fn logs(&self) -> String {
        let log = |name: &&str| fs::read_to_string(self.run_folder().join(format!("{name}.log"))).unwrap_or_default();
        REGIONS.iter().map(log).collect::<Vec<_>>().join("\n----\n")
    }
}

impl Drop for Workspace {
    /// A failed test leaves nothing behind.
    fn drop(&mut self) {
        if !self.run_folder().exists() && self.processes().is_empty() {
            return;
        }
        let mut destroy = std::process::Command::new("/bin/bash");
        destroy.arg(self.path("terraform/modules/process/process.sh")).arg("stop-all").env("UNIT_FOLDER", self.run_folder());
        destroy.env("UNIT_DATA", self.data()).env("UNIT_KEEP_DATA", "true");
        if !destroy.output().is_ok_and(|output| output.status.success()) {
            say("what terraform had started could not be stopped");
        }
    }
}

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("it is there")
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a temporary folder takes folders");
    for entry in fs::read_dir(from).expect("the folder is there").flatten() {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == ".terraform" || name == ".local" || name.contains(".tfstate") || name.ends_with(".tfvars") {
            continue;
        }
        if source.is_dir() {
            copy(&source, &target);
        } else {
            fs::copy(&source, &target).expect("a file can be copied");
        }
    }
}

/// Milliseconds between looks.
pub async fn a_moment() {
    Env::real().sleep(Duration::from_millis(60)).await;
}
