//! The stories of `examples/stories`, played with the real binary.

use crate::cli::ports_in_a_row;
use crate::documents::repository;
use std::time::Duration;
use sterna_tests::{binary_path, run_within};
use tokio::process::Command;

/// Some hundred command lines of a debug build.
const STORY_MAX: Duration = Duration::from_secs(300);

#[tokio::test]
async fn the_shop_sells_uses_and_charges_nothing_twice() {
    play("shop", "Nothing was sold, used or charged twice.").await;
}

#[tokio::test]
async fn the_ledger_makes_and_loses_no_money() {
    play("ledger", "No money was made or lost.").await;
}

#[tokio::test]
async fn the_board_is_what_both_did() {
    play("board", "The board is what both did, in both regions.").await;
}

#[tokio::test]
async fn flights_are_reported_from_both_ends() {
    play("flights", "Every report counts once, in both regions.").await;
}

/// A story ends at the first thing that is not as it says.
async fn play(name: &str, last: &str) {
    let mut story = Command::new("sh");
    story.arg(repository().join(format!("examples/stories/{name}.sh"))).kill_on_drop(true);
    story.env("STERNA", binary_path()).env("PORT", ports_in_a_row(2).to_string());
    let told = run_within(STORY_MAX, &mut story).await;
    assert_eq!(told.code, Some(0), "{}\n{}", told.stdout, told.stderr);
    assert_eq!(told.stdout.lines().last(), Some(last));
}
