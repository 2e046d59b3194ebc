//! A cluster's health, from its own status document.

use crate::limits::READ_WAIT;
use foundationdb::Database;
use serde_json::Value;
use sterna_env::Env;

const STATUS: &[u8] = b"\xff\xff/status/json";
/// Messages shown at most.
const MESSAGES_MAX: usize = 8;
/// What limits a cluster that isn't busy.
const UNLIMITED: &str = "workload";

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
    /// What the fullest of its disks has left.
    pub free_bytes: Option<u64>,
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
    let processes = || cluster["processes"].as_object().into_iter().flat_map(|processes| processes.values());
    let free = ["least_operating_space_bytes_storage_server", "least_operating_space_bytes_log_server"];
    let healthy = cluster["data"]["state"]["healthy"].as_bool().unwrap_or(false);
    let told =
        |message: &Value| Some(Trouble { name: text(&message["name"])?, description: text(&message["description"]).unwrap_or_default() });
    let mut troubles = Vec::new();
    // In the order in which an operator would ask: is it reached, is it held up, is its data safe, what else does it say.
    for coordinator in client["coordinators"]["coordinators"].as_array().into_iter().flatten() {
        if coordinator["reachable"] == false {
            let description = format!("coordinator {} is not to be reached", coordinator["address"].as_str().unwrap_or("?"));
            troubles.push(Trouble { name: "unreachable_coordinator".to_owned(), description });
        }
    }
    if cluster["database_lock_state"]["locked"] == true {
        let description = "the database is locked, as it is while a backup is restored: nothing commits".to_owned();
        troubles.push(Trouble { name: "locked".to_owned(), description });
    }
    troubles.extend(told(&cluster["qos"]["performance_limited_by"]).filter(|limit| limit.name != UNLIMITED));
    troubles.extend(told(&cluster["data"]["state"]).filter(|_| !healthy));
    troubles.extend([&client["messages"], &cluster["messages"]].into_iter().filter_map(Value::as_array).flatten().filter_map(told));
    for process in processes() {
        let address = process["address"].as_str().unwrap_or("?");
        let of_process = process["messages"].as_array().into_iter().flatten().filter_map(told);
        troubles.extend(of_process.map(|Trouble { name, description }| Trouble { name, description: format!("{address}: {description}") }));
    }
    troubles.truncate(MESSAGES_MAX);
    Health {
        available: client["database_status"]["available"].as_bool().unwrap_or(false),
        healthy,
        fault_tolerance: cluster["fault_tolerance"]["max_zone_failures_without_losing_data"].as_u64(),
        redundancy: text(&cluster["configuration"]["redundancy_mode"]),
        version: processes().find_map(|process| text(&process["version"])),
        free_bytes: free.iter().filter_map(|name| cluster["data"][*name].as_u64()).min(),
        troubles,
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
        assert_eq!(health.troubles.len(), 1);
        assert_eq!(health.troubles[0].name, "low_space");
    }

    /// As a cluster of release 7.3 writes it, cut down.
    #[test]
    fn troubles_come_in_the_order_in_which_an_operator_would_ask() {
        let status = json!({
            "client": {
                "coordinators": { "coordinators": [
                    { "address": "10.1.0.5:4500", "reachable": true }, { "address": "10.1.0.6:4500", "reachable": false },
                ] },
                "database_status": { "available": true, "healthy": false },
                "messages": [{ "name": "inconsistent_cluster_file", "description": "the cluster file is not up to date" }],
            },
            "cluster": {
                "data": {
                    "least_operating_space_bytes_log_server": 7, "least_operating_space_bytes_storage_server": 5,
                    "state": { "name": "healing", "healthy": false, "description": "Restoring replication factor" },
                },
                "database_lock_state": { "locked": true },
                "qos": { "performance_limited_by": {
                    "name": "storage_server_write_queue_size", "description": "Storage server performance (storage queue).",
                } },
                "processes": { "a": {
                    "address": "10.1.0.7:4500", "version": "7.3.79",
                    "messages": [{ "name": "io_timeout", "description": "a disk does not answer" }],
                } },
            },
        });
        let health = parse(&status);
        let names: Vec<&str> = health.troubles.iter().map(|trouble| &*trouble.name).collect();
        let wanted =
            ["unreachable_coordinator", "locked", "storage_server_write_queue_size", "healing", "inconsistent_cluster_file", "io_timeout"];
        assert_eq!(names, wanted);
        assert!(health.troubles[0].description.contains("10.1.0.6:4500") && health.troubles[5].description.contains("10.1.0.7:4500"));
        assert_eq!(health.free_bytes, Some(5));
    }

    #[test]
    fn what_is_not_said_is_not_well() {
        let health = parse(&json!({}));
        assert!(!health.available && !health.healthy && health.fault_tolerance.is_none());
    }
}
