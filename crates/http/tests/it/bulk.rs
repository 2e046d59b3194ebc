//! `POST /v1/commands`.

use crate::region::{TestRegion, line};
use axum::body::Body;
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use std::time::Duration;
use sterna_http::Limits;
use sterna_log::AggregateId;
use sterna_write::Command;

pub fn command(id: &str, name: &str, args: &str) -> Command {
    Command {
        aggregate: AggregateId { kind: "cart".into(), id: id.into() },
        name: name.into(),
        args: args.to_owned().into(),
        key: None,
        if_match: None,
        token: None,
        wait: Duration::ZERO,
        actor: "".into(),
        trace: "".into(),
        represent: true,
        cause: None,
    }
}

async fn items(region: &TestRegion, id: &str) -> Value {
    let accepted = region.services.writer.execute(command(id, "annotate", r#"{"note":"look"}"#)).await.expect("it is accepted");
    let document: Value = serde_json::from_str(&accepted.document.expect("asked for")).expect("JSON");
    document["state"]["items"].clone()
}

#[track_caller]
fn done(answers: &[Value], accepted: u64, refused: u64) {
    let done = answers.last().expect("there is a last answer");
    assert_eq!((&done["done"], &done["accepted"], &done["refused"]), (&json!(true), &json!(accepted), &json!(refused)), "{answers:?}");
    assert!(done["token"].is_string());
}

#[tokio::test]
async fn answers_come_in_the_order_of_the_lines_and_the_last_one_counts() {
    let region = TestRegion::start().await;
    let text: String = (1..=500).map(|n| line(&format!("c-{}", n % 7), "tea", 1, &format!("k-{n}"))).collect();
    let answers = region.bulk(text).await;
    assert_eq!(answers.len(), 501);
    for (at, answer) in answers[..500].iter().enumerate() {
        assert_eq!((&answer["line"], &answer["status"]), (&json!(at + 1), &json!(200)));
        assert_eq!(answer["body"]["id"], json!(format!("c-{}", (at + 1) % 7)));
    }
    done(&answers, 500, 0);
    assert_eq!(items(&region, "c-1").await, json!({ "tea": 72 }));
}

#[tokio::test]
async fn lines_for_one_aggregate_take_effect_in_order() {
    let region = TestRegion::start().await;
    let annotate =
        |n: usize| format!("{{\"type\":\"cart\",\"id\":\"c\",\"command\":\"annotate\",\"args\":{{\"note\":\"{n}\"}},\"key\":\"k{n}\"}}\n");
    let text: String = (0..2_000).map(annotate).collect();
    done(&region.bulk(text).await, 2_000, 0);
    let accepted = region.services.writer.execute(command("c", "add_item", r#"{"sku":"x","quantity":1}"#)).await.expect("accepted");
    assert!(accepted.document.expect("asked for").contains("\"note\":\"1999\""));
}

#[tokio::test]
async fn each_line_is_judged_by_itself() {
    let region = TestRegion::start().await;
    let ok = line("c", "tea", 1, "k-1");
    let text = [
        ok.as_str(),
        "not json\n",
        "{\"type\":\"cart\",\"id\":\"c\",\"command\":\"open\"}\n",
        "\n",
        &line("c", "tea", 0, "k-2"),
        "{\"type\":\"cat\",\"id\":\"c\",\"command\":\"open\",\"key\":\"k\"}\n",
        "{\"type\":\"cart\",\"id\":\"c\",\"command\":\"open\",\"key\":\"k-3\"}\n",
        "{\"type\":\"cart\",\"id\":\"c\",\"command\":\"annotate\",\"args\":{\"note\":\"\\u0041\"},\"key\":\"k\\u002d4\",\"if_match\":\"\\\"0000000000000000\\\"\"}\n",
        "{\"type\":\"cart\",\"id\":\"c\",\"command\":\"open\",\"key\":\"k\",\"extra\":1}\n",
        &ok,
    ]
    .concat();
    let answers = region.bulk(text).await;
    let said: Vec<_> =
        answers[..answers.len() - 1].iter().map(|a| (a["line"].as_u64(), a["status"].as_u64(), a["body"]["code"].as_str())).collect();
    let expected = [
        (1, 200, None),
        (2, 400, Some("invalid-line")),
        (3, 400, Some("key-required")),
        (5, 400, Some("invalid-arguments")),
        (6, 404, Some("unknown-type")),
        (7, 409, Some("already-exists")),
        (8, 412, Some("version-mismatch")),
        (9, 400, Some("invalid-line")),
        (10, 200, None),
    ];
    assert_eq!(said, expected.map(|(line, status, code)| (Some(line), Some(status), code)));
    assert_eq!(answers[8]["replayed"], json!(true));
    done(&answers, 2, 7);
}

#[tokio::test]
async fn a_cut_last_line_has_no_effect_wherever_it_is_cut() {
    let region = TestRegion::start().await;
    let whole = line("cut", "tea", 1, "k-cut");
    let whole = whole.trim_end();
    for at in 1..whole.len() {
        let answers = region.bulk(format!("{}{}", line("other", "tea", 1, &format!("k-{at}")), &whole[..at])).await;
        assert_eq!(
            (&answers[1]["line"], &answers[1]["status"], &answers[1]["body"]["code"]),
            (&json!(2), &json!(400), &json!("cut-line")),
            "cut at {at}"
        );
        done(&answers, 1, 1);
    }
    assert_eq!(items(&region, "cut").await, json!({}), "nothing had an effect");
    done(&region.bulk(whole.to_owned()).await, 1, 0);
    assert_eq!(items(&region, "cut").await, json!({ "tea": 1 }), "a whole last line needs no line end");
}

#[tokio::test]
async fn a_body_that_breaks_off_has_no_last_answer() {
    let region = TestRegion::start().await;
    let whole = line("c", "tea", 1, "k-2");
    let frames = [Ok(Bytes::from(line("c", "tea", 1, "k-1") + whole.trim_end())), Err(std::io::Error::other("gone"))];
    let answers = region.bulk(Body::from_stream(futures::stream::iter(frames))).await;
    assert_eq!((answers.len(), &answers[1]["body"]["code"]), (2, &json!("cut-line")));
    assert_eq!(items(&region, "c").await, json!({ "tea": 1 }), "also a line that looks whole had no effect");
}

#[tokio::test]
async fn a_line_that_is_too_long_is_refused_and_the_next_is_taken() {
    let region = TestRegion::with(Limits { line_bytes_max: 200, ..Limits::default() }).await;
    let text = line(&"x".repeat(300), "tea", 1, "k-1") + &line("c", "tea", 1, "k-2");
    let frames = text.as_bytes().chunks(64).map(|frame| Ok::<_, std::io::Error>(Bytes::copy_from_slice(frame))).collect::<Vec<_>>();
    let answers = region.bulk(Body::from_stream(futures::stream::iter(frames))).await;
    assert_eq!(
        (&answers[0]["status"], &answers[0]["body"]["code"], &answers[1]["status"]),
        (&json!(413), &json!("line-too-large"), &json!(200))
    );
    done(&answers, 1, 1);
}

#[tokio::test]
async fn views_that_do_not_move_stop_no_commands() {
    let wait = Duration::from_millis(50);
    let region = TestRegion::with(Limits { bulk_views_behind_max: 0, bulk_views_wait: wait, ..Limits::default() }).await;
    let text: String = (0..100).map(|n| line("c", "tea", 1, &format!("k-{n}"))).collect();
    done(&region.bulk(text).await, 100, 0);
}

#[tokio::test]
async fn a_region_stops_also_while_a_bulk_request_waits_for_its_views() {
    let wait = Duration::from_secs(3_600);
    let region = TestRegion::with(Limits { bulk_views_behind_max: 0, bulk_views_wait: wait, ..Limits::default() }).await;
    let request = Request::post("/v1/commands").body(Body::from(line("c", "tea", 1, "k"))).expect("a request");
    let response = tower::ServiceExt::oneshot(region.router.clone(), request).await.expect("a router always answers");
    assert_eq!(response.status(), 200);
    tokio::time::timeout(Duration::from_secs(20), region.stop()).await.expect("it stops");
    let body = http_body_util::BodyExt::collect(response.into_body()).await.expect("it ends").to_bytes();
    assert!(body.is_empty(), "the line had no effect, and no last answer hides it: {body:?}");
}

#[tokio::test]
async fn an_empty_body_is_done_at_once() {
    let region = TestRegion::start().await;
    done(&region.bulk("").await, 0, 0);
    done(&region.bulk("\n \r\n").await, 0, 0);
}

#[tokio::test]
async fn the_last_answers_token_covers_every_line() {
    let region = TestRegion::start().await;
    let text: String = (0..64).map(|n| line(&format!("c-{n}"), "tea", 1, "k")).collect();
    let answers = region.bulk(text).await;
    let token = answers.last().and_then(|done| done["token"].as_str()).expect("a token").to_owned();
    for n in 0..64 {
        let request = Request::get(format!("/v1/cart/c-{n}")).header("sterna-token", &token).body(Body::empty()).expect("a request");
        assert_eq!(region.ask(request).await.status, 200, "c-{n}");
    }
}

#[tokio::test]
async fn a_token_that_is_ahead_holds_up_a_bulk_request_once() {
    let region = TestRegion::start().await;
    let future = sterna_log::Position::seal(u64::MAX / 2, 1);
    let mut token = sterna_log::Token::default();
    (0..4).for_each(|shard| token.raise(sterna_log::LogId { origin: sterna_crdt::RegionId(0), shard: sterna_log::ShardId(shard) }, future));
    let token = token.encode(&sterna_log::TokenKey::derive(crate::region::SECRET));
    let text: String = (0..300).map(|n| line(&format!("c-{n}"), "tea", 1, "k")).collect();
    let request =
        Request::post("/v1/commands").header("sterna-token", token).header("prefer", "wait=0.3").body(Body::from(text)).expect("a request");
    let began = std::time::Instant::now();
    let answer = region.ask(request).await;
    assert_eq!(answer.text().matches("behind-token").count() / 2, 300, "each names it as code and as type");
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_bulk_request_must_say_that_it_is_one() {
    let region = TestRegion::start().await;
    region.post("/v1/commands", "{}").await.problem(415, "unsupported-media-type");
    let limited = TestRegion::with(Limits { bulks_max: 0, ..Limits::default() }).await;
    let request = Request::post("/v1/commands").body(Body::empty()).expect("a request");
    limited.ask(request).await.problem(429, "overloaded");
}

#[tokio::test]
async fn more_lines_than_may_be_in_flight_are_taken_one_after_the_other() {
    let region =
        TestRegion::with(Limits { bulk_in_flight_max: 2, bulk_unread_chunks_max: 1, bulk_chunk_bytes: 64, ..Limits::default() }).await;
    let text: String = (0..10_000).map(|n| line("c", "tea", 1, &format!("k-{n}"))).collect();
    done(&region.bulk(text).await, 10_000, 0);
    assert_eq!(items(&region, "c").await, json!({ "tea": 10_000 }));
}
