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
    folder: tempfile::TempDir,
}

const READY_MAX: Duration = Duration::from_secs(20);

impl Region {
    pub async fn start(binary: &Path, parent: &Path) -> Result<Self> {
        let mut region = Self::spawn(binary, parent, "one", free_address()?, None)?;
        region.ready().await?;
        Ok(region)
    }

    /// Two that are each other's peers.
    pub async fn start_pair(binary: &Path, parent: &Path) -> Result<[Self; 2]> {
        let (one, two) = (free_address()?, free_address()?);
        let first = Self::spawn(binary, parent, "one", one.clone(), Some(("two", &two)))?;
        let second = Self::spawn(binary, parent, "two", two, Some(("one", &one)))?;
        let mut pair = [first, second];
        for region in &mut pair {
            region.ready().await?;
        }
        Ok(pair)
    }

    fn spawn(binary: &Path, parent: &Path, name: &str, address: String, peer: Option<(&str, &str)>) -> Result<Self> {
        let folder = tempfile::tempdir_in(parent)?;
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/shop.toml").canonicalize()?;
        let config = format!(
            "region = '{name}'\nlisten = '{address}'\nmodel = '{}'\n[store]\npath = 'data'\n[telemetry]\nlog = 'error'\n{}",
            model.display(),
            peer.map(|(name, address)| format!("[[peer]]\nregion = '{name}'\nurl = 'http://{address}'\n")).unwrap_or_default()
        );
        let path = folder.path().join("region.toml");
        std::fs::write(&path, config)?;
        let mut command = Command::new(binary);
        command.arg("serve").arg("--config").arg(&path).stdout(Stdio::null());
        let process = command.spawn().with_context(|| format!("{}; build it with `cargo build --release`", binary.display()))?;
        Ok(Self { process, address, folder })
    }

    async fn ready(&mut self) -> Result<()> {
        let start = Instant::now();
        while !self.is_ready().await {
            if let Some(status) = self.process.try_wait()? {
                bail!("the region ended: {status}");
            }
            if start.elapsed() > READY_MAX {
                bail!("the region did not get ready in {READY_MAX:?}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// What its folder takes on the disk.
    pub fn stored_mb(&self) -> Result<u64> {
        Ok(bytes_in(self.folder.path())? / 1_000_000)
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

fn free_address() -> Result<String> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

fn bytes_in(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let (entry, data) = entry.and_then(|entry| entry.metadata().map(|data| (entry, data)))?;
        bytes += if data.is_dir() { bytes_in(&entry.path())? } else { data.len() };
    }
    Ok(bytes)
}

impl Drop for Region {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}
