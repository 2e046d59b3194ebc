//! The ledger, asked from outside: what met what, which rule and which version of it decided, and what another rule would have decided.

use serde_json::{Value, json};
use std::fs;
use sterna_tests::{Cluster, Options, Outcome, Region, run, sterna};

const REGIONS: [&str; 2] = ["eu-west", "us-east"];

const MODEL: &str = r#"
version = 1

[aggregate.card.fields]
note  = "string?"
owner = { register = "string?", on_conflict = "keep" }
level = { register = "int?", on_conflict = "max" }
tags  = { set = "string" }

[aggregate.card.commands]
annotate = { args = { note = "string" }, effects = [{ set = "args.note", to = "note" }] }
assign   = { args = { owner = "string" }, effects = [{ set = "args.owner", to = "owner" }] }
raise    = { args = { level = "int" }, effects = [{ set = "args.level", to = "level" }] }
tag      = { args = { tag = "string" }, effects = [{ insert = "args.tag", to = "tags" }] }

[aggregate.memo.fields]
text = "string?"

[aggregate.memo.commands]
write = { args = { text = "string" }, effects = [{ set = "args.text", to = "text" }] }
"#;

fn options(model: &str) -> Options {
    Options { model: model.to_owned(), ..Options::shop() }
}

/// The same command in both regions, first in `eu-west`, while neither hears of the other; both values.
async fn both(cluster: &Cluster, path: &str, arg: &str, values: [Value; 2]) {
    for (region, value) in REGIONS.iter().zip(values) {
        cluster[*region].command(path, json!({ arg: value })).ok().await;
    }
}

/// What is in conflict on the cards `ids`: a note, an owner and a level each.
async fn disagree(cluster: &Cluster, ids: &[&str]) {
    cluster.cut(REGIONS[0], REGIONS[1]);
    for id in ids {
        both(cluster, &format!("card/{id}/annotate"), "note", [json!("west"), json!("east")]).await;
        both(cluster, &format!("card/{id}/assign"), "owner", [json!("anna"), json!("ben")]).await;
        both(cluster, &format!("card/{id}/raise"), "level", [json!(7), json!(3)]).await;
        both(cluster, &format!("card/{id}/tag"), "tag", [json!("x"), json!("y")]).await;
    }
    cluster.heal(REGIONS[0], REGIONS[1]);
}

/// Until every region has so many rows, all final; the rows.
async fn rows(cluster: &Cluster, path: &str, count: usize) -> Vec<Value> {
    let fits =
        |page: &Value| page["data"].as_array().is_some_and(|data| data.len() == count && data.iter().all(|row| row["final"] == true));
    let page = cluster.agree(path, &format!("{count} rows, all final"), fits).await;
    page["data"].as_array().cloned().unwrap_or_default()
}

async fn page(region: &Region, query: &str) -> (Vec<Value>, Option<String>) {
    let body = region.get(&format!("/v1/conflicts?{query}")).ok().await.json();
    (body["data"].as_array().cloned().unwrap_or_default(), body["next"].as_str().map(str::to_owned))
}

async fn ask(cluster: &Cluster, region: &str, line: &str) -> Outcome {
    let url = format!("http://127.0.0.1:{}", cluster[region].config.port);
    run(sterna().arg("conflicts").args(line.split_whitespace()).args(["--url", &url])).await
}

