//! Models change while there is data, and while regions run.

use crate::cli::ports_in_a_row;
use serde_json::{Value, json};
use std::fs::{self, File};
use sterna_tests::{Cluster, Http, Options, eventually, run, sterna};

const FIRST: &str = r#"
version = 1

[aggregate.bag.fields]
marks = { set = "string" }
label = "string?"

[aggregate.bag.commands.mark]
args    = { mark = "string" }
effects = [{ insert = "args.mark", to = "marks" }]

[aggregate.bag.commands.relabel]
args    = { label = "string" }
effects = [{ set = "args.label", to = "label" }]

[view.bags]
of      = "bag"
columns = { bag = "id", label = "state.label" }
sort    = ["bag"]

[view.weights]
events = "bag.mark"
group  = { bag = "event.aggregate_id" }
count  = { marks = "true" }
"#;

/// Everything is renamed, a command takes more, older events are read as if they had said it, and both views are others.
const SECOND: &str = r#"
version = 2

[aggregate.sack]
was = "bag"

[aggregate.sack.fields]
marks  = { set = "string" }
title  = { "string?" = {}, was = "label" }
weight = "counter"

[aggregate.sack.commands.mark]
args    = { mark = "string", weight = { int = { default = 1 } } }
effects = [{ insert = "args.mark", to = "marks" }, { add = "args.weight", to = "weight" }]
upcast  = { weight = "size(get(args, 'mark', ''))" }

[aggregate.sack.commands.entitle]
was     = "relabel"
args    = { title = { string = {}, was = "label" } }
effects = [{ set = "args.title", to = "title" }]

[view.bags]
of      = "sack"
columns = { bag = "id", title = "state.title", marks = "size(state.marks)" }
sort    = ["bag"]

[view.weights]
events = "sack.mark"
group  = { bag = "event.aggregate_id" }
count  = { marks = "true" }
sum    = { weight = "event.args.weight" }
"#;

fn version(status: &Value) -> &Value {
    &status["model"]["version"]
}

#[tokio::test]
async fn a_version_takes_commands_when_every_region_holds_it_and_renames_lose_nothing() {
    let (east, west) = ("us-east", "eu-west");
    let mut cluster = Cluster::start(Options { model: FIRST.to_owned(), ..Options::shop() }, &[east, west]).await;
    cluster[east].command("bag/b1/mark", json!({ "mark": "red" })).key("k1").ok().await;
    cluster[east].command("bag/b1/relabel", json!({ "label": "old" })).key("k2").ok().await;
    cluster[west].eventually("/v1/bag/b1", "it is there", |bag| bag["state"]["label"] == "old").await;

    fs::write(&cluster[east].config.model, SECOND).expect("a file can be written");
    assert!(cluster[east].stop().await.success());
    cluster[east].start().await;
    let status = cluster[east].status().await;
    assert_eq!(
        (version(&status), &status["next_model"]["version"], &status["next_model"]["lacking"]),
        (&json!(1), &json!(2), &json!([west]))
    );
    cluster[east].command("bag/b1/mark", json!({ "mark": "blue" })).ok().await;
    assert_eq!(cluster[east].command("sack/b1/mark", json!({ "mark": "x" })).send().await.status.as_u16(), 404, "it is not taken yet");

    assert!(cluster[west].stop().await.success());
    cluster[west].start().await;
    for name in [east, west] {
        let taken = |status: &Value| *version(status) == 2 && status["next_model"].is_null();
        cluster[name].eventually("/v1/status", "version 2 takes commands", taken).await;
    }

    let replayed = cluster[west].command("bag/b1/mark", json!({ "mark": "red" })).key("k1").ok().await;
    assert_eq!(replayed.header("idempotent-replayed"), Some("true"), "a retry from before is known by the old name");
    let replayed = cluster[west].command("sack/b1/entitle", json!({ "title": "old" })).key("k2").ok().await;
    assert_eq!((replayed.header("idempotent-replayed"), &replayed.json()["type"]), (Some("true"), &json!("sack")), "and by the new one");
    cluster[west].command("sack/b1/mark", json!({ "mark": "green", "weight": 7 })).ok().await;
    let state = json!({ "marks": ["blue", "green", "red"], "title": "old", "weight": 7 });
    for path in ["/v1/sack/b1", "/v1/bag/b1"] {
        let fits = |bag: &Value| bag["state"] == state && bag["type"] == "sack";
        cluster[east].eventually(path, "what was done under both versions", fits).await;
    }
    let bytes = async |name: &str| cluster[name].get("/v1/sack/b1").ok().await.text();
    assert_eq!(bytes(east).await, bytes(west).await);
    for name in [east, west] {
        let bags = |view: &Value| view["data"] == json!([{ "bag": "b1", "title": "old", "marks": 3 }]);
        cluster[name].eventually("/v1/views/bags", "the view is built anew", bags).await;
        // red and blue weigh as much as they have letters.
        let weights = |view: &Value| view["data"] == json!([{ "bag": "b1", "marks": 3, "weight": 14 }]);
        cluster[name].eventually("/v1/views/weights", "older events are read by `upcast`", weights).await;
    }
    let history = cluster[east].get("/v1/bag/b1/events").ok().await.json();
    let second = &history["data"][1];
    assert_eq!((&second["command"], &second["args"]), (&json!("entitle"), &json!({ "title": "old" })), "history has the present names");

    fs::write(&cluster[east].config.model, FIRST).expect("a file can be written");
    assert!(cluster[east].stop().await.success());
    let older = cluster[east].serve_to_its_end().await;
    assert!(older.code == Some(1) && older.stderr.contains("written with version 2 of the model, and this is version 1"), "{older:?}");
}

