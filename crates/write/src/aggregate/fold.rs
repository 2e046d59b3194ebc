//! Folding the state again from checkpoint and tail, where a verdict changed: inverse operations can't restore an overwritten register.

use super::{Aggregate, Open, Tail};
use std::sync::Arc;
use sterna_crdt::conflicts::witnesses;
use sterna_crdt::{Action, ApplyError, Dot, Fields, Schema, Update};
use sterna_env::mutation;

impl Aggregate {
    /// The state without the events `losers`, and with `event` behind the tail.
    pub(super) fn fold_without(&self, losers: &[Dot], event: &Open, schema: &dyn Schema) -> Result<Fields, ApplyError> {
        let mut fields = self.checkpoint.as_deref().unwrap_or(&self.fields).clone();
        // The checkpoint has the closed ones.
        for open in self.tail.iter().filter(|open| !open.closed).chain([event]) {
            match open.void || losers.contains(&open.dot()) {
                true => void(&mut fields, &open.update, schema)?,
                false => fields.apply(&open.update, schema, true)?,
            }
        }
        Ok(fields)
    }

    /// Folds the tail again as it is now.
    pub(super) fn fold_again(&mut self, schema: &dyn Schema) -> Result<(), ApplyError> {
        self.fields = self.fold(schema)?;
        Ok(())
    }

    fn fold(&self, schema: &dyn Schema) -> Result<Fields, ApplyError> {
        let mut fields = self.checkpoint.as_deref().unwrap_or(&self.fields).clone();
        if self.checkpoint.is_some() {
            apply(&mut fields, self.tail.iter(), schema)?;
        }
        Ok(fields)
    }

    /// As a record is read: what it holds is the checkpoint. Where only events came since it was `known`, whose chunks are the first of the tail's,
    /// these are folded alone: the same state, in which open operations are in another order if some events are closed already.
    pub(super) fn unfold(&mut self, known: Option<&Self>, schema: &dyn Schema) -> Result<(), ApplyError> {
        if self.tail.is_empty() {
            return Ok(());
        }
        self.checkpoint = Some(Arc::new(std::mem::take(&mut self.fields)));
        let known = known.filter(|known| known.parked.is_none() && known.checkpoint() == self.checkpoint());
        let Some((known, behind)) = known.and_then(|known| Some((known, self.tail.behind(&known.tail)?))) else {
            return self.fold_again(schema);
        };
        let mut fields = known.fields.clone();
        apply(&mut fields, behind, schema)?;
        self.fields = fields;
        // What came since has its place behind all that was settled then.
        self.closed_at.clone_from(&known.closed_at);
        Ok(())
    }

    /// The state's size once nothing of it is open: what it costs to keep, however long regions are apart.
    pub(crate) fn state_bytes(&self, schema: &dyn Schema) -> usize {
        let mut fields = self.fields.clone();
        fields.close_all(schema);
        fields.encode().len()
    }

    /// What a record holds.
    pub(super) fn checkpoint(&self) -> &Fields {
        self.checkpoint.as_deref().unwrap_or(&self.fields)
    }
}

/// The events of a tail. The checkpoint has the closed ones.
fn apply<'a>(fields: &mut Fields, tail: impl Iterator<Item = &'a Open>, schema: &dyn Schema) -> Result<(), ApplyError> {
    for open in tail.filter(|open| !open.closed) {
        match open.void {
            true => void(fields, &open.update, schema)?,
            false => fields.apply(&open.update, schema, true)?,
        }
    }
    Ok(())
}

/// A void event has no effect.
pub(super) fn void(fields: &mut Fields, update: &Update, schema: &dyn Schema) -> Result<(), ApplyError> {
    if mutation::on("void-half-undone") {
        let sets = update.ops.iter().filter(|op| matches!(op.action, Action::Set { .. })).cloned().collect();
        fields.apply(&Update { ops: sets, ..update.clone() }, schema, true)?;
    }
    Ok(())
}

/// The dots, sorted, of the closed events that no open one needs.
pub(super) fn forgotten(tail: &Tail) -> Vec<Dot> {
    let updates = |closed: bool| tail.iter().filter(|open| open.closed == closed).map(|open| &*open.update).collect::<Vec<_>>();
    let (closed, open) = (updates(true), updates(false));
    if closed.is_empty() {
        return Vec::new();
    }
    let mut kept: Vec<Dot> = witnesses(&closed, &open).iter().map(|update| update.dot).collect();
    kept.sort_unstable();
    let mut forgotten: Vec<Dot> = closed.iter().map(|update| update.dot).filter(|dot| kept.binary_search(dot).is_err()).collect();
    forgotten.sort_unstable();
    forgotten
}
