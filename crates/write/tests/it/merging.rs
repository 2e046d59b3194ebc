//! Several regions.

use crate::cluster::{TestRegion, converge, regions};
use serde_json::json;
use sterna_log::{LogId, Position, ShardId};
use sterna_write::MergeError;

async fn assert_equal(regions: &[TestRegion], ids: &[&str]) {
    for id in ids {
        let first = regions[0].state(id).await;
        for region in &regions[1..] {
            assert_eq!(region.state(id).await, first, "{id}");
        }
    }
    let first = regions[0].ledger().await;
    for region in &regions[1..] {
        assert_eq!(region.ledger().await, first);
    }
}

#[tokio::test]
async fn concurrent_adds_add_up_and_a_removal_takes_what_it_saw() {
    let three = regions(&["a", "b", "c"]).await;
    three[0].run("c-1", "add_item", r#"{"sku":"tea","quantity":10}"#, None).await.expect("it is valid");
    converge(&three).await;
    three[0].run("c-1", "remove_item", r#"{"sku":"tea"}"#, None).await.expect("it is there");
    three[1].run("c-1", "add_item", r#"{"sku":"tea","quantity":3}"#, None).await.expect("it is valid");
    three[2].run("c-1", "add_item", r#"{"sku":"pot","quantity":1}"#, None).await.expect("it is valid");
    converge(&three).await;
    assert_equal(&three, &["c-1"]).await;
    assert_eq!(three[2].state("c-1").await["state"]["items"], json!({"pot": 1, "tea": 3}));
}

#[tokio::test]
async fn two_notes_at_once_leave_one_and_a_ledger_row_everywhere() {
    let three = regions(&["a", "b", "c"]).await;
    three[0].run("c-1", "annotate", r#"{"note":"left"}"#, None).await.expect("it is valid");
    three[1].run("c-1", "annotate", r#"{"note":"right"}"#, None).await.expect("it is valid");
    converge(&three).await;
    assert_equal(&three, &["c-1"]).await;
    let ledger = three[0].ledger().await;
    assert_eq!(ledger.len(), 1, "{ledger:?}");
    assert_eq!((&ledger[0]["rule"], &ledger[0]["field"]), (&json!("latest"), &json!("note")));
    // Touched once more, in every region alike, the row is final and the tail empty.
    three[0].run("c-1", "annotate", r#"{"note":"decided"}"#, None).await.expect("it is valid");
    converge(&three).await;
    three[2].run("c-1", "annotate", r#"{"note":"again"}"#, None).await.expect("it is valid");
    converge(&three).await;
    assert_eq!(three[0].ledger().await.len(), 1);
}

#[tokio::test]
async fn keep_keeps_all_values_until_somebody_decides() {
    let pair = regions(&["a", "b"]).await;
    pair[0].run("c-1", "ship_to", r#"{"address":"Kiel"}"#, None).await.expect("it is valid");
    pair[1].run("c-1", "ship_to", r#"{"address":"Lima"}"#, None).await.expect("it is valid");
    converge(&pair).await;
    assert_equal(&pair, &["c-1"]).await;
    let state = pair[0].state("c-1").await;
    assert_eq!(state["conflicts"]["address"].as_array().map(Vec::len), Some(2), "{state}");
    let undecided = pair[0].run("c-1", "ship_to", r#"{"address":"Oslo"}"#, None).await;
    let Err(sterna_write::Refused::PreconditionRequired { current, .. }) = undecided else { panic!("{undecided:?}") };
    let decided =
        sterna_write::Command { if_match: Some(current), ..crate::cluster::command("c-1", "ship_to", r#"{"address":"Oslo"}"#, None) };
    pair[0].writer.execute(decided).await.expect("it names what it saw");
    converge(&pair).await;
    let state = pair[1].state("c-1").await;
    assert_eq!((&state["state"]["address"], &state["conflicts"]), (&json!("Oslo"), &json!({})));
}

#[tokio::test]
async fn keep_keeps_all_values_of_each_key_of_a_map() {
    let pair = regions(&["a", "b"]).await;
    let give = |sku: &str, to: &str| json!({ "sku": sku, "to": to }).to_string();
    pair[0].run("c-1", "give", &give("tea", "Ann"), None).await.expect("it is valid");
    pair[1].run("c-1", "give", &give("tea", "Ben"), None).await.expect("it is valid");
    pair[1].run("c-1", "give", &give("mug", "Ben"), None).await.expect("it is valid");
    converge(&pair).await;
    assert_equal(&pair, &["c-1"]).await;
    let conflicts = pair[0].state("c-1").await["conflicts"]["gifts"].clone();
    let values = |key: &str| -> Vec<_> { conflicts[key].as_array().into_iter().flatten().map(|held| held["value"].clone()).collect() };
    assert_eq!((values("tea").len(), conflicts.as_object().map(serde_json::Map::len)), (2, Some(1)), "{conflicts}");
    pair[0].run("c-1", "give", &give("mug", "Cid"), None).await.expect("another key has one value");
    let undecided = pair[0].run("c-1", "give", &give("tea", "Cid"), None).await;
    let Err(sterna_write::Refused::PreconditionRequired { current, field }) = undecided else { panic!("{undecided:?}") };
    assert_eq!(&*field, "gifts");
    let decided = crate::cluster::command("c-1", "give", &give("tea", "Cid"), None);
    let decided = sterna_write::Command { if_match: Some(current), ..decided };
    pair[0].writer.execute(decided).await.expect("it names what it saw");
    converge(&pair).await;
    let state = pair[1].state("c-1").await;
    assert_eq!((&state["state"]["gifts"], &state["conflicts"]), (&json!({ "mug": "Cid", "tea": "Cid" }), &json!({})));
}

#[tokio::test]
async fn an_entry_waits_for_what_it_depends_on() {
    let three = regions(&["a", "b", "c"]).await;
    three[0].run("c-1", "add_item", r#"{"sku":"tea","quantity":1}"#, None).await.expect("it is valid");
    three[1].pull(&three[0], three[0].me()).await;
    three[1].run("c-1", "remove_item", r#"{"sku":"tea"}"#, None).await.expect("it has arrived");
    three[2].pull(&three[1], three[1].me()).await;
    assert_eq!(three[2].state("c-1").await, json!(null), "copied, and not applied");
    // Any region serves any log.
    three[2].pull(&three[1], three[0].me()).await;
    converge(&three).await;
    assert_equal(&three, &["c-1"]).await;
    assert_eq!(three[2].state("c-1").await["state"]["items"], json!({}));
}

#[tokio::test]
async fn frames_twice_and_frames_with_holes_change_nothing() {
    let pair = regions(&["a", "b"]).await;
    for n in 0..3 {
        pair[0].run("c-1", "add_item", r#"{"sku":"tea","quantity":1}"#, Some(&format!("k{n}"))).await.expect("it is valid");
    }
    let shard = sterna_log::shard_of("cart", "c-1", 4);
    let log = LogId { origin: pair[0].me(), shard };
    let whole = pair[0].frame(log, Position::ZERO).await;
    let mut cut = whole.clone();
    cut.after = cut.entries.remove(0).position;
    assert!(matches!(pair[1].writer.merge(cut).await, Err(MergeError::Hole { copied: Position::ZERO })));
    for _ in 0..3 {
        pair[1].writer.merge(whole.clone()).await.expect("it begins where the copy ends");
    }
    assert_eq!(pair[1].state("c-1").await["state"]["items"], json!({"tea": 3}));
    let mut damaged = whole.clone();
    damaged.after = whole.end();
    damaged.entries.iter_mut().for_each(|e| e.position.epoch += 1);
    damaged.entries[0].bytes = vec![1, 2, 3].into();
    assert!(matches!(pair[1].writer.merge(damaged).await, Err(MergeError::Damaged(_))));
    let replay = pair[1].run("c-1", "add_item", r#"{"sku":"tea","quantity":1}"#, Some("k1")).await.expect("it is known here too");
    assert!(replay.replayed);
}

#[tokio::test]
async fn the_tail_is_empty_once_everybody_has_everything() {
    let three = regions(&["a", "b", "c"]).await;
    for round in 0..40 {
        for (at, region) in three.iter().enumerate() {
            region.run("c-1", "annotate", &format!(r#"{{"note":"{round}-{at}"}}"#), None).await.expect("it is valid");
        }
        if round % 3 == 0 {
            converge(&three).await;
        }
    }
    converge(&three).await;
    three[1].run("c-1", "annotate", r#"{"note":"last"}"#, None).await.expect("it is valid");
    converge(&three).await;
    converge(&three).await;
    three[1].run("c-1", "annotate", r#"{"note":"touch"}"#, None).await.expect("it is valid");
    assert_equal(&three[..1], &["c-1"]).await;
    assert_eq!(three[1].open("c-1").await, 1, "only the command that was just made is open");
    assert!((0..4).map(ShardId).all(|shard| three[1].writer.region().board.known(shard, three[0].me()).0.len() <= 3));
}

#[tokio::test]
async fn quiet_times_close_tails_and_make_rows_final() {
    let three = regions(&["a", "b", "c"]).await;
    three[0].run("c-1", "annotate", r#"{"note":"left"}"#, None).await.expect("it is valid");
    three[1].run("c-1", "annotate", r#"{"note":"right"}"#, None).await.expect("it is valid");
    three[2].run("c-1", "add_item", r#"{"sku":"tea","quantity":1}"#, None).await.expect("it is valid");
    converge(&three).await;
    for region in &three {
        let quiet = async {
            while region.ledger().await.iter().any(|row| row["final"] != json!(true)) || region.open("c-1").await > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), quiet).await.expect("nobody touches it, and everybody has it");
    }
    assert_equal(&three, &["c-1"]).await;
    assert_eq!(three[0].ledger().await.len(), 1);
}