#[tokio::test]
async fn a_change_that_is_not_safe_is_refused_with_its_place() {
    let mut cluster = Cluster::start(Options { model: FIRST.to_owned(), ..Options::shop() }, &["solo"]).await;
    cluster["solo"].command("bag/b1/mark", json!({ "mark": "red" })).ok().await;
    assert!(cluster["solo"].stop().await.success());
    let model = cluster["solo"].config.model.clone();
    let changed = FIRST.replace("version = 1", "version = 2").replace("label = \"string?\"", "label = \"int?\"").replace("args.label", "7");
    fs::write(&model, changed).expect("a file can be written");
    let refused = cluster["solo"].serve_to_its_end().await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    for part in ["error[needs-a-new-name]: a field never changes its type: `label`", &format!("{}:6:1", model.display()), "help:"] {
        assert!(refused.stderr.contains(part), "{part:?} is missing in: {}", refused.stderr);
    }
    fs::write(&model, FIRST).expect("a file can be written");
    cluster["solo"].start().await;
    assert_eq!(cluster["solo"].get("/v1/bag/b1").ok().await.json()["state"]["marks"], json!(["red"]));
}

#[tokio::test]
async fn dev_takes_a_safe_change_while_it_runs_and_explains_any_other() {
    let home = tempfile::tempdir().expect("there is a temporary folder");
    let (model, said) = (home.path().join("bags.toml"), home.path().join("said"));
    fs::write(&model, FIRST).expect("a file can be written");
    let port = ports_in_a_row(3);
    let out = File::create(&said).expect("a temporary folder takes files");
    let mut command = sterna();
    command.env("HOME", home.path()).arg("dev").arg(&model).args(["--regions", "one,two", "--port", &port.to_string()]);
    let mut dev = command.stdout(out.try_clone().expect("a file can be shared")).stderr(out).spawn().expect("the binary can be started");
    let told = async |what: &str| {
        eventually(what, async || {
            let said = fs::read_to_string(&said).unwrap_or_default();
            if said.contains(what) { Ok(()) } else { Err(said) }
        })
        .await;
    };
    told("Ctrl-C stops").await;
    let (one, two) = (Http::new(format!("http://127.0.0.1:{}", port + 1)), Http::new(format!("http://127.0.0.1:{}", port + 2)));
    one.command("bag/b1/mark", json!({ "mark": "red" })).ok().await;

    fs::write(&model, SECOND.replace("\"args.weight\"", "\"args.wieght\"")).expect("a file can be written");
    told("did you mean `weight`?").await;
    fs::write(&model, SECOND.replace("was = \"bag\"", "")).expect("a file can be written");
    told("error[refused]: the type `bag` is gone").await;
    told("is not taken; the regions go on with version 1").await;
    one.command("bag/b1/mark", json!({ "mark": "blue" })).ok().await;

    fs::write(&model, SECOND).expect("a file can be written");
    told("Version 2 takes commands.").await;
    two.command("sack/b1/entitle", json!({ "title": "new" })).ok().await;
    eventually("the other region has all of it", async || {
        let bag = one.get("/v1/sack/b1").try_send().await?.json();
        let fits = bag["state"]["title"] == "new" && bag["state"]["marks"] == json!(["blue", "red"]);
        if fits { Ok(()) } else { Err(bag.to_string()) }
    })
    .await;
    dev.kill().await.expect("a child can be killed");
}

