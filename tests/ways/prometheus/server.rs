//! A running Prometheus that scrapes regions.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use sterna_tests::{Http, Program, eventually, find, free_port};
use tempfile::TempDir;
use tokio::process::Command;

pub struct Prometheus {
    http: Http,
    _program: Program,
    _folder: TempDir,
}

/// One series of an answer.
#[derive(Clone, Debug)]
pub struct Series {
    pub labels: BTreeMap<String, String>,
    /// Seconds and values; what is no number is left out.
    pub points: Vec<(f64, f64)>,
}

impl Prometheus {
    /// Scrapes these regions: names and ports. `None` where there is no Prometheus.
    pub async fn start(regions: &[(&str, u16)]) -> Option<Self> {
        let binary = find("prometheus", "STERNA_PROMETHEUS", "prometheus")?;
        let folder = tempfile::Builder::new().prefix("sterna-prometheus-").tempdir().expect("there is a temporary folder");
        let (infra, port) = (infra(), free_port());
        write(folder.path(), "prometheus.yml", &often(&read(&infra.join("prometheus.yml"))));
        for rules in ["rules/recording.yml", "rules/alerts.yml"] {
            write(folder.path(), rules, &read(&infra.join(rules)));
        }
        let target = |(name, port): &(&str, u16)| json!({ "targets": [format!("127.0.0.1:{port}")], "labels": { "region": name } });
        let targets: Vec<Value> = regions.iter().map(target).collect();
        write(folder.path(), "targets/regions.json", &Value::from(targets).to_string());
        for none in ["targets/haproxy.json", "targets/prometheus.json"] {
            write(folder.path(), none, "[]");
        }
        let mut command = Command::new(binary);
        command.arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()));
        command.arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let mut program = Program::start(&mut command, folder.path().join("log"));
        let http = Http::new(format!("http://127.0.0.1:{port}"));
        eventually("prometheus is ready", async || {
            program.assert_runs();
            let answer = http.get("/-/ready").try_send().await?;
            if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
        })
        .await;
        Some(Self { http, _program: program, _folder: folder })
    }

    /// Every second of a range; the error is what Prometheus says of the query.
    pub async fn range(&self, query: &str, from_s: f64, to_s: f64) -> Result<Vec<Series>, String> {
        self.ask(&format!("/api/v1/query_range?query={}&start={from_s}&end={to_s}&step=1", encoded(query))).await
    }

    pub async fn now(&self, query: &str) -> Result<Vec<Series>, String> {
        self.ask(&format!("/api/v1/query?query={}", encoded(query))).await
    }

    async fn ask(&self, path: &str) -> Result<Vec<Series>, String> {
        let answer = self.http.get(path).try_send().await?.json();
        if answer["status"] != "success" {
            return Err(format!("{}: {}", answer["errorType"], answer["error"]));
        }
        Ok(answer["data"]["result"].as_array().into_iter().flatten().map(Series::of).collect())
    }
}

impl Series {
    fn of(result: &Value) -> Self {
        let labels = result["metric"].as_object().into_iter().flatten();
        let labels = labels.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
        let one = result["value"].is_array().then(|| result["value"].clone());
        let points = result["values"].as_array().cloned().unwrap_or_default().into_iter().chain(one);
        let point = |point: Value| Some((point[0].as_f64()?, point[1].as_str()?.parse::<f64>().ok().filter(|value| value.is_finite())?));
        Self { labels, points: points.filter_map(point).collect() }
    }

    pub fn most(&self) -> f64 {
        self.points.iter().map(|(_, value)| *value).fold(f64::NEG_INFINITY, f64::max)
    }

    pub fn least(&self) -> f64 {
        self.points.iter().map(|(_, value)| *value).fold(f64::INFINITY, f64::min)
    }

    pub fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(label, value)| self.labels.get(*label).is_some_and(|held| held == value))
    }
}

pub fn infra() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/prometheus").canonicalize().expect("it is in the repository")
}

/// A test has no minutes to wait: everything every second, else as it is.
fn often(config: &str) -> String {
    let often = config.replace("scrape_interval: 5s", "scrape_interval: 1s").replace("evaluation_interval: 5s", "evaluation_interval: 1s");
    let often = often.replace("scrape_timeout: 4s", "scrape_timeout: 1s");
    assert_ne!(often, config, "the intervals are where they are expected");
    often
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a temporary folder takes folders");
    fs::write(path, text).expect("a temporary folder takes files");
}

/// Of a query's value.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
