//! Sets against sets, and removals against contributions, in each field, entry and element.

use super::track::{Act, Track};
use super::{Row, Rule};
use crate::{Action, FieldKind, Name, Op, Policy, Schema, Update, Value};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// A field or a map's entry, and in a set one element.
type Place<'a> = (&'a Name, Option<&'a Value>, Option<&'a Value>);

/// What contributed to a place, and what removed from it.
#[derive(Default)]
struct Meeting<'a> {
    contributions: Track<'a>,
    removals: Vec<&'a Update>,
}

#[derive(Default)]
struct Cells<'a> {
    registers: BTreeMap<Place<'a>, (Policy, Rule, Track<'a>)>,
    elements: BTreeMap<Place<'a>, Meeting<'a>>,
    entries: BTreeMap<Place<'a>, Meeting<'a>>,
}

/// Adds the rows of `updates`, which are in order of their dots.
pub(super) fn rows(updates: &[&Update], live: &[bool], schema: &dyn Schema, rows: &mut Vec<Row>) {
    let added: Vec<Vec<Cow<'_, Value>>> = updates.iter().map(|update| update.ops.iter().map(contributed).collect()).collect();
    let mut cells = Cells::default();
    for ((update, live), values) in updates.iter().zip(live).zip(&added) {
        for (op, value) in update.ops.iter().zip(values) {
            if let Some(kind) = schema.kind(&op.field).filter(|_| !op.action.is_delete()) {
                let by = if let Action::Set { by, .. } = &op.action { by.as_ref() } else { None };
                cells.add(Act { update, value, by, live: *live }, op, kind);
            }
        }
    }
    for (place, (policy, rule, track)) in &cells.registers {
        let lattice = policy.is_lattice() && *rule != Rule::TrueWins;
        for loser in track.live() {
            let winner = track.beaten_by(loser, policy, lattice).filter(|winner| winner.value != loser.value);
            rows.extend(winner.map(|winner| row(place, loser.update, Some(loser.value), winner, *rule)));
        }
    }
    for (place, meeting) in cells.elements.iter().chain(&cells.entries) {
        for removal in &meeting.removals {
            let kept = meeting.contributions.concurrent(removal).flatten().filter(|act| act.live);
            rows.extend(kept.map(|winner| row(place, removal, None, winner, Rule::AddWins)));
        }
    }
}

impl<'a> Cells<'a> {
    fn add(&mut self, act: Act<'a>, op: &'a Op, kind: &FieldKind) {
        let place = (&op.field, op.key.as_ref(), None);
        let leaf = match kind {
            FieldKind::Map(inner) => {
                let entry = self.entries.entry(place).or_default();
                if op.action == Action::RemoveKey {
                    entry.removals.extend(act.live.then_some(act.update));
                } else if !kind.withdraws(&op.action) {
                    entry.contributions.push(act, |_, _| Ordering::Less);
                }
                &**inner
            }
            leaf => leaf,
        };
        match (leaf, &op.action) {
            (FieldKind::Register(policy), Action::Set { .. }) => self.set(place, act, policy, Rule::from(policy)),
            (FieldKind::Flag, Action::Set { .. }) => self.set(place, act, &Policy::Max, Rule::TrueWins),
            (FieldKind::Set, Action::Insert(element)) => {
                let meeting = self.elements.entry((place.0, place.1, Some(element))).or_default();
                meeting.contributions.push(act, |_, _| Ordering::Less);
            }
            (FieldKind::Set, Action::Remove(element)) => {
                self.elements.entry((place.0, place.1, Some(element))).or_default().removals.extend(act.live.then_some(act.update));
            }
            _ => {}
        }
    }

    fn set(&mut self, place: Place<'a>, act: Act<'a>, policy: &Policy, rule: Rule) {
        let (_, _, track) = self.registers.entry(place).or_insert_with(|| (policy.clone(), rule, Track::default()));
        track.push(act, |new, old| match policy {
            Policy::Max | Policy::Min => policy.compare(&new.candidate(), &old.candidate()),
            _ => Ordering::Greater,
        });
    }
}

impl From<&Policy> for Rule {
    fn from(policy: &Policy) -> Self {
        match policy {
            Policy::Latest => Self::Latest,
            Policy::Keep => Self::Keep,
            Policy::Max => Self::Max,
            Policy::Min => Self::Min,
            Policy::Prefer(_) => Self::Prefer,
            Policy::MaxBy => Self::MaxBy,
            Policy::MinBy => Self::MinBy,
        }
    }
}

fn contributed(op: &Op) -> Cow<'_, Value> {
    match &op.action {
        Action::Set { value, .. } | Action::Insert(value) => Cow::Borrowed(value),
        Action::Add(delta) => Cow::Owned(Value::Int(*delta)),
        _ => Cow::Owned(Value::Null),
    }
}

fn row(place: &Place<'_>, loser: &Update, lost: Option<&Value>, winner: &Act<'_>, rule: Rule) -> Row {
    let element = match (place.1, place.2) {
        (Some(key), Some(element)) => Some(Value::List(vec![key.clone(), element.clone()])),
        (key, element) => key.or(element).cloned(),
    };
    let won = Some(winner.value.clone());
    Row { field: place.0.clone(), element, loser: loser.dot, winner: Some(winner.update.dot), rule, lost: lost.cloned(), won }
}
