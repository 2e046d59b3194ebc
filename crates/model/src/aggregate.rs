//! What an aggregate is: its fields and its commands.

use crate::value_type::{Slot, ValueType};
use crate::{Command, expr::Expr};
use foldhash::HashMap;
use sterna_crdt::{Action, FieldKind, Name, Policy, Schema, Update};

pub struct AggregateType {
    pub name: Name,
    pub(crate) fields: Vec<FieldDef>,
    /// Places in `fields`, in order of their stored names.
    pub(crate) fields_by_stored: Vec<usize>,
    pub(crate) field_at: HashMap<Name, usize>,
    pub(crate) commands: Vec<Command>,
    pub(crate) command_at: HashMap<Name, usize>,
    /// Where its commands are accepted; anywhere if `None`.
    pub home: Option<Home>,
    /// A delete also takes away what is concurrent with it.
    pub delete_wins: bool,
    pub(crate) has_bounds: bool,
    pub was: Option<Name>,
    pub deprecated: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Home {
    /// One region, by its name.
    Region(Name),
    /// A region for each aggregate.
    ById,
}

pub struct FieldDef {
    pub name: Name,
    pub kind: FieldKind,
    /// A register's value, a set's element; a counter's int, a flag's bool. Of a map: that of its entries.
    pub slot: Slot,
    /// The type of a map's keys; `None` if it is no map, or no effect names a key.
    pub key: Option<ValueType>,
    pub was: Option<Name>,
    pub deprecated: bool,
    /// Its declaration has a mistake, so that nothing else is known of it. In no model.
    pub(crate) broken: bool,
}

impl FieldDef {
    /// What the data calls it: the name before it was renamed. Operations and states have this one, whatever the model's version.
    pub fn stored(&self) -> &Name {
        self.was.as_ref().unwrap_or(&self.name)
    }

    /// What a document shows: a register is null while unset, a set is a list, a map an object.
    pub fn shown(&self) -> Slot {
        shown(&self.kind, &self.slot)
    }
}

fn shown(kind: &FieldKind, slot: &Slot) -> Slot {
    let list = |of: &Slot| ValueType::List { of: Box::new(of.clone()), min: 0, max: u32::MAX };
    match kind {
        FieldKind::Register(_) => Slot { optional: true, ..slot.clone() },
        FieldKind::Counter | FieldKind::Bounded { .. } | FieldKind::Flag => slot.clone(),
        FieldKind::Set => Slot::required(list(slot)),
        FieldKind::Map(inner) => Slot::required(ValueType::Map(Box::new(shown(inner, slot)))),
    }
}

impl AggregateType {
    /// What the data calls it: the name before it was renamed. Keys, shards and events have this one, whatever the model's version.
    pub fn stored(&self) -> &Name {
        self.was.as_ref().unwrap_or(&self.name)
    }

    /// In order of declaration.
    pub fn fields(&self) -> &[FieldDef] {
        &self.fields
    }

    /// It has a bounded counter.
    pub fn has_bounds(&self) -> bool {
        self.has_bounds
    }

    /// Also by the name it had before, which is the one that operations have.
    pub fn field_index(&self, name: &str) -> Option<usize> {
        self.field_at.get(name).copied()
    }

    /// Also by the name it had before.
    pub fn command(&self, name: &str) -> Option<&Command> {
        self.command_at.get(name).map(|at| &self.commands[*at])
    }

    /// A planted fault of tests: what decides between sets is what this model says, whatever the model said where they were made.
    pub fn ruled_here(&self, update: &Update, version: u32) -> Update {
        let mut update = Update { version, ..update.clone() };
        for op in &mut update.ops {
            let policy = self.kind(&op.field).and_then(FieldKind::policy);
            if let Action::Set { rule, .. } = &mut op.action {
                *rule = policy.filter(|policy| !policy.is_lattice()).map(|policy| Box::new(policy.clone()));
            }
        }
        update
    }

    /// In order of declaration.
    pub fn commands(&self) -> &[Command] {
        &self.commands
    }
}

impl Schema for AggregateType {
    fn kind(&self, field: &str) -> Option<&FieldKind> {
        self.field_index(field).map(|at| &self.fields[at].kind)
    }
}

/// An effect as compiled.
pub(crate) struct Effect {
    /// Its stored name; none for a delete.
    pub field: Option<Name>,
    pub change: Change,
    pub key: Option<Expr>,
    pub when: Option<Expr>,
    pub each: Option<Expr>,
}

pub(crate) enum Change {
    /// With the rule between concurrent sets, where it is neither the latest nor a lattice.
    Set {
        value: Expr,
        by: Option<Expr>,
        rule: Option<Box<Policy>>,
    },
    Add(Expr),
    Insert(Expr),
    Remove(Expr),
    RemoveKey,
    Delete {
        wins: bool,
    },
}
