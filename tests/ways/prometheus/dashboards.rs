//! Every query of every panel, against regions under load whose links are cut and that make conflicts.

use super::draw;
use super::panels::{self, Dashboard};
use super::server::{Prometheus, Series};
use serde_json::json;
use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::time::Duration;
use sterna_env::Env;
use sterna_tests::{Cluster, Http, LinkMode, Options, eventually, find, say};

const THREE: [&str; 3] = ["us-east", "eu-west", "ap-south"];
/// So long a region is cut off: long enough to tell a growing lag from a heartbeat's pause.
const CUT: Duration = Duration::from_secs(12);

/// What a panel shows: something, beyond a value, in the series with these labels.
struct Fault {
    panel: &'static str,
    labels: &'static [(&'static str, &'static str)],
    shows: fn(&Series) -> bool,
}

const FAR: &[(&str, &str)] = &[("origin", "us-east"), ("destination", "ap-south")];
const BACK: &[(&str, &str)] = &[("origin", "ap-south"), ("destination", "eu-west")];
const HIDDEN: &[(&str, &str)] = &[("origin", "us-east"), ("destination", "eu-west")];

/// While ap-south is cut off from both others.
const CUT_OFF: [Fault; 9] = [
    Fault { panel: "Unsettled events", labels: &[("region", "us-east"), ("type", "cart")], shows: |series| series.most() > 10.0 },
    Fault { panel: "Lag in seconds", labels: FAR, shows: |series| series.most() > 8.0 },
    Fault { panel: "Lag in seconds", labels: BACK, shows: |series| series.most() > 8.0 },
    Fault { panel: "Lag in events", labels: FAR, shows: |series| series.most() > 10.0 },
    Fault { panel: "Lag in seconds over time", labels: FAR, shows: |series| series.most() > 8.0 && series.least() < 4.0 },
    Fault { panel: "Lag in events over time", labels: FAR, shows: |series| series.most() > 10.0 },
    Fault { panel: "Heartbeat age", labels: FAR, shows: |series| series.most() > 8.0 && series.least() < 4.0 },
    Fault { panel: "Connected", labels: &[("region", "ap-south"), ("origin", "us-east")], shows: |series| series.least() == 0.0 },
    Fault { panel: "Worst lag", labels: &[("destination", "ap-south")], shows: |series| series.most() > 8.0 },
];

/// After it came back, and while us-east and eu-west are cut from each other and ap-south carries.
const AFTER: [Fault; 10] = [
    Fault { panel: "Void events", labels: &[("type", "cart"), ("event", "command")], shows: rises },
    Fault { panel: "Conflicts by type, field and rule", labels: &[("type", "cart"), ("field", "address"), ("rule", "keep")], shows: rises },
    Fault { panel: "Conflicts within the range", labels: &[("rule", "keep")], shows: |series| series.most() >= 1.0 },
    Fault { panel: "Conflicts by region", labels: &[("region", "eu-west")], shows: rises },
    Fault { panel: "Repairs and carried entries", labels: &[("region", "eu-west"), ("from", "ap-south")], shows: rises },
    Fault { panel: "Reconnects and damage", labels: &[("region", "ap-south"), ("origin", "us-east")], shows: rises },
    Fault { panel: "Heartbeat age", labels: HIDDEN, shows: |series| series.most() > 6.0 },
    Fault {
        panel: "Rights left",
        labels: &[("type", "product"), ("field", "stock"), ("holder", "us-east")],
        shows: |series| series.most() > 100.0,
    },
    Fault { panel: "Commands at a bound", labels: &[("answer", "local")], shows: rises },
    Fault { panel: "Commands by outcome", labels: &[("outcome", "guard-refused")], shows: rises },
];

fn rises(series: &Series) -> bool {
    series.most() > 0.0
}

