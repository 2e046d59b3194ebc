//! What keeps a region from starting, and how it says so.

use std::fs;
use sterna_tests::{Cluster, Options, run, sterna};

const BROKEN: &str = "\
version = 1

[aggregate.cart.fields]
items = { map = \"countre\" }

[aggregate.cart.commands.add_item]
args    = { sku = \"string\", quantity = \"int\" }
effects = [{ add = \"args.quantiy\", to = \"items\", key = \"args.sku\" }]
";

#[tokio::test]
async fn a_malformed_model_is_refused_with_file_line_column_and_a_hint() {
    let cluster = Cluster::prepare(Options { model: BROKEN.to_owned(), ..Options::shop() }, &["solo"]).await;
    let refused = cluster["solo"].serve_to_its_end().await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let model = cluster["solo"].config.model.display().to_string();
    assert!(refused.stderr.contains(&format!("{model}:4:")), "file, line and column of the first mistake: {}", refused.stderr);
    assert!(refused.stderr.contains("countre") && refused.stderr.contains("help:"), "{}", refused.stderr);
    assert!(!cluster["solo"].data().exists(), "nothing was created");

    let checked = run(sterna().args(["model", "check"]).arg(&cluster["solo"].config.model)).await;
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert!(checked.stdout.contains(&format!("{model}:4:")) && checked.stdout.contains("help:"), "{}", checked.stdout);
    fs::write(&cluster["solo"].config.model, BROKEN.replace("countre", "counter").replace("quantiy", "quantity"))
        .expect("a file can be written");
    let checked = run(sterna().args(["model", "check"]).arg(&cluster["solo"].config.model)).await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
}

#[cfg(not(feature = "fluvio"))]
#[tokio::test]
async fn an_engine_that_is_not_in_the_build_is_told_with_how_to_build_it() {
    let cluster = Cluster::prepare(Options::shop(), &["solo"]).await;
    let text = cluster["solo"].config.toml() + "[stream]\nengine = \"fluvio\"\nendpoint = \"127.0.0.1:9003\"\n";
    let path = cluster.path("region.toml");
    fs::write(&path, text).expect("a file can be written");
    let refused = run(sterna().arg("serve").arg("--config").arg(&path)).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("--features fluvio"), "{}", refused.stderr);
    assert!(!cluster["solo"].data().exists(), "nothing was created");
}

#[tokio::test]
async fn a_mistake_in_a_configuration_is_told_with_its_place() {
    let cluster = Cluster::prepare(Options::shop(), &["us-east", "eu-west"]).await;
    let good = cluster["us-east"].config.toml();
    let path = cluster.path("region.toml");
    let cases = [
        (good.replace("shards = 4", "shards = 4\nshrads = 5"), vec!["unknown field `shrads`", "expected one of", "line 5"]),
        (good.replace("shards = 4", "shards = \"four\""), vec!["shards", "invalid type: string \"four\"", "line 4"]),
        (good.replace("shards = 4", "shards = 0"), vec!["it must be 1 to 1024"]),
        (good.replace("[store]", "[store]\nengine = \"redis\""), vec!["unknown variant `redis`", "`embedded`"]),
        (good.replace("listen", "lisen"), vec!["unknown field `lisen`"]),
        (good.replace("[store]", "[store"), vec!["line 5"]),
        (good.replace("http://", "https://"), vec!["is no peer's url", "write it like http://"]),
        (good.replace("region = \"eu-west\"", "region = \"us-east\""), vec!["`us-east` is named twice"]),
        (good.replace("listen", "secret = \"env:NOT_THERE\"\nlisten"), vec!["NOT_THERE, which is not set"]),
        (good.replace("model.toml", "none.toml"), vec!["none.toml can't be read"]),
    ];
    for (text, told) in cases {
        assert_ne!(text, good, "the case changes something");
        fs::write(&path, &text).expect("a file can be written");
        let refused = run(sterna().arg("serve").arg("--config").arg(&path)).await;
        assert_eq!(refused.code, Some(1), "{refused:?}");
        for part in told {
            assert!(refused.stderr.contains(part), "{part:?} is missing in: {}", refused.stderr);
        }
    }
    let missing = run(sterna().args(["serve", "--config", "/nowhere/region.toml"])).await;
    assert!(missing.code == Some(1) && missing.stderr.contains("/nowhere/region.toml"), "{missing:?}");
    let environment = run(sterna().env("STERNA_STORE__PAHT", "x").arg("serve").arg("--config").arg(&path)).await;
    assert!(environment.code == Some(1) && environment.stderr.contains("unknown field `paht`"), "{environment:?}");
    assert!(!cluster["us-east"].data().exists(), "nothing was created");
}

#[tokio::test]
async fn the_environment_changes_what_the_file_says() {
    let mut cluster = Cluster::prepare(Options::shop(), &["solo"]).await;
    let elsewhere = cluster.path("elsewhere");
    let mut command = cluster["solo"].serve();
    command.env("STERNA_STORE__PATH", &elsewhere).env("STERNA_SHARDS", "7");
    cluster["solo"].spawn_as(command);
    cluster["solo"].ready().await;
    assert_eq!(cluster["solo"].status().await["shards"], 7);
    assert!(elsewhere.join("store").exists() && !cluster["solo"].data().exists());
}

#[tokio::test]
async fn a_model_that_changed_without_a_new_version_is_refused_and_one_with_a_new_version_is_taken() {
    let mut cluster = Cluster::start(Options::shop(), &["solo"]).await;
    cluster["solo"].command("cart/c/add_item", serde_json::json!({ "sku": "tea", "quantity": 1 })).ok().await;
    assert!(cluster["solo"].stop().await.success());
    let model = cluster["solo"].config.model.clone();
    let changed = Options::shop().model.replace("size(state.coupons) < 3", "size(state.coupons) < 4");
    fs::write(&model, &changed).expect("a file can be written");
    let refused = cluster["solo"].serve_to_its_end().await;
    assert!(refused.code == Some(1) && refused.stderr.contains("give it the next `version`"), "{refused:?}");
    fs::write(&model, changed.replace("version = 1", "version = 2")).expect("a file can be written");
    cluster["solo"].start().await;
    assert_eq!(cluster["solo"].status().await["model"]["version"], 2);
    assert!(cluster["solo"].stop().await.success());
    fs::write(&model, Options::shop().model).expect("a file can be written");
    let older = cluster["solo"].serve_to_its_end().await;
    assert!(older.code == Some(1) && older.stderr.contains("start with version 2 or a later one"), "{older:?}");
}
