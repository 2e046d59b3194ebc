//! Deletes against what is concurrent with them.

use super::track::{Act, Track};
use super::{Row, Rule};
use crate::{Action, Name, Update, Value};
use std::cmp::Ordering;

/// Adds the rows of deletes and tells of each update whether it is live: no winning delete took it away. `updates` are in order of
/// their dots.
pub(super) fn rows(updates: &[&Update], rows: &mut Vec<Row>) -> Vec<bool> {
    let winning = select(updates, |update| deletes(update, true));
    let (overruled, live): (Vec<_>, Vec<_>) = updates.iter().copied().partition(|update| winning.is_beside(update));
    for loser in overruled.into_iter().filter(|update| update.contributes()) {
        let rivals = winning.concurrent(loser).filter_map(|run| run.last());
        let winner = rivals.max_by_key(|act| act.update.order).map(|act| act.update);
        rows.extend(winner.map(|winner| row(loser, winner, Rule::DeleteWins)));
    }
    let reviving = select(&live, Update::contributes);
    for delete in live.iter().filter(|update| deletes(update, false)) {
        let revived = reviving.concurrent(delete).flatten();
        rows.extend(revived.map(|winner| row(delete, winner.update, Rule::Delete)));
    }
    updates.iter().map(|update| !winning.is_beside(update)).collect()
}

/// Whole updates, in any order.
pub(super) fn track<'a>(updates: &[&'a Update]) -> Track<'a> {
    let mut sorted = updates.to_vec();
    sorted.sort_unstable_by_key(|update| update.dot);
    select(&sorted, |_| true)
}

fn select<'a>(updates: &[&'a Update], wanted: impl Fn(&Update) -> bool) -> Track<'a> {
    let mut track = Track::default();
    for update in updates.iter().filter(|update| wanted(update)) {
        track.push(Act { update, value: &Value::Null, by: None, rule: None, live: true }, |_, _| Ordering::Equal);
    }
    track
}

pub(super) fn deletes(update: &Update, wins: bool) -> bool {
    update.ops.iter().any(|op| op.action == Action::Delete { wins })
}

fn row(loser: &Update, winner: &Update, rule: Rule) -> Row {
    let version = loser.version.max(winner.version);
    Row { field: Name::from(""), element: None, loser: loser.dot, winner: Some(winner.dot), rule, version, lost: None, won: None }
}