#[tokio::test]
async fn every_query_of_every_panel_parses_and_returns_data_and_shows_the_fault_where_it_should() {
    if find("prometheus", "STERNA_PROMETHEUS", "prometheus").is_none() {
        return;
    }
    let cluster = Cluster::start(Options::shop(), &THREE).await;
    let ports: Vec<(&str, u16)> = cluster.regions().iter().map(|region| (region.name.as_str(), region.config.port)).collect();
    let Some(prometheus) = Prometheus::start(&ports).await else { return };
    cluster["us-east"].command("product/tea/restock", json!({ "quantity": 90_000 })).ok().await;
    let (dashboards, env, stopping) = (panels::load(), Env::real(), Cell::new(false));
    let now_s = || env.wall_ms() as f64 / 1000.0;
    let began = now_s();
    let load = futures::future::join_all(cluster.regions().iter().map(|region| shop(region.http(), &region.name, &stopping)));
    let story = async {
        eventually("prometheus has seen every region under load", async || {
            let seen = prometheus.now("min_over_time((sum by (region) (rate(sterna_write_commands_total[10s])))[5s:1s]) > 0").await?;
            if seen.len() == 3 { Ok(()) } else { Err(format!("{seen:?}")) }
        })
        .await;

        cluster.isolate("ap-south", LinkMode::Cut);
        write_beside(&cluster, &["us-east", "ap-south"], "cut").await;
        env.sleep(CUT).await;
        all_show(&prometheus, &dashboards, &CUT_OFF, began).await;
        draw(&prometheus, &dashboards, &["replication-lag.json"], began).await;
        cluster.isolate("ap-south", LinkMode::Up);

        cluster.cut("us-east", "eu-west");
        all_show(&prometheus, &dashboards, &AFTER, began).await;
        let hidden = prometheus.now("max(sterna_replicate_lag_seconds{origin=\"us-east\",destination=\"eu-west\"})").await;
        let hidden = hidden.expect("it parses").first().map(Series::most);
        assert!(hidden < Some(10.0), "ap-south carries what the cut link does not: {hidden:?}");
        cluster.heal("us-east", "eu-west");

        for dashboard in &dashboards {
            for panel in &dashboard.panels {
                for query in &panel.queries {
                    let place = format!("{}, {}: {}", dashboard.file, panel.title, query.text);
                    let found = prometheus.range(&query.text, began, now_s()).await.unwrap_or_else(|error| panic!("{place}: {error}"));
                    assert!(found.iter().any(|series| !series.points.is_empty()), "{place} returns no data");
                }
            }
        }
        draw(&prometheus, &dashboards, &["overview.json", "conflicts.json"], began).await;
        eventually("the lag is gone everywhere", async || {
            let late = prometheus.now("max(sterna_replicate_lag_seconds) < 5 and max(sterna_replicate_lag_events) < 200").await?;
            if late.is_empty() { Err("some is left".to_owned()) } else { Ok(()) }
        })
        .await;
        stopping.set(true);
    };
    tokio::join!(load, story);
}

/// Polls until each panel shows its fault.
async fn all_show(prometheus: &Prometheus, dashboards: &[Dashboard], faults: &[Fault], began: f64) {
    for fault in faults {
        let panel = dashboards.iter().flat_map(|dashboard| &dashboard.panels).find(|panel| panel.title == fault.panel);
        let panel = panel.unwrap_or_else(|| panic!("there is no panel {}", fault.panel));
        eventually(&format!("{} shows the fault in {:?}", fault.panel, fault.labels), async || {
            let to = Env::real().wall_ms() as f64 / 1000.0;
            let mut seen = Vec::new();
            for query in &panel.queries {
                let found = prometheus.range(&query.text, began, to).await?;
                seen.extend(found.into_iter().filter(|series| series.has(fault.labels)));
            }
            if seen.iter().any(fault.shows) {
                Ok(())
            } else {
                Err(seen.iter().map(|s| format!("{:?} {}..{}", s.labels, s.least(), s.most())).collect())
            }
        })
        .await;
    }
}

/// Adds, reads and refusals, without end.
async fn shop(http: Http, name: &str, stopping: &Cell<bool>) {
    let env = Env::real();
    for n in 0.. {
        if stopping.get() {
            return;
        }
        let cart = format!("cart/{name}-{}", n % 20);
        let add = http.command(&format!("{cart}/add_item"), json!({ "sku": "tea", "quantity": 1 })).try_send().await;
        assert!(add.is_ok_and(|answer| answer.status == 200), "a region takes commands also when it is cut off");
        if n % 5 == 0 {
            _ = http.command("product/tea/reserve", json!({ "quantity": 1 })).try_send().await;
            _ = http.get("/v1/views/carts_by_size?limit=10").try_send().await;
            _ = http.command(&format!("{cart}/remove_item"), json!({ "sku": "none" })).try_send().await;
        }
        env.sleep(Duration::from_millis(40)).await;
    }
}

/// Sets one field of the same carts, and uses one key twice, in regions that do not hear each other.
async fn write_beside(cluster: &Cluster, regions: &[&str], name: &str) {
    for n in 0..30 {
        for region in regions {
            cluster[*region].command(&format!("cart/{name}-{n}/ship_to"), json!({ "address": format!("{region} {n}") })).ok().await;
            // One key in both: one of the two will be void.
            let add = cluster[*region].command(&format!("cart/{name}-{n}/add_item"), json!({ "sku": "tea", "quantity": 1 }));
            add.key(&format!("{name}-{n}")).ok().await;
        }
    }
}

/// Into the folder that `STERNA_PICTURES` names, for the documentation.
#[allow(clippy::disallowed_methods, reason = "for who renews the documentation's pictures; no test depends on it")]
async fn draw(prometheus: &Prometheus, dashboards: &[Dashboard], files: &[&str], began: f64) {
    let Ok(folder) = std::env::var("STERNA_PICTURES") else { return };
    let to = Env::real().wall_ms() as f64 / 1000.0;
    for dashboard in dashboards.iter().filter(|dashboard| files.contains(&dashboard.file)) {
        let mut panels = Vec::new();
        for panel in &dashboard.panels {
            let mut drawn = Vec::new();
            for query in &panel.queries {
                let found = if panel.is_graph { prometheus.range(&query.text, began, to).await } else { prometheus.now(&query.text).await };
                drawn.extend(found.unwrap_or_default().into_iter().map(|series| (query.legend.clone(), series)));
            }
            panels.push((panel, drawn));
        }
        let path = Path::new(&folder).join(dashboard.file.replace(".json", ".svg"));
        fs::write(&path, draw::dashboard(dashboard, &panels)).expect("the folder takes files");
        say(&format!("drew {}", path.display()));
    }
}
