//! The dashboards' panels and their queries.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

pub struct Dashboard {
    pub file: &'static str,
    pub title: String,
    pub panels: Vec<Panel>,
}

pub struct Panel {
    pub title: String,
    pub unit: String,
    pub is_graph: bool,
    pub queries: Vec<Query>,
}

pub struct Query {
    /// With the dashboard's variables set to all.
    pub text: String,
    pub legend: String,
}

pub const FILES: [&str; 3] = ["overview.json", "replication-lag.json", "conflicts.json"];

pub fn load() -> Vec<Dashboard> {
    FILES.map(dashboard).into()
}

fn dashboard(file: &'static str) -> Dashboard {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboards").join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let json: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let variables: BTreeSet<&str> = list(&json["templating"]["list"]).filter_map(|variable| variable["name"].as_str()).collect();
    assert!(variables.contains("region") && variables.contains("datasource"), "{file} has variables");
    let panels: Vec<Panel> = list(&json["panels"]).map(|json| panel(file, json, &variables)).collect();
    let places: BTreeSet<(u64, u64)> =
        list(&json["panels"]).filter_map(|panel| Some((panel["gridPos"]["x"].as_u64()?, panel["gridPos"]["y"].as_u64()?))).collect();
    assert_eq!(places.len(), panels.len(), "{file}: each panel has a place of its own");
    Dashboard { file, title: text_of(&json["title"]), panels }
}

fn panel(file: &str, json: &Value, variables: &BTreeSet<&str>) -> Panel {
    let title = text_of(&json["title"]);
    let description = json["description"].as_str().unwrap_or_default();
    assert!(description.len() > 60, "{file}, {title}: the description says what to do when it looks bad");
    let query = |target: &Value| {
        let text = text_of(&target["expr"]);
        Query {
            text: filled(&format!("{file}, {title}"), &text, variables),
            legend: target["legendFormat"].as_str().unwrap_or_default().to_owned(),
        }
    };
    Panel {
        unit: text_of(&json["fieldConfig"]["defaults"]["unit"]),
        is_graph: json["type"] == "timeseries",
        queries: list(&json["targets"]).map(query).collect(),
        title,
    }
}

/// As Grafana asks when `All` is chosen and a scrape comes every second.
fn filled(place: &str, query: &str, variables: &BTreeSet<&str>) -> String {
    let mut text = query.replace("$__rate_interval", "10s").replace("$__range", "10m");
    for variable in variables {
        text = text.replace(&format!("${variable}"), ".*");
    }
    assert!(!text.contains("\"$"), "{place} uses a variable that its dashboard does not have: {text}");
    text
}

fn list(json: &Value) -> impl Iterator<Item = &Value> {
    json.as_array().into_iter().flatten()
}

fn text_of(json: &Value) -> String {
    json.as_str().unwrap_or_else(|| panic!("{json} should be text")).to_owned()
}
