//! The order in which a command is checked, and the bound of a counter.

use serde_json::json;
use sterna_tests::{Cluster, Options};

const MODEL: &str = r#"
version = 1

[aggregate.safe.fields]
coins = { counter = { min = 0 } }
open  = "flag"

[aggregate.safe.commands.fill]
on      = "absent"
args    = { coins = { int = { min = 1 } } }
effects = [{ add = "args.coins", to = "coins" }, { set = "true", to = "open" }]

[aggregate.safe.commands.lock]
on      = "present"
effects = [{ set = "false", to = "open" }]

[aggregate.safe.commands.take]
on      = "present"
args    = { coins = { int = { min = 1 } } }
require = [
    { that = "state.open", code = "locked", else = "the safe is locked" },
    { that = "args.coins < 100", code = "too-heavy", else = "nobody carries so much" },
]
effects = [{ add = "-args.coins", to = "coins" }]
"#;

#[tokio::test]
async fn a_command_is_checked_in_the_order_that_is_promised() {
    let cluster = Cluster::start(Options { model: MODEL.to_owned(), shards: 4 }, &["solo"]).await;
    let call = |command: &str, args| cluster["solo"].command(&format!("safe/s/{command}"), args);
    let stale = "\"0000000000000000\"";

    let absent = call("take", json!({ "coins": 1000 })).header("if-match", stale).send().await;
    absent.refused(412, "version-mismatch");
    call("take", json!({ "coins": 1000 })).send().await.refused(404, "not-found");
    let filled = call("fill", json!({ "coins": 5 })).key("k").ok().await;
    // Arguments come before the key, the key before If-Match and `on`.
    call("fill", json!({ "coins": 0 })).key("k").header("if-match", stale).send().await.refused(400, "invalid-arguments");
    call("fill", json!({ "coins": 6 })).key("k").header("if-match", stale).send().await.refused(422, "key-reused");
    let replayed = call("fill", json!({ "coins": 5 })).key("k").header("if-match", stale).ok().await;
    assert_eq!((replayed.header("idempotent-replayed"), replayed.json()), (Some("true"), filled.json()));
    // If-Match comes before `on`.
    call("fill", json!({ "coins": 5 })).header("if-match", stale).send().await.refused(412, "version-mismatch");
    call("fill", json!({ "coins": 5 })).send().await.refused(409, "already-exists");
    // The first guard that is false answers, and guards come before bounds.
    call("lock", json!({})).ok().await;
    assert_eq!(call("take", json!({ "coins": 1000 })).send().await.refused(422, "guard-refused")["guard"], "locked");
    cluster["solo"].eventually("/v1/safe/s", "as it was", |safe| safe["state"] == json!({ "coins": 5, "open": false })).await;
}

#[tokio::test]
async fn a_bound_that_is_reached_refuses_with_what_is_available() {
    let cluster = Cluster::start(Options { model: MODEL.to_owned(), shards: 4 }, &["solo"]).await;
    let take = |coins: i64| cluster["solo"].command("safe/s/take", json!({ "coins": coins }));
    cluster["solo"].command("safe/s/fill", json!({ "coins": 5 })).ok().await;
    take(100).send().await.refused(422, "guard-refused");
    let refused = take(6).key("k").send().await.refused(409, "bound-reached");
    assert_eq!((&refused["field"], &refused["available"]), (&json!("coins"), &json!({ "solo": 5 })), "{refused}");
    take(5).key("k").ok().await;
    take(1).send().await.refused(409, "bound-reached");
    cluster["solo"].eventually("/v1/safe/s", "never below zero", |safe| safe["state"]["coins"] == 0).await;
}
