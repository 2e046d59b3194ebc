//! One field's state: a base and its open contributions.
//!
//! A removal takes away the base and the open contributions that its update observed, nothing else. A field, an element or an
//! entry to which nothing contributes any more is not there, so that equal sets of contributions are equal states.

use crate::counter::{Bounded, Counter};
use crate::dots::Dots;
use crate::register::{Register, Set};
use crate::{Action, FieldKind, Op, Update, Value, VersionVector};
use std::collections::BTreeMap;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field(pub(crate) State);

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Register(Register),
    Counter(Counter),
    Bounded(Bounded),
    Flag(Dots),
    Set(BTreeMap<Value, Dots>),
    Map(BTreeMap<Value, Field>),
}

impl Field {
    pub(crate) fn new(kind: &FieldKind) -> Self {
        Self(match kind {
            FieldKind::Register(_) => State::Register(Register::default()),
            FieldKind::Counter => State::Counter(Counter::default()),
            FieldKind::Bounded { .. } => State::Bounded(Bounded::default()),
            FieldKind::Flag => State::Flag(Dots::default()),
            FieldKind::Set => State::Set(BTreeMap::new()),
            FieldKind::Map(_) => State::Map(BTreeMap::new()),
        })
    }

    pub(crate) fn is(&self, kind: &FieldKind) -> bool {
        matches!(
            (&self.0, kind),
            (State::Register(_), FieldKind::Register(_))
                | (State::Counter(_), FieldKind::Counter)
                | (State::Bounded(_), FieldKind::Bounded { .. })
                | (State::Flag(_), FieldKind::Flag)
                | (State::Set(_), FieldKind::Set)
                | (State::Map(_), FieldKind::Map(_))
        )
    }

    /// Nothing contributes to it.
    pub(crate) fn is_vacant(&self) -> bool {
        match &self.0 {
            State::Register(register) => register.values.is_empty(),
            State::Counter(counter) => counter.is_vacant(),
            State::Bounded(bounded) => bounded.is_vacant(),
            State::Flag(dots) => !dots.is_set(),
            State::Set(elements) => elements.is_empty(),
            State::Map(entries) => entries.is_empty(),
        }
    }

    /// Adds what `op` contributes. `op` fits `kind`, and `kind` this field.
    pub(crate) fn contribute(&mut self, kind: &FieldKind, op: &Op, update: &Update, open: bool) {
        match (&mut self.0, kind, &op.action, &op.key) {
            (State::Map(entries), FieldKind::Map(inner), _, Some(key)) => match entries.get_mut(key) {
                Some(entry) => entry.contribute_leaf(inner, &op.action, update, open),
                None => {
                    let mut entry = Self::new(inner);
                    entry.contribute_leaf(inner, &op.action, update, open);
                    entries.insert(key.clone(), entry);
                }
            },
            _ => self.contribute_leaf(kind, &op.action, update, open),
        }
    }

    fn contribute_leaf(&mut self, kind: &FieldKind, action: &Action, update: &Update, open: bool) {
        match (&mut self.0, kind, action) {
            (State::Register(register), FieldKind::Register(policy), Action::Set { value, by, rule }) => {
                register.set(policy, Set { value, by, rule }, update, open);
            }
            (State::Counter(counter), _, Action::Add(delta)) => counter.add(*delta, update, open),
            (State::Bounded(bounded), _, Action::Add(delta)) => bounded.add(*delta, update, open),
            (State::Bounded(bounded), _, Action::Give { amount, to, from }) => bounded.give(*amount, (*from, *to), update, open),
            (State::Flag(dots), _, Action::Set { .. }) => dots.add(update, open),
            (State::Set(elements), _, Action::Insert(value)) => match elements.get_mut(value) {
                Some(dots) => dots.add(update, open),
                None => {
                    let mut dots = Dots::default();
                    dots.add(update, open);
                    elements.insert(value.clone(), dots);
                }
            },
            _ => debug_assert!(false, "operations are checked before they are applied"),
        }
    }

    /// Takes away what `op`, a removal, had observed.
    pub(crate) fn withdraw(&mut self, op: &Op, seen: &VersionVector) {
        match (&mut self.0, &op.action, &op.key) {
            (State::Map(entries), action, Some(key)) => {
                let Some(entry) = entries.get_mut(key) else { return };
                match action {
                    Action::RemoveKey => entry.forget(seen),
                    _ => entry.withdraw_leaf(action, seen),
                }
                if entry.is_vacant() {
                    entries.remove(key);
                }
            }
            (_, action, _) => self.withdraw_leaf(action, seen),
        }
    }

    fn withdraw_leaf(&mut self, action: &Action, seen: &VersionVector) {
        match (&mut self.0, action) {
            (State::Set(elements), Action::Remove(value)) => {
                let Some(dots) = elements.get_mut(value) else { return };
                dots.forget(seen);
                if !dots.is_set() {
                    elements.remove(value);
                }
            }
            (State::Flag(dots), _) => dots.forget(seen),
            _ => debug_assert!(false, "operations are checked before they are applied"),
        }
    }

    /// Takes away the base and all open contributions that `seen` holds.
    pub(crate) fn forget(&mut self, seen: &VersionVector) {
        match &mut self.0 {
            State::Register(register) => register.forget(seen),
            State::Counter(counter) => counter.forget(seen),
            // Rights may be in use elsewhere at this moment.
            State::Bounded(_) => {}
            State::Flag(dots) => dots.forget(seen),
            State::Set(elements) => elements.retain(|_, dots| {
                dots.forget(seen);
                dots.is_set()
            }),
            State::Map(entries) => entries.retain(|_, entry| {
                entry.forget(seen);
                !entry.is_vacant()
            }),
        }
    }

    pub(crate) fn is_bounded(&self) -> bool {
        matches!(self.0, State::Bounded(_))
    }

    /// What `op` of `update` contributed, if it is still there, joins the base.
    pub(crate) fn close(&mut self, kind: &FieldKind, op: &Op, update: &Update) {
        match (&mut self.0, kind, &op.action) {
            (State::Map(entries), FieldKind::Map(inner), _) => {
                if let Some(entry) = op.key.as_ref().and_then(|key| entries.get_mut(key)) {
                    entry.close(inner, op, update);
                }
            }
            (State::Register(register), FieldKind::Register(policy), _) => register.close(policy, update.dot),
            (State::Counter(counter), _, _) => counter.close(update.dot),
            (State::Bounded(bounded), _, _) => bounded.close(update.dot),
            (State::Flag(dots), _, _) => dots.close(update.dot),
            (State::Set(elements), _, Action::Insert(value)) => {
                if let Some(dots) = elements.get_mut(value) {
                    dots.close(update.dot);
                }
            }
            _ => {}
        }
    }

    pub(crate) fn close_all(&mut self, kind: &FieldKind) {
        match (&mut self.0, kind) {
            (State::Map(entries), FieldKind::Map(inner)) => entries.values_mut().for_each(|entry| entry.close_all(inner)),
            (State::Register(register), FieldKind::Register(policy)) => register.close_all(policy),
            (State::Counter(counter), _) => counter.close_all(),
            (State::Bounded(bounded), _) => bounded.close_all(),
            (State::Flag(dots), _) => dots.close_all(),
            (State::Set(elements), _) => elements.values_mut().for_each(Dots::close_all),
            _ => {}
        }
    }
}
