//! Borrowed views of an aggregate's state, by field number, so that an expression never copies a map or a set.

use crate::AggregateType;
use sterna_crdt::{Field, FieldKind, Fields, Value};

/// A state that expressions read.
pub trait StateView {
    /// `index` is a place in [`crate::AggregateType::fields`].
    fn field(&self, index: usize) -> FieldRef<'_>;
}

#[derive(Clone, Copy)]
pub enum FieldRef<'a> {
    /// Never touched: reads as its kind's unset value.
    Unset,
    Field(&'a Field, &'a FieldKind),
    /// As in a document.
    Value(&'a Value),
}

/// A document: one value a field, in order of the fields. Missing ones are unset.
pub struct Document<'d>(pub &'d [Value]);

impl StateView for Document<'_> {
    fn field(&self, index: usize) -> FieldRef<'_> {
        self.0.get(index).map_or(FieldRef::Unset, FieldRef::Value)
    }
}

impl StateView for Vec<Value> {
    fn field(&self, index: usize) -> FieldRef<'_> {
        self.get(index).map_or(FieldRef::Unset, FieldRef::Value)
    }
}

/// An aggregate's fields as they are merged, read without a copy.
pub struct FieldsView<'s> {
    fields: &'s Fields,
    aggregate: &'s AggregateType,
}

impl<'s> FieldsView<'s> {
    pub fn new(aggregate: &'s AggregateType, fields: &'s Fields) -> Self {
        Self { fields, aggregate }
    }
}

impl StateView for FieldsView<'_> {
    fn field(&self, index: usize) -> FieldRef<'_> {
        let Some(def) = self.aggregate.fields().get(index) else { return FieldRef::Unset };
        self.fields.field(def.stored()).map_or(FieldRef::Unset, |field| FieldRef::Field(field, &def.kind))
    }
}

/// A state as a document holds it: the visible values, in order of the fields.
pub fn document(aggregate: &AggregateType, fields: &Fields) -> Vec<Value> {
    let mut document: Vec<Value> = aggregate.fields().iter().map(|def| def.kind.unset()).collect();
    let mut touched = fields.iter().peekable();
    for at in &aggregate.fields_by_stored {
        let def = &aggregate.fields()[*at];
        while touched.next_if(|(name, _)| *name < def.stored()).is_some() {}
        if let Some((_, field)) = touched.next_if(|(name, _)| *name == def.stored()) {
            document[*at] = field.value(&def.kind);
        }
    }
    document
}

/// The state of an aggregate that doesn't exist.
pub struct NoState;

impl StateView for NoState {
    fn field(&self, _: usize) -> FieldRef<'_> {
        FieldRef::Unset
    }
}
