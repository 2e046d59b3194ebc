//! What the fields of an aggregate are, and whether an update fits them.

use crate::{Action, Field, FieldKind, Fields, Name, Op, Update};
use std::collections::BTreeMap;

/// The kinds of an aggregate's fields.
pub trait Schema {
    fn kind(&self, field: &str) -> Option<&FieldKind>;
}

impl Schema for BTreeMap<Name, FieldKind> {
    fn kind(&self, field: &str) -> Option<&FieldKind> {
        self.get(field)
    }
}

impl<N: AsRef<str>> Schema for Vec<(N, FieldKind)> {
    fn kind(&self, field: &str) -> Option<&FieldKind> {
        self.iter().find(|(name, _)| name.as_ref() == field).map(|(_, kind)| kind)
    }
}

impl<N: AsRef<str>, const COUNT: usize> Schema for [(N, FieldKind); COUNT] {
    fn kind(&self, field: &str) -> Option<&FieldKind> {
        self.iter().find(|(name, _)| name.as_ref() == field).map(|(_, kind)| kind)
    }
}

/// Why an update can't be applied. Trying again is of no use under the same model.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("the model has no field `{field}`")]
    UnknownField { field: Name },
    #[error("an operation doesn't fit the kind of field `{field}`")]
    Unfit { field: Name },
    #[error("the state of field `{field}` is of another kind than the model says")]
    StateUnfit { field: Name },
}

pub(crate) fn check(fields: &Fields, update: &Update, schema: &dyn Schema) -> Result<(), ApplyError> {
    update.ops.iter().filter(|op| !op.action.is_delete()).try_for_each(|op| check_op(fields, update, op, schema))
}

fn check_op(fields: &Fields, update: &Update, op: &Op, schema: &dyn Schema) -> Result<(), ApplyError> {
    let field = || Name::clone(&op.field);
    let kind = schema.kind(&op.field).ok_or_else(|| ApplyError::UnknownField { field: field() })?;
    let fits = match (kind, &op.key) {
        (FieldKind::Map(inner), Some(_)) => op.action == Action::RemoveKey || inner.may_be_in_map() && inner.takes(&op.action),
        (FieldKind::Map(_), None) | (_, Some(_)) => false,
        (kind, None) => kind.takes(&op.action),
    };
    let to_itself = matches!(op.action, Action::Give { to, from, .. } if to == from.unwrap_or(update.dot.incarnation.region()));
    if !fits || to_itself {
        return Err(ApplyError::Unfit { field: field() });
    }
    if fields.field(&op.field).is_some_and(|held| !held_fits(held, kind, op)) {
        return Err(ApplyError::StateUnfit { field: field() });
    }
    Ok(())
}

fn held_fits(held: &Field, kind: &FieldKind, op: &Op) -> bool {
    let entry_fits = match (kind, &op.key) {
        (FieldKind::Map(inner), Some(key)) => held.entry(key).is_none_or(|entry| entry.is(inner)),
        _ => true,
    };
    held.is(kind) && entry_fits
}
