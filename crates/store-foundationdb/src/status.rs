//! A cluster's health, from its own status document.

use crate::limits::READ_WAIT;
use foundationdb::Database;
use serde_json::Value;
use sterna_env::Env;

const STATUS: &[u8] = b"\xff\xff/status/json";
/// Messages shown at most.
const MESSAGES_MAX: usize = 5;

/// What an operator wants to know first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Transactions can be committed.
    pub available: bool,
    /// All of the cluster's data is stored as often as the redundancy mode says.
    pub healthy: bool,
    /// How many machines may fail without losing data.
    pub fault_tolerance: Option<u64>,
    pub redundancy: Option<String>,
    pub version: Option<String>,
    pub troubles: Vec<Trouble>,
}

/// What the cluster, or this client, says is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub name: String,
    pub description: String,
}

/// Never fails: a cluster that doesn't answer is not available.
pub(crate) async fn health(env: &Env, database: &Database) -> Health {
    let asking = async {
        let t = database.create_trx()?;
        t.get(STATUS, true).await
    };
    match env.timeout(READ_WAIT, asking).await {
        Some(Ok(Some(document))) => serde_json::from_slice(&document).map_or_else(|error| unknown(&error.to_string()), |json| parse(&json)),
        Some(Ok(None)) => unknown("there is no status document"),
        Some(Err(error)) => unknown(&error.to_string()),
        None => unknown(&format!("no answer within {READ_WAIT:?}")),
    }
}

fn unknown(why: &str) -> Health {
    let trouble = Trouble { name: "no_status".to_owned(), description: format!("its status can't be read: {why}") };
    Health { troubles: vec![trouble], ..Health::default() }
}

fn parse(status: &Value) -> Health {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let (client, cluster) = (&status["client"], &status["cluster"]);
    let process = cluster["processes"].as_object().and_then(|processes| processes.values().next());
    let messages = [&client["messages"], &cluster["messages"]].into_iter().filter_map(Value::as_array).flatten();
    let trouble =
        |message: &Value| Some(Trouble { name: text(&message["name"])?, description: text(&message["description"]).unwrap_or_default() });
    Health {
        available: client["database_status"]["available"].as_bool().unwrap_or(false),
        healthy: cluster["data"]["state"]["healthy"].as_bool().unwrap_or(false),
        fault_tolerance: cluster["fault_tolerance"]["max_zone_failures_without_losing_data"].as_u64(),
        redundancy: text(&cluster["configuration"]["redundancy_mode"]),
        version: process.and_then(|process| text(&process["version"])),
        troubles: messages.filter_map(trouble).take(MESSAGES_MAX).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_status_document_says_how_it_goes() {
        let status = json!({
            "client": { "database_status": { "available": true, "healthy": true }, "messages": [] },
            "cluster": {
                "configuration": { "redundancy_mode": "double" },
                "data": { "state": { "healthy": true } },
                "fault_tolerance": { "max_zone_failures_without_losing_data": 1 },
                "messages": [{ "name": "low_space", "description": "a disk is nearly full" }],
                "processes": { "a": { "version": "7.3.79" } },
            },
        });
        let health = parse(&status);
        assert!(health.available && health.healthy);
        assert_eq!(
            (health.fault_tolerance, health.redundancy.as_deref(), health.version.as_deref()),
            (Some(1), Some("double"), Some("7.3.79"))
        );
        assert_eq!(health.troubles[0].name, "low_space");
    }

    #[test]
    fn what_is_not_said_is_not_well() {
        let health = parse(&json!({}));
        assert!(!health.available && !health.healthy && health.fault_tolerance.is_none());
    }
}
