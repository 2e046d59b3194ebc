//! The language, through the interface: one model that has every line of it.

use serde_json::{Value, json};
use sterna_tests::{Cluster, Options};

const EVERYTHING: &str = include_str!("../../crates/model/tests/language/everything.toml");
/// The model's `prefer` names it.
const HERE: &str = "eu-west";

async fn region() -> Cluster {
    Cluster::start(Options { model: EVERYTHING.to_owned(), ..Options::shop() }, &[HERE]).await
}

async fn run(cluster: &Cluster, path: &str, args: Value) {
    cluster[HERE].command(path, args).ok().await;
}

/// A state, once the projector has reached what fits.
async fn state(cluster: &Cluster, path: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let document = cluster[HERE].eventually(&format!("/v1/{path}"), "it is projected", |document| fits(&document["state"])).await;
    document.json()["state"].clone()
}

/// A view's rows, once they are as expected.
async fn rows(cluster: &Cluster, query: &str, expected: Value) {
    let fits = |answer: &Value| answer["data"] == expected;
    cluster[HERE].eventually(&format!("/v1/views/{query}"), &format!("{expected}"), fits).await;
}

#[tokio::test]
async fn values_and_collections_come_back_as_they_were_set() {
    let cluster = region().await;
    run(&cluster, "thing/t1/values", json!({ "place": { "city": "Kiel" }, "whole": -7 })).await;
    run(&cluster, "thing/t1/policies", json!({ "n": 7 })).await;
    run(&cluster, "thing/t1/policies", json!({ "n": 3 })).await;
    run(&cluster, "thing/t1/collect", json!({ "list": ["tea", "skip"], "n": 3 })).await;
    run(&cluster, "thing/t1/take", json!({ "key": "tea", "n": 3 })).await;
    let mut state = state(&cluster, "thing/t1", |state| state["counters"]["tea"] == 0).await;
    let today = state["by_day"].as_object().and_then(|days| days.keys().next().cloned()).expect("it was counted");
    assert_eq!((&state["by_day"][&today], &state["days"]), (&json!(1), &json!([today])));
    ["by_day", "days"].iter().for_each(|name| _ = state.as_object_mut().map(|state| state.remove(*name)));
    let expected = json!({
        "text": "hello", "whole": -7, "yes": true, "at": "2013-01-31T05:00:00Z", "day": "2013-01-31", "kind": "large", "names": ["a"],
        "place": { "city": "Kiel", "tags": null, "zip": null },
        "latest": 3, "keep": "3", "most": "high", "least": "2013-01-04", "prefer": "eu-west", "max_by": "", "min_by": "t1",
        "visits": 3, "bounded": 3, "flag": true, "set": [], "counters": { "tea": 0 }, "flags": { "skip": true },
        "sets": { "skip": [3] }, "registers": {}, "kept": { "skip": 3, "tea": 3 }, "bests": { "skip": 3, "tea": 3 },
        "by_kind": { "3": 1 }, "old": "kept",
    });
    assert_eq!(state, expected);
}

#[tokio::test]
async fn commands_are_for_what_they_say_and_an_error_refuses_one() {
    let cluster = region().await;
    let refused = async |path: &str, args: Value, status: u16, code: &str| {
        cluster[HERE].command(path, args).send().await.refused(status, code);
    };
    refused("thing/t1/take", json!({ "key": "tea", "n": 1 }), 404, "not-found").await;
    run(&cluster, "thing/t1/make", json!({})).await;
    refused("thing/t1/make", json!({}), 409, "already-exists").await;
    refused("thing/t1/take", json!({ "key": "tea", "n": 1 }), 422, "guard-refused").await;
    refused("thing/t1/divide", json!({ "by": 0 }), 422, "evaluation-failed").await;
    run(&cluster, "thing/t1/values", json!({ "text": "later" })).await;
    assert_eq!(state(&cluster, "thing/t1", |state| state["text"] == "later").await["whole"], json!(null), "nothing of it was done");
    run(&cluster, "thing/t1/drop", json!({})).await;
    refused("thing/t1/take", json!({ "key": "tea", "n": 1 }), 410, "deleted").await;
}

