//! Reading a field. Everything but [`Field::value`] and [`Field::map_get`] borrows.

use crate::counter::Side;
use crate::field::State;
use crate::{Candidate, Dot, Field, FieldKind, Policy, RegionId, Value, key_text};

impl Field {
    /// The visible value: a register's winner, a counter's sum, a set as a sorted list, a map as an object. What doesn't fit
    /// `kind` reads as unset.
    pub fn value(&self, kind: &FieldKind) -> Value {
        match (&self.0, kind) {
            (State::Register(_), _) => self.winner(kind).map_or(Value::Null, |c| c.value.clone()),
            (State::Set(elements), FieldKind::Set) => Value::List(elements.keys().cloned().collect()),
            (State::Map(entries), FieldKind::Map(inner)) => {
                let mut object: Vec<_> = entries.iter().map(|(key, entry)| (key_text(key), entry.value(inner))).collect();
                object.sort_by(|(a, _), (b, _)| a.cmp(b));
                Value::Object(object)
            }
            (State::Counter(counter), FieldKind::Counter) => Value::Int(counter.value()),
            (State::Bounded(bounded), FieldKind::Bounded { .. }) => Value::Int(bounded.value()),
            (State::Flag(dots), FieldKind::Flag) => Value::Bool(dots.is_set()),
            _ => kind.unset(),
        }
    }

    /// The visible value of a register and where it comes from; `None` if nothing is set, or it is no register.
    pub fn winner(&self, kind: &FieldKind) -> Option<Candidate<'_>> {
        match (&self.0, kind) {
            (State::Register(register), FieldKind::Register(policy)) => register.winner(policy).map(|held| held.candidate()),
            _ => None,
        }
    }

    /// The values of a register that stay beside each other until somebody decides: several, if `keep` is the rule among them.
    pub fn undecided(&self, kind: &FieldKind) -> impl ExactSizeIterator<Item = Candidate<'_>> {
        let values = match (&self.0, kind) {
            (State::Register(register), FieldKind::Register(policy))
                if register.values.len() > 1 && *register.rule(policy) == Policy::Keep =>
            {
                register.values.as_slice()
            }
            _ => &[],
        };
        values.iter().map(|held| held.candidate())
    }

    /// All live values of a register, in order of their updates.
    pub fn candidates(&self) -> impl ExactSizeIterator<Item = Candidate<'_>> {
        let values = match &self.0 {
            State::Register(register) => register.values.as_slice(),
            _ => &[],
        };
        values.iter().map(|held| held.candidate())
    }

    /// A counter's value, clamped to an `i64`.
    pub fn int(&self) -> Option<i64> {
        match &self.0 {
            State::Counter(counter) => Some(counter.value()),
            State::Bounded(bounded) => Some(bounded.value()),
            _ => None,
        }
    }

    /// What a region may still take from a bounded counter, or add to it, beside what it had at first. An open update of its own that
    /// brings rights counts only if `lasting` says that it can't become void.
    pub fn rights(&self, of: RegionId, side: Side, lasting: &dyn Fn(Dot) -> bool) -> i128 {
        match &self.0 {
            State::Bounded(bounded) => bounded.rights(of, side, lasting),
            _ => 0,
        }
    }

    /// A flag's value.
    pub fn flag(&self) -> Option<bool> {
        match &self.0 {
            State::Flag(dots) => Some(dots.is_set()),
            _ => None,
        }
    }

    /// Whether a set has the element, or a map the key.
    pub fn contains(&self, value: &Value) -> bool {
        match &self.0 {
            State::Set(elements) => elements.contains_key(value),
            State::Map(entries) => entries.contains_key(value),
            _ => false,
        }
    }

    /// How many elements a set has, or entries a map.
    pub fn len(&self) -> usize {
        match &self.0 {
            State::Set(elements) => elements.len(),
            State::Map(entries) => entries.len(),
            _ => 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A set's elements, sorted.
    pub fn elements(&self) -> impl Iterator<Item = &Value> {
        match &self.0 {
            State::Set(elements) => Some(elements.keys()),
            _ => None,
        }
        .into_iter()
        .flatten()
    }

    /// A map's entries, in order of their keys.
    pub fn entries(&self) -> impl Iterator<Item = (&Value, &Field)> {
        match &self.0 {
            State::Map(entries) => Some(entries.iter()),
            _ => None,
        }
        .into_iter()
        .flatten()
    }

    /// A map's entry.
    pub fn entry(&self, key: &Value) -> Option<&Field> {
        match &self.0 {
            State::Map(entries) => entries.get(key),
            _ => None,
        }
    }

    /// The visible value under a map's key. `kind` is the map's.
    pub fn map_get(&self, key: &Value, kind: &FieldKind) -> Option<Value> {
        match kind {
            FieldKind::Map(inner) => self.entry(key).map(|entry| entry.value(inner)),
            _ => None,
        }
    }
}