#[tokio::test]
async fn rows_are_filtered_and_a_cursor_goes_on_where_it_was_in_any_region_whatever_came_since() {
    let cluster = Cluster::start(options(MODEL), &REGIONS).await;
    disagree(&cluster, &["c-2", "c-4"]).await;
    cluster["eu-west"].command("memo/m/write", json!({ "text": "nobody else writes" })).ok().await;
    let all = rows(&cluster, "/v1/conflicts?limit=100", 6).await;
    let of =
        |row: &Value| format!("{} {} {}", row["id"].as_str().unwrap_or_default(), row["field"].as_str().unwrap_or_default(), row["rule"]);
    let told: Vec<String> = all.iter().map(of).collect();
    let of_card = |id: &str| [format!("{id} level \"max\""), format!("{id} note \"latest\""), format!("{id} owner \"keep\"")];
    assert_eq!(told, [of_card("c-2"), of_card("c-4")].concat(), "in order of their keys; sets that add up are no conflict");
    assert_eq!(all[0]["values"], json!({ "lost": 3, "won": 7 }));
    assert_eq!((&all[0]["winner"]["region"], &all[0]["loser"]["region"]), (&json!("eu-west"), &json!("us-east")));
    assert!(all.iter().all(|row| row["version"] == 1), "the rule's version: {all:?}");

    let east = &cluster["us-east"];
    for (query, count) in [
        ("type=card", 6),
        ("type=memo", 0),
        ("type=card&id=c-4", 3),
        ("field=note", 2),
        ("rule=keep", 2),
        ("final=true", 6),
        ("final=false", 0),
        ("type=card&id=c-2&field=level&rule=max&final=true", 1),
        ("type=card&id=c-2&field=level&rule=min", 0),
    ] {
        assert_eq!(page(east, query).await.0.len(), count, "{query}");
    }
    for (query, status, code) in [
        ("id=c-2", 400, "invalid-query"),
        ("type=nothing", 404, "unknown-type"),
        ("rule=nothing", 400, "invalid-query"),
        ("final=perhaps", 400, "invalid-query"),
        ("after=nowhere", 400, "invalid-cursor"),
        ("limit=0", 400, "invalid-limit"),
        ("colour=red", 400, "invalid-query"),
    ] {
        east.get(&format!("/v1/conflicts?{query}")).send().await.refused(status, code);
    }

    let (first, next) = page(east, "limit=2").await;
    assert_eq!(first, all[..2]);
    let next = next.expect("there is more");
    // One row comes before the cursor, one behind it.
    disagree(&cluster, &["c-1", "c-3"]).await;
    let now = rows(&cluster, "/v1/conflicts?limit=100", 12).await;
    let (mut walked, mut after, mut turn) = (Vec::new(), Some(next.clone()), 0);
    while let Some(cursor) = after {
        let (data, next) = page(&cluster[REGIONS[turn % 2]], &format!("limit=2&after={cursor}")).await;
        assert!(data.len() <= 2 && turn < 20);
        (after, turn) = (next, turn + 1);
        walked.extend(data);
    }
    let behind: Vec<Value> = now.iter().skip_while(|row| **row != all[1]).skip(1).cloned().collect();
    assert_eq!(walked, behind, "what is behind the cursor, each row once, from either region");
    assert_eq!(walked.len(), 1 + 3 + 3, "c-2's last, those of c-3, which came since, and those of c-4");
    east.get(&format!("/v1/conflicts?type=memo&after={next}")).send().await.refused(400, "invalid-cursor");
}

