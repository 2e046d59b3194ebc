//! The state of one aggregate.
//!
//! It is a function of the set of updates applied, whatever their order, as long as causes came first and none came twice. Once
//! all are closed, equal sets give equal bytes.

use crate::dots::Dots;
use crate::schema::check;
use crate::{Action, ApplyError, Clock, Field, FieldKind, Name, Schema, Update, Value};

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fields {
    /// The smallest and the greatest clock of the updates applied.
    pub(crate) clocks: Option<(Clock, Clock)>,
    pub(crate) presence: Dots,
    /// Open deletes that win over what is concurrent with them.
    pub(crate) deletes: Dots,
    /// In order of the names; untouched ones are absent.
    pub(crate) fields: Vec<(Name, Field)>,
}

impl Fields {
    /// Merges an update whose causes are merged and which is not merged itself. `open` says that something concurrent with it may
    /// still arrive; then [`Self::close`] follows some day.
    ///
    /// Within one update removals act before contributions, which they had not observed; of several sets of one register the
    /// last counts. An error leaves the state as it was.
    pub fn apply(&mut self, update: &Update, schema: &dyn Schema, open: bool) -> Result<(), ApplyError> {
        debug_assert_eq!(update.order.incarnation, update.dot.incarnation, "an event's order names the incarnation that made it");
        debug_assert!(!update.seen.contains(update.dot), "no update observes itself");
        check(self, update, schema)?;
        let clock = update.order.clock;
        if !update.is_transfer() {
            self.clocks = Some(self.clocks.map_or((clock, clock), |(first, last)| (first.min(clock), last.max(clock))));
        }
        self.withdraw(update, schema);
        let overruled = self.deletes.open.iter().any(|delete| !update.seen.contains(*delete));
        if !overruled && update.contributes() {
            self.presence.add(update, open);
        }
        self.contribute(update, schema, open, |kind| !overruled || kind.is_bounded());
        if open && update.ops.iter().any(|op| op.action == Action::Delete { wins: true }) {
            self.deletes.add(update, true);
        }
        Ok(())
    }

    /// From now on every update that is applied has observed `update`: what it contributed, and is still there, joins the base.
    /// Touches only the fields and keys that `update` names.
    pub fn close(&mut self, update: &Update, schema: &dyn Schema) {
        self.presence.close(update.dot);
        self.deletes.drop_open(update.dot);
        for op in &update.ops {
            if let (Ok(at), Some(kind)) = (self.find(&op.field), schema.kind(&op.field)) {
                self.fields[at].1.close(kind, op, update);
            }
        }
    }

    /// [Closes](Self::close) every update that was applied; its cost is that of the state, however many are open.
    pub fn close_all(&mut self, schema: &dyn Schema) {
        self.presence.close_all();
        self.deletes.open.clear();
        for (name, field) in &mut self.fields {
            if let Some(kind) = schema.kind(name) {
                field.close_all(kind);
            }
        }
    }

    /// Some update that is no mere delete has not been deleted.
    pub fn present(&self) -> bool {
        self.presence.is_set()
    }

    /// The smallest clock of the updates applied, deleted ones included.
    pub fn created(&self) -> Option<Clock> {
        self.clocks.map(|(first, _)| first)
    }

    /// The greatest clock of the updates applied, deletes included.
    pub fn updated(&self) -> Option<Clock> {
        self.clocks.map(|(_, last)| last)
    }

    /// `None` if nothing contributes to the field: it reads as [`FieldKind::unset`].
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.find(name).ok().map(|at| &self.fields[at].1)
    }

    /// The visible value of a field, also of an untouched one.
    pub fn value(&self, name: &str, kind: &FieldKind) -> Value {
        self.field(name).map_or_else(|| kind.unset(), |field| field.value(kind))
    }

    /// The touched fields in order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Name, &Field)> {
        self.fields.iter().map(|(name, field)| (name, field))
    }

    fn withdraw(&mut self, update: &Update, schema: &dyn Schema) {
        for op in &update.ops {
            match op.action {
                // Whatever is here has not seen this delete, so it is either observed or concurrent.
                Action::Delete { wins: true } => {
                    self.presence = Dots::default();
                    self.fields.retain(|(_, field)| field.is_bounded());
                }
                Action::Delete { wins: false } => {
                    self.presence.forget(&update.seen);
                    self.fields.retain_mut(|(_, field)| {
                        field.forget(&update.seen);
                        !field.is_vacant()
                    });
                }
                _ if !schema.kind(&op.field).is_some_and(|kind| kind.withdraws(&op.action)) => {}
                _ => {
                    let Ok(at) = self.find(&op.field) else { continue };
                    self.fields[at].1.withdraw(op, &update.seen);
                    if self.fields[at].1.is_vacant() {
                        self.fields.remove(at);
                    }
                }
            }
        }
    }

    fn contribute(&mut self, update: &Update, schema: &dyn Schema, open: bool, counts: impl Fn(&FieldKind) -> bool) {
        for op in update.ops.iter().filter(|op| !op.action.is_delete()) {
            let Some(kind) = schema.kind(&op.field).filter(|kind| !kind.withdraws(&op.action) && counts(kind)) else { continue };
            let at = self.find(&op.field).unwrap_or_else(|at| {
                self.fields.insert(at, (op.field.clone(), Field::new(kind)));
                at
            });
            self.fields[at].1.contribute(kind, op, update, open);
        }
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.fields.binary_search_by(|(held, _)| (**held).cmp(name))
    }
}
