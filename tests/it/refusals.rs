//! What a region answers to what it can't do.

use http::Method;
use serde_json::json;
use sterna_tests::{Cluster, Http, Options, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_command_that_does_not_fit_is_refused_with_where_and_why_and_has_no_effect() {
    let cluster = Cluster::start(Options::shop(), &["solo"]).await;
    let http = cluster["solo"].http();

    let wrong = http
        .command("cart/c/add_item", json!({ "sku": 7, "quantity": 101, "colour": "red" }))
        .send()
        .await
        .refused(400, "invalid-arguments");
    let pointers: Vec<_> =
        wrong["errors"].as_array().into_iter().flatten().map(|error| error["pointer"].as_str().unwrap_or_default().to_owned()).collect();
    for pointer in ["/sku", "/quantity", "/colour"] {
        assert!(pointers.iter().any(|found| found == pointer), "{pointer} is missing in {wrong}");
    }
    let missing = http.command("cart/c/add_item", json!({ "sku": "tea" })).send().await.refused(400, "invalid-arguments");
    assert!(missing.to_string().contains("quantity"), "{missing}");
    for text in ["{\"sku\":\"tea\",", "[1]", "", "{\"sku\":\"tea\",\"quantity\":1e400}"] {
        let request = http.request(Method::POST, "/v1/cart/c/add_item").header("content-type", "application/json").body(text);
        request.send().await.refused(400, "invalid-arguments");
    }
    let guard = http.command("cart/c/remove_item", json!({ "sku": "tea" })).send().await.refused(422, "guard-refused");
    assert_eq!((&guard["guard"], &guard["detail"]), (&json!("not-in-cart"), &json!("there is no such item in the cart")));
    http.get("/v1/cart/c").send().await.refused(404, "not-found");

    http.command("boat/c/add_item", json!({})).send().await.refused(404, "unknown-type");
    http.command("cart/c/sink", json!({})).send().await.refused(404, "unknown-command");
    http.get("/v1/boat/c").send().await.refused(404, "unknown-type");
    http.get("/v1/views/boats").send().await.refused(404, "unknown-view");
    http.get("/v1/nothing/of/that/kind").send().await.refused(404, "unknown-path");
    http.request(Method::DELETE, "/v1/cart/c").send().await.refused(405, "method-not-allowed");
}

#[tokio::test]
async fn ids_keys_and_bodies_have_bounds_and_what_is_within_them_is_taken() {
    let cluster = Cluster::start(Options::shop(), &["solo"]).await;
    let http = cluster["solo"].http();
    let add = |id: &str| http.command(&format!("cart/{id}/add_item"), json!({ "sku": "tea", "quantity": 1 }));

    add(&"i".repeat(128)).ok().await;
    add("Az0.9_~@:+-").ok().await;
    for id in [&"i".repeat(129), "with%20space", "%C3%A9", "..%2F", "%2E%2E"] {
        add(id).send().await.refused(400, "invalid-id");
    }
    add("c").key(&"k".repeat(255)).ok().await;
    for key in ["k".repeat(256), "with space".to_owned()] {
        add("c").key(&key).send().await.refused(400, "invalid-key");
    }
    let large = |bytes: usize| http.command("cart/c/leave_note", json!({ "note": "n".repeat(bytes) }));
    large(60_000).ok().await;
    large(70_000).send().await.refused(413, "arguments-too-large");
    let refused = large(1 << 20).send().await.refused(413, "body-too-large");
    assert_eq!(refused["bytes_max"], 1 << 20);
    let other = http.request(Method::POST, "/v1/cart/c/leave_note").header("content-type", "text/plain").body("{}");
    other.send().await.refused(415, "unsupported-media-type");
}

#[tokio::test]
async fn an_aggregate_that_would_grow_too_large_is_refused_and_goes_on_as_it_was() {
    let cluster = Cluster::start(Options::marks(), &["solo"]).await;
    let http = cluster["solo"].http();
    let mark = |n: usize| http.command("bag/b/mark", json!({ "mark": format!("{n}-{}", "x".repeat(50_000)) }));
    let mut taken = 0;
    let refused = loop {
        let answer = mark(taken).send().await;
        match answer.status.as_u16() {
            200 => taken += 1,
            _ => break answer,
        }
        assert!(taken < 100, "an aggregate has a bound");
    };
    refused.refused(422, "aggregate-too-large");
    assert!(taken >= 10, "up to 1 MB is taken, not only {taken} marks of 50 kB");
    let same = |bag: &serde_json::Value| bag["state"]["count"] == taken && bag["state"]["marks"].as_array().map(Vec::len) == Some(taken);
    cluster["solo"].eventually("/v1/bag/b", "as it was", same).await;
    http.command("bag/b/mark", json!({ "mark": "small" })).ok().await;
}

#[tokio::test]
async fn a_stale_version_is_told_the_current_one_and_a_retry_never_is() {
    let cluster = Cluster::start(Options::shop(), &["solo"]).await;
    let http = cluster["solo"].http();
    let note = |text: &str| http.command("cart/c/leave_note", json!({ "note": text }));
    let first = note("one").ok().await;
    let second = note("two").header("if-match", &first.etag()).key("k").ok().await;
    let stale = note("three").header("if-match", &first.etag()).send().await;
    stale.refused(412, "version-mismatch");
    assert_eq!(stale.etag(), second.etag(), "the answer has the version that would do");
    assert_eq!(note("two").header("if-match", &first.etag()).key("k").ok().await.header("idempotent-replayed"), Some("true"));
    note("three").header("if-match", &stale.etag()).ok().await;
    note("four").header("if-match", "*").send().await.refused(400, "invalid-header");
    let document = cluster["solo"].eventually("/v1/cart/c", "the third", |cart| cart["state"]["note"] == "three").await;
    let same = http.get("/v1/cart/c").header("if-none-match", &document.etag()).send().await;
    assert_eq!((same.status.as_u16(), same.body.len()), (304, 0));
}

#[tokio::test]
async fn a_command_says_whether_its_aggregate_may_be_there() {
    let cluster = Cluster::start(Options::marks(), &["solo"]).await;
    let http = cluster["solo"].http();
    let call =
        |command: &str| http.command(&format!("bag/b/{command}"), if command == "close" { json!({}) } else { json!({ "label": "x" }) });
    call("relabel").send().await.refused(404, "not-found");
    call("open").ok().await;
    call("open").send().await.refused(409, "already-exists");
    call("relabel").ok().await;
    call("close").ok().await;
    call("relabel").send().await.refused(410, "deleted");
    eventually("the document is gone", async || {
        let answer = http.get("/v1/bag/b").try_send().await?;
        if answer.status == 410 { Ok(answer.refused(410, "deleted")) } else { Err(answer.text()) }
    })
    .await;
}

#[tokio::test]
async fn a_bulk_answers_line_by_line_and_a_line_that_is_cut_has_no_effect() {
    let cluster = Cluster::start(Options::shop(), &["solo"]).await;
    let http = cluster["solo"].http();
    let line = |n: usize, command: &str, args| {
        json!({ "type": "cart", "id": "c", "command": command, "args": args, "key": format!("k{n}") }).to_string()
    };
    let tea = |n: usize| line(n, "add_item", json!({ "sku": "tea", "quantity": 1 }));
    let body = [
        tea(1),
        line(2, "remove_item", json!({ "sku": "mug" })),
        "not json".to_owned(),
        json!({ "type": "cart", "id": "c", "command": "add_item", "args": { "sku": "tea", "quantity": 1 } }).to_string(),
        line(5, "add_item", json!({ "sku": "tea", "quantity": 0 })),
        tea(1),
        line(1, "add_item", json!({ "sku": "tea", "quantity": 9 })),
        line(8, "remove_item", json!({ "sku": "tea" })),
        tea(9),
        tea(10)[..60].to_owned(),
    ]
    .join("\n");
    let answers = http.bulk(body).ok().await.json_lines();
    let told: Vec<(u64, u64, String)> = answers[..10]
        .iter()
        .map(|a| (a["line"].as_u64().unwrap_or(0), a["status"].as_u64().unwrap_or(0), a["body"]["code"].as_str().unwrap_or("").to_owned()))
        .collect();
    let expected = [
        (200, ""),
        (422, "guard-refused"),
        (400, "invalid-line"),
        (400, "key-required"),
        (400, "invalid-arguments"),
        (200, ""),
        (422, "key-reused"),
        (200, ""),
        (200, ""),
        (400, "cut-line"),
    ];
    let expected: Vec<(u64, u64, String)> = (1..).zip(expected).map(|(line, (status, code))| (line, status, code.to_owned())).collect();
    assert_eq!(told, expected, "{answers:?}");
    assert_eq!(answers[5]["replayed"], true);
    let done = &answers[10];
    assert_eq!((&done["done"], &done["accepted"], &done["refused"]), (&json!(true), &json!(4), &json!(6)));
    let token = done["token"].as_str().expect("the last line has a token");
    let cart = http.get("/v1/cart/c").token(token).ok().await.json();
    assert_eq!(cart["state"]["items"], json!({ "tea": 1 }), "lines for one aggregate take effect in order");
}

#[tokio::test]
async fn a_bulk_whose_connection_breaks_does_its_whole_lines_and_not_the_cut_one() {
    let cluster = Cluster::start(Options::marks(), &["solo"]).await;
    let line = |n: usize| {
        json!({ "type": "bag", "id": "b", "command": "mark", "args": { "mark": format!("m{n}") }, "key": format!("k{n}") }).to_string()
            + "\n"
    };
    let sent: String = (0..20).map(line).collect::<String>() + &line(20)[..50];
    let head = format!(
        "POST /v1/commands HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\ncontent-length: {}\r\n\r\n",
        sent.len() + 500
    );
    let mut socket = sterna_env::Env::real().connect(&format!("127.0.0.1:{}", cluster["solo"].config.port)).await.expect("it listens");
    socket.write_all(head.as_bytes()).await.expect("it reads");
    socket.write_all(sent.as_bytes()).await.expect("it reads");
    // Its answers to whole lines come before the rest of the body does.
    let mut heard = String::new();
    let mut piece = [0; 4096];
    while !heard.contains("\"line\":20,") {
        let length = socket.read(&mut piece).await.expect("it answers");
        assert!(length > 0, "it closed: {heard}");
        heard.push_str(&String::from_utf8_lossy(&piece[..length]));
    }
    drop(socket);
    cluster["solo"].eventually("/v1/bag/b", "the whole lines", |bag| bag["state"]["count"] == 20).await;
    // Once more, whole: the cut line's key is still free.
    let done = cluster["solo"].http().bulk((0..=20).map(line).collect::<String>()).ok().await.json_lines();
    assert_eq!(done.iter().filter(|answer| answer["replayed"] == true).count(), 20);
    cluster["solo"].eventually("/v1/bag/b", "the cut line once", |bag| bag["state"]["count"] == 21).await;
}

#[tokio::test]
async fn views_say_what_they_can_be_asked() {
    let cluster = Cluster::start(Options::shop(), &["solo"]).await;
    let http = cluster["solo"].http();
    http.get("/v1/views/carts_by_size?colour=red").send().await.refused(400, "unknown-column");
    http.get("/v1/views/carts_by_size?note=x").send().await.refused(400, "not-indexed");
    http.get("/v1/views/carts_by_size?limit=0").send().await.refused(400, "invalid-limit");
    http.get("/v1/views/carts_by_size?limit=1001").send().await.refused(400, "invalid-limit");
    http.get("/v1/views/carts_by_size?after=garbage").send().await.refused(400, "invalid-cursor");
}

#[tokio::test]
async fn every_problem_has_a_page_and_the_probes_and_figures_answer() {
    let cluster = Cluster::start(Options::shop(), &["solo"]).await;
    let http: Http = cluster["solo"].http();
    let problem = http.get("/v1/boat/c").send().await.problem();
    let page = http.get(problem["type"].as_str().expect("a problem has a type")).ok().await;
    assert!(page.text().contains("unknown-type"), "{}", page.text());
    http.get("/healthz").ok().await;
    let openapi = http.get("/openapi.json").ok().await.json();
    let paths: Vec<&String> = openapi["paths"].as_object().into_iter().flatten().map(|(path, _)| path).collect();
    assert!(paths.iter().any(|path| path.ends_with("/add_item")), "the model's commands are described: {paths:?}");
    http.command("cart/c/add_item", json!({ "sku": "tea", "quantity": 1 })).ok().await;
    let metrics = http.get("/metrics").ok().await.text();
    assert!(metrics.lines().filter(|line| line.starts_with("sterna_")).count() > 20, "{metrics}");
}
