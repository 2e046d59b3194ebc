//! A running HAProxy with the configuration of `infra/haproxy`.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use sterna_tests::{Http, Program, eventually, find, free_port};
use tempfile::TempDir;
use tokio::process::Command;

/// Which source addresses are near which region.
pub const PREFIXES: [(&str, &str); 3] = [("127.0.1.0/24", "us-east"), ("127.0.2.0/24", "eu-west"), ("127.0.3.0/24", "ap-south")];

pub struct Balancer {
    pub url: String,
    pub stats: Http,
    _program: Program,
    _folder: TempDir,
}

impl Balancer {
    /// Before these regions: names and ports. `None` where there is no HAProxy.
    pub async fn start(regions: &[(&str, u16)]) -> Option<Self> {
        let haproxy = find("haproxy", "STERNA_HAPROXY", "haproxy")?;
        let folder = tempfile::Builder::new().prefix("sterna-balancer-").tempdir().expect("there is a temporary folder");
        let infra = infra();
        let (port, stats) = (free_port(), free_port());
        let prefixes = PREFIXES.map(|(prefix, region)| format!("{prefix} {region}\n")).concat();
        fs::write(folder.path().join("prefixes.map"), prefixes).expect("a temporary folder takes files");
        fs::write(folder.path().join("regions.cfg"), render(&infra, regions).await).expect("a temporary folder takes files");
        let mut command = Command::new(haproxy);
        command.arg("-db").arg("-f").arg(infra.join("haproxy.cfg")).arg("-f").arg(folder.path().join("regions.cfg"));
        command.env_clear().env("STERNA_BIND", format!("127.0.0.1:{port}")).env("STERNA_STATS", format!("127.0.0.1:{stats}"));
        command.env("STERNA_PREFIXES", folder.path().join("prefixes.map")).env("STERNA_NEAREST", infra.join("nearest.lua"));
        command.env("STERNA_REGION_HEADER", "on");
        let mut program = Program::start(&mut command, folder.path().join("log"));
        let stats = Http::new(format!("http://127.0.0.1:{stats}"));
        eventually("haproxy answers", async || {
            program.assert_runs();
            let answer = stats.get("/healthz").try_send().await?;
            if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
        })
        .await;
        Some(Self { url: format!("http://127.0.0.1:{port}"), stats, _program: program, _folder: folder })
    }

    /// A client with this source address.
    pub fn client(&self, source: &str) -> Http {
        let source: IpAddr = source.parse().expect("a test's address is valid");
        Http::from_address(&self.url, Some(source))
    }

    /// Polls until clients of this address are answered by this region.
    pub async fn reaches(&self, source: &str, region: &str) {
        let client = self.client(source);
        eventually(&format!("{source} reaches {region}"), async || {
            let answer = client.get("/v1/status").try_send().await?;
            if answer.status == 200 && answer.json()["region"] == region { Ok(()) } else { Err(answer.text()) }
        })
        .await;
    }
}

pub fn infra() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/haproxy").canonicalize().expect("it is in the repository")
}

async fn render(infra: &Path, regions: &[(&str, u16)]) -> String {
    let regions = regions.iter().map(|(name, port)| format!("{name}=127.0.0.1:{port}"));
    let output = Command::new(infra.join("render")).args(regions).output().await.expect("there is a shell");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("it is text")
}
