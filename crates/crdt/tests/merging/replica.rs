//! A replica as a caller would run it: skips what it holds, waits for causes, closes when nothing concurrent can follow.

use crate::history::{History, schema};
use crate::reference::Visible;
use sterna_crdt::{FieldKind, Fields, Update, Value, VersionVector};

pub struct Replica<'a> {
    pub fields: Fields,
    pub history: &'a History,
    pub schema: Vec<(&'static str, FieldKind)>,
    pub have: VersionVector,
    pub applied: Vec<&'a Update>,
    pub open: Vec<&'a Update>,
}

impl<'a> Replica<'a> {
    pub fn new(history: &'a History) -> Self {
        Self { fields: Fields::default(), history, schema: schema(), have: VersionVector::default(), applied: Vec::new(), open: Vec::new() }
    }

    /// Whether `update` was applied: not if it is held.
    pub fn receive(&mut self, update: &'a Update) -> bool {
        if self.have.contains(update.dot) {
            return false;
        }
        assert!(self.have.covers(&update.seen), "the test delivers causes first");
        self.fields.apply(update, &self.schema, true).unwrap();
        self.have.add(update.dot);
        self.applied.push(update);
        self.open.push(update);
        true
    }

    /// What could be applied next.
    pub fn ready(&self) -> Vec<&'a Update> {
        let missing = self.history.0.iter().filter(|u| !self.have.contains(u.dot));
        missing.filter(|u| self.have.covers(&u.seen)).collect()
    }

    /// Nothing concurrent with `update` can follow.
    pub fn settled(&self, update: &Update) -> bool {
        self.history.0.iter().filter(|u| !self.have.contains(u.dot)).all(|u| update.before(u))
    }

    pub fn close(&mut self, update: &Update) {
        self.fields.close(update, &self.schema);
        self.open.retain(|open| open.dot != update.dot);
    }

    pub fn closable(&self) -> Vec<&'a Update> {
        self.open.iter().copied().filter(|update| self.settled(update)).collect()
    }
}

pub fn visible(fields: &Fields, schema: &[(&'static str, FieldKind)]) -> Visible {
    let mut out = Visible { present: fields.present(), created: fields.created(), updated: fields.updated(), ..Visible::default() };
    for (name, kind) in schema {
        out.values.insert(name.to_string(), fields.value(name, kind));
        let Some(field) = fields.field(name) else { continue };
        let mut keep = |key: Option<&Value>, field: &sterna_crdt::Field, kind: &FieldKind| {
            let dots: Vec<_> = field.undecided(kind).map(|c| c.dot).collect();
            if !dots.is_empty() {
                out.kept.insert((name.to_string(), key.cloned()), dots);
            }
        };
        match kind {
            FieldKind::Map(inner) => field.entries().for_each(|(key, entry)| keep(Some(key), entry, inner)),
            kind => keep(None, field, kind),
        }
    }
    out
}
