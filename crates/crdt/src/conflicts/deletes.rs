//! Deletes against what is concurrent with them.

use super::track::{Act, Track};
use super::{Row, Rule};
use crate::{Action, Name, Update, Value};
use std::cmp::Ordering;

/// Adds the rows of deletes and returns the updates that no winning delete took away. `updates` are in order of their dots.
pub(super) fn rows<'a>(updates: &[&'a Update], rows: &mut Vec<Row>) -> Vec<&'a Update> {
    let winning = track(updates.iter().copied().filter(|update| deletes(update, true)));
    let (live, overruled): (Vec<_>, Vec<_>) = updates.iter().copied().partition(|update| winning.concurrent(update).all(<[_]>::is_empty));
    for loser in overruled.into_iter().filter(|update| is_more_than_delete(update)) {
        let rivals = winning.concurrent(loser).filter_map(|run| run.last());
        let winner = rivals.max_by_key(|act| act.update.order).map(|act| act.update);
        rows.extend(winner.map(|winner| row(loser, winner, Rule::DeleteWins)));
    }
    let reviving = track(live.iter().copied().filter(|update| is_more_than_delete(update)));
    for delete in live.iter().filter(|update| deletes(update, false)) {
        let revived = reviving.concurrent(delete).flatten();
        rows.extend(revived.map(|winner| row(delete, winner.update, Rule::Delete)));
    }
    live
}

fn track<'a>(updates: impl Iterator<Item = &'a Update>) -> Track<'a> {
    let mut track = Track::default();
    updates.for_each(|update| track.push(Act { update, value: &Value::Null, by: None }, |_, _| Ordering::Equal));
    track
}

fn deletes(update: &Update, wins: bool) -> bool {
    update.ops.iter().any(|op| op.action == Action::Delete { wins })
}

fn is_more_than_delete(update: &Update) -> bool {
    update.ops.is_empty() || update.ops.iter().any(|op| !op.action.is_delete())
}

fn row(loser: &Update, winner: &Update, rule: Rule) -> Row {
    Row { field: Name::from(""), element: None, loser: loser.dot, winner: Some(winner.dot), rule, lost: None, won: None }
}
