//! The types of expressions.

use crate::{Slot, ValueType};
use std::fmt;
use std::sync::Arc;
use sterna_crdt::Name;

/// What an expression gives.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Typ {
    pub ty: Ty,
    pub null: bool,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Ty {
    /// The literal `null`.
    Null,
    Bool,
    Int,
    String,
    Timestamp,
    Date,
    /// The difference of two timestamps.
    Duration,
    Enum(Arc<[Name]>),
    /// Also a set.
    List(Arc<Typ>),
    Object(Arc<[(Name, Typ)]>),
    Map {
        key: Arc<Ty>,
        value: Arc<Typ>,
    },
    /// Known at run time only: the old arguments that an `upcast` reads.
    Any,
    /// An element of the empty list: fits everywhere, and is nowhere.
    Never,
}

impl Typ {
    pub fn some(ty: Ty) -> Self {
        Self { ty, null: false }
    }

    pub fn maybe(ty: Ty) -> Self {
        Self { ty, null: true }
    }

    pub fn of(slot: &Slot) -> Self {
        Self { ty: Ty::of(&slot.value_type), null: slot.nullable() }
    }

    /// The slot that holds what this gives; `None` where no value does.
    pub fn slot(&self) -> Option<Slot> {
        Some(Slot { value_type: self.ty.value_type()?, optional: self.null, default: None })
    }
}

impl Ty {
    pub fn of(value_type: &ValueType) -> Self {
        match value_type {
            ValueType::String { .. } => Self::String,
            ValueType::Int { .. } => Self::Int,
            ValueType::Bool => Self::Bool,
            ValueType::Timestamp => Self::Timestamp,
            ValueType::Date => Self::Date,
            ValueType::Enum(variants) => Self::Enum(variants.clone()),
            ValueType::List { of, .. } => Self::List(Arc::new(Typ::of(of))),
            ValueType::Object(members) => Self::Object(members.iter().map(|(name, slot)| (name.clone(), Typ::of(slot))).collect()),
            ValueType::Map(of) => Self::Map { key: Arc::new(Self::String), value: Arc::new(Typ::of(of)) },
        }
    }

    /// The declared type without rules.
    pub fn value_type(&self) -> Option<ValueType> {
        Some(match self {
            Self::Bool => ValueType::Bool,
            Self::Int => ValueType::any_int(),
            Self::String => ValueType::any_string(),
            Self::Timestamp => ValueType::Timestamp,
            Self::Date => ValueType::Date,
            Self::Enum(variants) => ValueType::Enum(variants.clone()),
            Self::List(of) => ValueType::List { of: Box::new(of.slot()?), min: 0, max: u32::MAX },
            Self::Object(members) => {
                ValueType::Object(members.iter().map(|(name, typ)| Some((name.clone(), typ.slot()?))).collect::<Option<_>>()?)
            }
            Self::Map { value, .. } => ValueType::Map(Box::new(value.slot()?)),
            Self::Null | Self::Duration | Self::Any | Self::Never => return None,
        })
    }

    /// Has an order that a reader expects: `<`, `min`, an index, a sort.
    pub fn is_scalar(&self) -> bool {
        !matches!(self, Self::List(_) | Self::Object(_) | Self::Map { .. } | Self::Any | Self::Null)
    }

    pub fn loose(&self) -> bool {
        matches!(self, Self::Any | Self::Never)
    }
}

impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => write!(f, "null"),
            Self::Bool => write!(f, "bool"),
            Self::Int => write!(f, "int"),
            Self::String => write!(f, "string"),
            Self::Timestamp => write!(f, "timestamp"),
            Self::Date => write!(f, "date"),
            Self::Duration => write!(f, "duration"),
            Self::Enum(variants) => {
                let names: Vec<_> = variants.iter().take(4).map(|name| name.as_ref()).collect();
                write!(f, "enum of {}{}", names.join(", "), if variants.len() > 4 { ", …" } else { "" })
            }
            Self::List(of) => write!(f, "list of {of}"),
            Self::Object(_) => write!(f, "object"),
            Self::Map { value, .. } => write!(f, "map of {value}"),
            Self::Any => write!(f, "unknown"),
            Self::Never => write!(f, "nothing"),
        }
    }
}

impl fmt::Display for Typ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.ty, if self.null && self.ty != Ty::Null { "?" } else { "" })
    }
}