#[tokio::test]
async fn tables_run_over_lists_and_rollups_aggregate() {
    let cluster = region().await;
    run(&cluster, "thing/t1/collect", json!({ "list": ["tea", "milk"], "n": 2 })).await;
    run(&cluster, "thing/t2/collect", json!({ "list": ["tea"], "n": 4 })).await;
    run(&cluster, "thing/t2/values", json!({ "text": "b", "whole": 8 })).await;
    run(&cluster, "thing/t3/values", json!({ "text": "b", "whole": 3 })).await;
    let table = async |query: &str, expected: Value| {
        let shown = |answer: &Value| -> Vec<Value> {
            answer["data"].as_array().into_iter().flatten().map(|row| json!([row["thing"], row["key"], row["n"], row["text"]])).collect()
        };
        let fits = |answer: &Value| Value::from(shown(answer)) == expected;
        cluster[HERE].eventually(&format!("/v1/views/table{query}"), &format!("{expected}"), fits).await;
    };
    table("", json!([["t1", "milk", 2, null], ["t2", "tea", 4, "b"], ["t1", "tea", 2, null]])).await;
    table("?key=tea&n[gte]=3", json!([["t2", "tea", 4, "b"]])).await;
    table("?n=2", json!([["t1", "milk", 2, null], ["t1", "tea", 2, null]])).await;

    let nameless = json!({ "text": null, "visits": 2, "least": null, "most": null, "mean": null, "things": 1, "flagged": 0 });
    let b = json!({ "text": "b", "visits": 4, "least": null, "most": null, "mean": 6, "things": 2, "flagged": 1 });
    rows(&cluster, "rollup", json!([nameless, b])).await;
    rows(&cluster, "rollup?text=b", json!([b])).await;
    run(&cluster, "thing/t1/collect", json!({ "list": [], "n": -2 })).await;
    run(&cluster, "thing/t1/drop", json!({})).await;
    rows(&cluster, "rollup", json!([b])).await;

    rows(&cluster, "risky", json!([{ "thing": "t2", "share": 25 }])).await;
    let status = cluster[HERE].status().await;
    let risky = status["views"].as_array().into_iter().flatten().find(|view| view["name"] == "risky").expect("the view is there");
    assert_eq!(risky["rows_failed"], 1, "the row of t3, which divides by zero, is counted");
}

#[tokio::test]
async fn a_reaction_pays_each_and_a_refused_one_is_paid_back() {
    let cluster = region().await;
    run(&cluster, "account/a3/close", json!({})).await;
    run(&cluster, "account/a1/debit", json!({ "amount": 5, "to": ["a2", "a1", "a3"] })).await;
    for (account, balance) in [("a2", 5), ("a1", 0), ("a3", 0)] {
        let fits = |answer: &Value| answer["state"]["balance"] == balance;
        cluster[HERE].eventually(&format!("/v1/account/{account}"), &format!("a balance of {balance}"), fits).await;
    }
    let history = cluster[HERE].get("/v1/account/a1/events").ok().await.json();
    let commands: Vec<_> = history["data"].as_array().into_iter().flatten().map(|event| event["command"].clone()).collect();
    assert_eq!(commands, ["debit", "refund"]);
    let paid = |answer: &Value| {
        let rows = answer["data"].as_array().cloned().unwrap_or_default();
        rows.iter().map(|row| (row["name"].clone(), row["account"].clone(), row["amount"].clone())).collect::<Vec<_>>()
            == [("debit", "a1", 5), ("credit", "a2", 5)].map(|(name, account, amount)| (json!(name), json!(account), json!(amount)))
    };
    cluster[HERE].eventually("/v1/views/statement", "both events, by the view's old name", paid).await;
}