#[tokio::test]
async fn the_command_line_compares_models_and_prints_the_schema() {
    let home = tempfile::tempdir().expect("there is a temporary folder");
    let path = |name: &str, text: &str| {
        let path = home.path().join(name);
        fs::write(&path, text).expect("a file can be written");
        path
    };
    let (old, new) = (path("old.toml", FIRST), path("new.toml", SECOND));
    let broken = path(
        "broken.toml",
        &FIRST
            .replace("version = 1", "version = 2")
            .replace("{ set = \"string\" }", "{ set = \"int\" }")
            .replace("args.mark\", to", "1\", to"),
    );
    let model = async |args: &[&std::ffi::OsStr]| run(sterna().arg("model").args(args)).await;

    let safe = model(&["diff".as_ref(), old.as_os_str(), new.as_os_str()]).await;
    assert!(safe.code == Some(0) && safe.stdout.contains("the type `bag` is called `sack`"), "{safe:?}");
    let refused = model(&["diff".as_ref(), old.as_os_str(), broken.as_os_str()]).await;
    assert!(refused.code == Some(1) && refused.stdout.contains("error[needs-a-new-name]"), "{refused:?}");
    let listed = model(&["diff".as_ref(), old.as_os_str(), broken.as_os_str(), "--json".as_ref()]).await;
    let answer: Value = serde_json::from_str(&listed.stdout).expect("it is JSON");
    assert_eq!(
        (listed.code, &answer["verdict"], &answer["changes"][0]["path"]),
        (Some(1), &json!("needs-a-new-name"), &json!("aggregate.bag.fields.marks"))
    );
    assert_eq!((&answer["changes"][0]["line"], &answer["old"]["version"], &answer["new"]["version"]), (&json!(5), &json!(1), &json!(2)));

    let checked = model(&["check".as_ref(), broken.as_os_str(), "--json".as_ref()]).await;
    let answer: Value = serde_json::from_str(&checked.stdout).expect("it is JSON");
    assert_eq!((checked.code, &answer["version"], &answer["diagnostics"]), (Some(0), &json!(2), &json!([])));
    let mistaken = path("mistaken.toml", &FIRST.replace("args.label", "args.lable"));
    let checked = model(&["check".as_ref(), mistaken.as_os_str(), "--json".as_ref()]).await;
    let answer: Value = serde_json::from_str(&checked.stdout).expect("it is JSON");
    let mistake = &answer["diagnostics"][0];
    assert_eq!(
        (checked.code, &mistake["code"], &mistake["line"], &mistake["help"]),
        (Some(1), &json!("unknown-argument"), &json!(14), &json!("did you mean `label`?"))
    );

    let schema = model(&["schema".as_ref()]).await;
    let schema: Value = serde_json::from_str(&schema.stdout).expect("it is JSON");
    assert_eq!(schema["title"], "Sterna model");

    let file = home.path().join("fresh.toml");
    let made = model(&["new".as_ref(), file.as_os_str()]).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let checked = model(&["check".as_ref(), file.as_os_str()]).await;
    assert!(checked.code == Some(0) && checked.stdout.contains("no remarks"), "{checked:?}");
    let again = model(&["new".as_ref(), file.as_os_str()]).await;
    assert!(again.code == Some(1) && again.stderr.contains("is there already"), "{again:?}");
}
