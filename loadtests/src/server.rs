//! One region as a process of its own.

use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::http::Connection;

/// Killed, and its folder removed, when dropped.
pub struct Region {
    process: Child,
    pub address: String,
    _folder: tempfile::TempDir,
}

const READY_MAX: Duration = Duration::from_secs(20);

impl Region {
    pub async fn start(binary: &Path, parent: &Path) -> Result<Self> {
        let folder = tempfile::tempdir_in(parent)?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        drop(listener);
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/shop.toml").canonicalize()?;
        let config = format!(
            "region = 'one'\nlisten = '{address}'\nmodel = '{}'\n[store]\npath = 'data'\n[telemetry]\nlog = 'warn'\n",
            model.display()
        );
        let path = folder.path().join("region.toml");
        std::fs::write(&path, config)?;
        let mut command = Command::new(binary);
        command.arg("serve").arg("--config").arg(&path).stdout(Stdio::null());
        let process = command.spawn().with_context(|| format!("{}; build it with `cargo build --release`", binary.display()))?;
        let mut region = Self { process, address, _folder: folder };
        let start = Instant::now();
        while !region.is_ready().await {
            if let Some(status) = region.process.try_wait()? {
                bail!("the region ended: {status}");
            }
            if start.elapsed() > READY_MAX {
                bail!("the region did not get ready in {READY_MAX:?}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(region)
    }

    async fn is_ready(&self) -> bool {
        let Ok(mut connection) = Connection::open(&self.address).await else { return false };
        connection.get("/readyz").await.is_ok_and(|answer| answer.status == 200)
    }

    pub fn resident_mb(&self) -> Result<u64> {
        self.status("VmRSS:").map(|kb| kb / 1024)
    }

    fn status(&self, name: &str) -> Result<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)).context("no such line")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// CPU seconds of the process so far.
    pub fn cpu_seconds(&self) -> Result<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let fields: Vec<&str> = text.rsplit(')').next().context("no such field")?.split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        Ok(ticks as f64 / 100.0)
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}
