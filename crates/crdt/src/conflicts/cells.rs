//! Sets against sets, and removals against contributions, in each field, entry and element.

use super::track::{Act, Decider, Track};
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

/// Who set a register or a flag.
struct Sets<'a> {
    decider: Decider<'a>,
    track: Track<'a>,
}

#[derive(Default)]
struct Cells<'a> {
    registers: BTreeMap<Place<'a>, Sets<'a>>,
    elements: BTreeMap<Place<'a>, Meeting<'a>>,
    entries: BTreeMap<Place<'a>, Meeting<'a>>,
    /// They remove what they saw of the whole aggregate.
    deletes: Vec<&'a Update>,
}

/// Adds the rows of `updates`, which are in order of their dots.
pub(super) fn rows(updates: &[&Update], live: &[bool], schema: &dyn Schema, rows: &mut Vec<Row>) {
    let added: Vec<Vec<Cow<'_, Value>>> = updates.iter().map(|update| update.ops.iter().map(contributed).collect()).collect();
    let mut cells = Cells::default();
    for ((update, live), values) in updates.iter().zip(live).zip(&added) {
        for (op, value) in update.ops.iter().zip(values) {
            if op.action.is_delete() {
                cells.deletes.push(update);
            } else if let Some(kind) = schema.kind(&op.field) {
                let (by, rule) = match &op.action {
                    Action::Set { by, rule, .. } => (by.as_ref(), rule.as_deref()),
                    _ => (None, None),
                };
                cells.add(Act { update, value, by, rule, live: *live }, op, kind);
            }
        }
    }
    for (place, Sets { decider, track }) in &cells.registers {
        let withdrawals = cells.withdrawals(place);
        for loser in track.live() {
            let found = track.beaten_by(loser, decider, &[]);
            // Who removed what beats a set without knowing the set shows it to what else was set.
            let aside = || withdrawals.iter().copied().filter(|removal| removal.concurrent(loser.update)).collect::<Vec<_>>();
            let found = found.or_else(|| if withdrawals.is_empty() { None } else { track.beaten_by(loser, decider, &aside()) });
            let found = found.filter(|beaten| beaten.winner.value != loser.value);
            rows.extend(found.map(|beaten| row(place, loser.update, Some(loser.value), beaten.winner, (beaten.rule, beaten.version))));
        }
    }
    for (place, meeting) in cells.elements.iter().chain(&cells.entries) {
        for removal in &meeting.removals {
            let kept = meeting.contributions.concurrent(removal).flatten().filter(|act| act.live);
            rows.extend(kept.map(|winner| {
                let version = removal.version.max(winner.update.version);
                row(place, removal, None, winner, (Rule::AddWins, version))
            }));
        }
    }
}

impl<'a> Cells<'a> {
    fn add(&mut self, act: Act<'a>, op: &'a Op, kind: &'a FieldKind) {
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
            (FieldKind::Register(policy), Action::Set { .. }) if policy.is_lattice() => self.set(place, act, Decider::Lattice(policy)),
            (FieldKind::Register(_), Action::Set { .. }) => self.set(place, act, Decider::Newest),
            (FieldKind::Flag, Action::Set { .. }) => self.set(place, act, Decider::Flag),
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

    /// Of several sets of one update the last counts, under a lattice and for a flag the best.
    fn set(&mut self, place: Place<'a>, act: Act<'a>, decider: Decider<'a>) {
        let sets = self.registers.entry(place).or_insert_with(|| Sets { decider, track: Track::default() });
        sets.track.push(act, |new, old| match sets.decider {
            Decider::Newest => Ordering::Greater,
            Decider::Lattice(policy) => policy.compare(&new.candidate(), &old.candidate()),
            Decider::Flag => Policy::Max.compare(&new.candidate(), &old.candidate()),
        });
    }

    /// Removals of whatever they saw in a place.
    fn withdrawals(&self, &(field, key, _): &Place<'a>) -> Vec<&'a Update> {
        let of_key = key.and_then(|_| self.entries.get(&(field, key, None))).map_or(&[][..], |entry| &entry.removals);
        of_key.iter().chain(&self.deletes).copied().collect()
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

fn row(place: &Place<'_>, loser: &Update, lost: Option<&Value>, winner: &Act<'_>, (rule, version): (Rule, u32)) -> Row {
    let element = match (place.1, place.2) {
        (Some(key), Some(element)) => Some(Value::List(vec![key.clone(), element.clone()])),
        (key, element) => key.or(element).cloned(),
    };
    let won = Some(winner.value.clone());
    Row { field: place.0.clone(), element, loser: loser.dot, winner: Some(winner.update.dot), rule, version, lost: lost.cloned(), won }
}
