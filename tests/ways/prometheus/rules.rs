//! Configuration, rules and alerts as promtool sees them, and a runbook for each alert.

use super::server::infra;
use std::collections::BTreeSet;
use std::fs;
use sterna_tests::{find, run};
use tokio::process::Command;

#[tokio::test]
async fn promtool_finds_nothing_wrong_and_each_alert_fires_when_it_should_and_is_silent_when_not() {
    let Some(promtool) = find("promtool", "STERNA_PROMTOOL", "promtool") else { return };
    let cases: [&[&str]; 3] = [
        &["check", "config", "prometheus.yml"],
        &["check", "rules", "rules/recording.yml", "rules/alerts.yml"],
        &["test", "rules", "tests/alerts_test.yml"],
    ];
    for args in cases {
        let outcome = run(Command::new(&promtool).args(args).current_dir(infra())).await;
        assert_eq!(outcome.code, Some(0), "promtool {args:?}: {}{}", outcome.stdout, outcome.stderr);
    }
}

#[test]
fn each_alert_has_a_runbook_that_is_listed_and_a_firing_and_a_silent_case() {
    let read = |path: &str| fs::read_to_string(infra().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let (rules, tests) = (read("rules/alerts.yml"), read("tests/alerts_test.yml"));
    let runbooks = infra().join("../../docs/runbooks");
    let list = read("../../docs/runbooks/README.md");
    let mut linked = BTreeSet::new();
    let mut alert = "";
    for line in rules.lines().map(str::trim) {
        alert = line.strip_prefix("- alert: ").unwrap_or(alert);
        if let Some(page) = line.strip_prefix("runbook: docs/runbooks/") {
            let text = fs::read_to_string(runbooks.join(page)).unwrap_or_else(|error| panic!("{alert}: {page}: {error}"));
            assert!(text.starts_with(&format!("# {alert}\n")), "{page} is about {alert}");
            for section in ["## Look", "## Do", "## Over"] {
                assert!(text.contains(section), "{page} has no {section}");
            }
            assert!(list.contains(&format!("[{alert}]({page})")), "docs/runbooks/README.md lists {alert}");
            let of = tests.split("alertname: ").filter_map(|case| case.strip_prefix(alert)).filter(|rest| rest.starts_with('\n'));
            let cases: BTreeSet<bool> = of.map(|rest| !rest.trim_start().starts_with("exp_alerts: []")).collect();
            assert_eq!(cases.len(), 2, "{alert} has a firing and a silent case");
            linked.insert(alert);
        }
    }
    assert_eq!(linked.len(), rules.matches("- alert: ").count(), "each alert names its runbook");
}
