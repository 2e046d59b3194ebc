//! What an expression can name, by its place in a model.

use super::Expr;
use super::node::Binding;
use super::ty::{Ty, Typ};
use crate::Command;
use crate::aggregate::FieldDef;
use crate::args::ArgDef;
use crate::value_type::ValueType;
use std::sync::Arc;
use sterna_crdt::{FieldKind, Name};

#[derive(Clone)]
pub(crate) struct Names<'m> {
    /// As in "`x` is no name in a command".
    pub place: &'static str,
    pub simple: &'static [(&'static str, Binding, Ty)],
    /// `state`.
    pub fields: Option<&'m [FieldDef]>,
    /// `args`.
    pub args: ArgNames<'m>,
    /// `event`, with these arguments.
    pub event: Option<&'m [ArgDef]>,
    pub event_name: Option<&'m Name>,
    /// The element of `each`.
    pub it: Option<Typ>,
    /// There is an `each`, and it has a mistake: nothing is known of `it`.
    pub it_is_broken: bool,
}

#[derive(Clone, Copy)]
pub(crate) enum ArgNames<'m> {
    None,
    Declared(&'m [ArgDef]),
    /// Whatever an older model had.
    Any,
}

pub(crate) const EVENT: &[(&str, Binding, Ty)] = &[
    ("id", Binding::EventId, Ty::String),
    ("name", Binding::EventName, Ty::String),
    ("aggregate_id", Binding::Id, Ty::String),
    ("at", Binding::Now, Ty::Timestamp),
    ("region", Binding::Region, Ty::String),
    ("actor", Binding::Actor, Ty::String),
];

const COMMAND: &[(&str, Binding, Ty)] = &[
    ("id", Binding::Id, Ty::String),
    ("exists", Binding::Exists, Ty::Bool),
    ("now", Binding::Now, Ty::Timestamp),
    ("region", Binding::Region, Ty::String),
    ("actor", Binding::Actor, Ty::String),
];

const VIEW: &[(&str, Binding, Ty)] = &[
    ("id", Binding::Id, Ty::String),
    ("created_at", Binding::CreatedAt, Ty::Timestamp),
    ("updated_at", Binding::UpdatedAt, Ty::Timestamp),
];

impl<'m> Names<'m> {
    pub fn command(fields: &'m [FieldDef], args: &'m [ArgDef]) -> Self {
        Self {
            place: "a command",
            simple: COMMAND,
            fields: Some(fields),
            args: ArgNames::Declared(args),
            event: None,
            event_name: None,
            it: None,
            it_is_broken: false,
        }
    }

    pub fn reaction(fields: &'m [FieldDef], args: &'m [ArgDef]) -> Self {
        Self { place: "a reaction", ..Self::command(fields, args) }
    }

    pub fn view(fields: &'m [FieldDef]) -> Self {
        Self {
            place: "a view of aggregates",
            simple: VIEW,
            fields: Some(fields),
            args: ArgNames::None,
            event: None,
            event_name: None,
            it: None,
            it_is_broken: false,
        }
    }

    pub fn events(command: &'m Command) -> Self {
        let (event, event_name) = (Some(command.args.as_slice()), Some(&command.name));
        let place = "a view of events";
        Self { place, simple: &[], fields: None, args: ArgNames::None, event, event_name, it: None, it_is_broken: false }
    }

    pub fn upcast() -> Self {
        let (place, args) = ("an upcast", ArgNames::Any);
        Self { place, simple: &[], fields: None, args, event: None, event_name: None, it: None, it_is_broken: false }
    }

    /// `each` as it was checked: `Some(None)` has a mistake.
    pub fn with_each(&self, each: Option<&Option<Expr>>) -> Self {
        let it = each.and_then(Option::as_ref).and_then(Expr::element);
        Self { it, it_is_broken: each.is_some_and(Option::is_none), ..self.clone() }
    }

    /// Everything that may begin a path.
    pub fn all(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.simple.iter().map(|(name, ..)| *name).collect();
        names.extend(self.fields.map(|_| "state"));
        names.extend((!matches!(self.args, ArgNames::None)).then_some("args"));
        names.extend(self.event.map(|_| "event"));
        names.extend(self.it.as_ref().map(|_| "it"));
        names
    }
}

/// What `state.f` gives.
pub(crate) fn field_typ(def: &FieldDef) -> Typ {
    kind_typ(&def.kind, def, true)
}

fn kind_typ(kind: &FieldKind, def: &FieldDef, register_null: bool) -> Typ {
    let element = Typ::of(&def.slot);
    match kind {
        FieldKind::Register(_) => Typ { null: register_null || element.null, ..element },
        FieldKind::Counter | FieldKind::Bounded { .. } => Typ::some(Ty::Int),
        FieldKind::Flag => Typ::some(Ty::Bool),
        FieldKind::Set => Typ::some(Ty::List(Arc::new(element))),
        FieldKind::Map(inner) => {
            let key = def.key.as_ref().map_or(Ty::String, |key: &ValueType| Ty::of(key));
            Typ::some(Ty::Map { key: Arc::new(key), value: Arc::new(kind_typ(inner, def, false)) })
        }
    }
}