#[tokio::test]
async fn the_command_line_shows_rows_and_replays_them_under_another_model_without_changing_anything() {
    let cluster = Cluster::start(options(MODEL), &REGIONS).await;
    disagree(&cluster, &["c-1"]).await;
    rows(&cluster, "/v1/conflicts", 3).await;
    let told = ask(&cluster, "us-east", "--type card --field note --rule latest --final true").await;
    assert_eq!((told.code, told.stdout.lines().count()), (Some(0), 1), "{told:?}");
    for part in ["card/c-1", "note", "\"west\"", "\"east\"", "latest"] {
        assert!(told.stdout.contains(part), "{part}: {}", told.stdout);
    }
    assert_eq!(ask(&cluster, "us-east", "--field tags").await.stdout, "no conflicts\n");
    let first = ask(&cluster, "eu-west", "--limit 1 --json").await;
    let body: Value = serde_json::from_str(&first.stdout).expect("one line of JSON");
    assert_eq!(body["data"].as_array().map(Vec::len), Some(1), "{body}");
    let rest = ask(&cluster, "us-east", &format!("--json --after {}", body["next"].as_str().expect("there is more"))).await;
    assert_eq!(serde_json::from_str::<Value>(&rest.stdout).expect("one line of JSON")["data"].as_array().map(Vec::len), Some(2));
    let unknown = ask(&cluster, "us-east", "--rule nothing").await;
    assert!(unknown.code == Some(1) && unknown.stderr.contains("there is no rule `nothing`"), "{unknown:?}");

    // East's note came later; the other model prefers the west, counts levels down, and keeps owners as before.
    let next = MODEL.replace("version = 1", "version = 2").replace("\"max\"", "\"min\"");
    let next = next.replace("note  = \"string?\"", "note  = { register = \"string?\", on_conflict = { prefer = [\"eu-west\"] } }");
    let path = cluster.path("next.toml");
    fs::write(&path, next).expect("a temporary folder takes files");
    let before = (everything(&cluster, "eu-west").await, everything(&cluster, "us-east").await);
    let replay = ask(&cluster, "us-east", &format!("replay --model {}", path.display())).await;
    assert_eq!(replay.code, Some(0), "{replay:?}");
    assert!(replay.stderr.contains("3 rows: 2 would be decided otherwise, 0 can't be told; nothing was changed"), "{}", replay.stderr);
    let would: Vec<Value> = replay.stdout.lines().map(|line| serde_json::from_str(line).expect("a row a line")).collect();
    let said: Vec<_> =
        would.iter().map(|row| (&row["field"], &row["would"]["rule"], row["would"]["winner"] == row["loser"]["event"])).collect();
    assert_eq!(said, [(&json!("level"), &json!("min"), true), (&json!("note"), &json!("prefer"), true)]);
    let same = ask(&cluster, "us-east", &format!("replay --model {} --type card --id c-1", cluster.path("model.toml").display())).await;
    assert!(same.code == Some(0) && same.stdout.is_empty(), "under its own rules nothing is otherwise: {same:?}");
    assert_eq!((everything(&cluster, "eu-west").await, everything(&cluster, "us-east").await), before);
    fs::write(&path, "version = ").expect("a temporary folder takes files");
    let broken = ask(&cluster, "us-east", &format!("replay --model {}", path.display())).await;
    assert!(broken.code == Some(1) && broken.stderr.contains("next.toml:1"), "{broken:?}");
}

/// Documents, histories, ledger and the model of a region.
async fn everything(cluster: &Cluster, region: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for path in ["/v1/card/c-1", "/v1/card/c-1/events", "/v1/conflicts"] {
        all.push(cluster[region].get(path).ok().await.json());
    }
    let status = cluster[region].status().await;
    all.extend([status["model"].clone(), status["next_model"].clone()]);
    all
}

#[tokio::test]
async fn a_rule_that_changes_holds_for_what_is_set_from_then_on_and_for_what_meets_it() {
    let mut cluster = Cluster::start(options(MODEL), &REGIONS).await;
    disagree(&cluster, &["old"]).await;
    rows(&cluster, "/v1/conflicts?type=card&id=old", 3).await;
    let next = MODEL.replace("version = 1", "version = 2");
    let next = next.replace("note  = \"string?\"", "note  = { register = \"string?\", on_conflict = \"keep\" }");
    let diff = cluster.path("next.toml");
    fs::write(&diff, &next).expect("a temporary folder takes files");
    let model = cluster[REGIONS[0]].config.model.clone();
    let judged = run(sterna().arg("model").arg("diff").args([&model, &diff])).await;
    assert!(judged.code == Some(0) && judged.stdout.contains("for what is set from now on"), "{judged:?}");
    fs::write(&model, next).expect("a temporary folder takes files");
    for region in REGIONS {
        assert!(cluster[region].stop().await.success());
        cluster[region].start().await;
    }
    for region in REGIONS {
        cluster[region].eventually("/v1/status", "the next version took commands", |status| status["model"]["version"] == 2).await;
    }
    disagree(&cluster, &["new"]).await;
    let now = rows(&cluster, "/v1/conflicts?field=note", 2).await;
    let told: Vec<_> = now.iter().map(|row| (&row["id"], &row["rule"], &row["version"])).collect();
    assert_eq!(told, [(&json!("new"), &json!("keep"), &json!(2)), (&json!("old"), &json!("latest"), &json!(1))]);
    cluster
        .agree("/v1/card/old", "decided, as it was", |card| card["state"]["note"] == "east" && card["conflicts"]["note"].is_null())
        .await;
    cluster.agree("/v1/card/new", "both stay", |card| card["conflicts"]["note"].as_array().is_some_and(|kept| kept.len() == 2)).await;
    cluster["eu-west"].command("card/new/annotate", json!({ "note": "third" })).send().await.refused(428, "precondition-required");
    cluster["eu-west"].command("card/old/annotate", json!({ "note": "third" })).ok().await;
}
