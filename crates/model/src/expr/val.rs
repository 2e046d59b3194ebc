//! Values while an expression runs: borrowed wherever they can be.

use super::eval::EvalError;
use std::cmp::Ordering;
use sterna_crdt::{Field, FieldKind, Name, Value};

#[derive(Clone, Debug)]
pub(crate) enum Val<'a> {
    Null,
    Bool(bool),
    Int(i64),
    /// Microseconds since the Unix epoch.
    Timestamp(i64),
    /// Days since the Unix epoch.
    Date(i32),
    /// Microseconds.
    Duration(i64),
    Enum(u16, &'a Name),
    Str(&'a Name),
    Text(&'a str),
    List(&'a [Value]),
    Object(&'a [(Name, Value)]),
    /// A set as it is merged.
    Set(&'a Field),
    /// A map as it is merged, with the kind of its entries.
    Map(&'a Field, &'a FieldKind),
    /// Built by the expression: a string, a list or an object.
    Made(Value),
}

impl<'a> From<&'a Value> for Val<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(bool) => Self::Bool(*bool),
            Value::Int(int) => Self::Int(*int),
            Value::Timestamp(at) => Self::Timestamp(*at),
            Value::Date(day) => Self::Date(*day),
            Value::Enum { rank, name } => Self::Enum(*rank, name),
            Value::Str(text) => Self::Str(text),
            Value::List(items) => Self::List(items),
            Value::Object(members) => Self::Object(members),
        }
    }
}

impl<'a> Val<'a> {
    /// Of a value that nobody else holds.
    pub fn made(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(bool) => Self::Bool(bool),
            Value::Int(int) => Self::Int(int),
            Value::Timestamp(at) => Self::Timestamp(at),
            Value::Date(day) => Self::Date(day),
            other => Self::Made(other),
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub fn bool(&self) -> Result<bool, EvalError> {
        match self {
            Self::Bool(bool) => Ok(*bool),
            other => Err(other.not("a bool")),
        }
    }

    pub fn int(&self) -> Result<i64, EvalError> {
        match self {
            Self::Int(int) => Ok(*int),
            other => Err(other.not("an int")),
        }
    }

    /// A string, or an enum's name.
    pub fn str(&self) -> Result<&str, EvalError> {
        match self {
            Self::Str(text) => Ok(text),
            Self::Text(text) => Ok(text),
            Self::Enum(_, name) => Ok(name),
            Self::Made(Value::Str(text) | Value::Enum { name: text, .. }) => Ok(text),
            other => Err(other.not("a string")),
        }
    }

    /// Elements of a list, a set or a map, and members of an object; 0 of anything else.
    pub fn len(&self) -> usize {
        match self {
            Self::Set(field) | Self::Map(field, _) => field.len(),
            of => of.items().map_or_else(|| of.members().map_or(0, <[_]>::len), <[_]>::len),
        }
    }

    pub fn items(&self) -> Option<&[Value]> {
        match self {
            Self::List(items) => Some(items),
            Self::Made(Value::List(items)) => Some(items),
            _ => None,
        }
    }

    pub fn members(&self) -> Option<&[(Name, Value)]> {
        match self {
            Self::Object(members) => Some(members),
            Self::Made(Value::Object(members)) => Some(members),
            _ => None,
        }
    }

    pub fn member(self, name: &str) -> Option<Val<'a>> {
        match self {
            Self::Object(members) => find(members, name).map(Val::from),
            Self::Made(Value::Object(members)) => find(&members, name).cloned().map(Val::made),
            _ => None,
        }
    }

    /// A duration has no value; the checker lets none get here.
    pub fn into_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(bool) => Value::Bool(bool),
            Self::Int(int) | Self::Duration(int) => Value::Int(int),
            Self::Timestamp(at) => Value::Timestamp(at),
            Self::Date(day) => Value::Date(day),
            Self::Enum(rank, name) => Value::Enum { rank, name: name.clone() },
            Self::Str(text) => Value::Str(text.clone()),
            Self::Text(text) => Value::str(text),
            Self::List(items) => Value::List(items.to_vec()),
            Self::Object(members) => Value::Object(members.to_vec()),
            Self::Set(field) => Value::List(field.elements().cloned().collect()),
            Self::Map(field, kind) => crate::expr::eval::map_value(field, kind),
            Self::Made(value) => value,
        }
    }

    /// Null first; between values of one type its natural order.
    pub fn order(&self, other: &Val<'_>) -> Ordering {
        match (self, other) {
            (Self::Int(a), Val::Int(b)) | (Self::Timestamp(a), Val::Timestamp(b)) | (Self::Duration(a), Val::Duration(b)) => a.cmp(b),
            (Self::Date(a), Val::Date(b)) => a.cmp(b),
            (Self::Bool(a), Val::Bool(b)) => a.cmp(b),
            (Self::Enum(a, _), Val::Enum(b, _)) => a.cmp(b),
            (Self::Null, Val::Null) => Ordering::Equal,
            (Self::Null, _) => Ordering::Less,
            (_, Val::Null) => Ordering::Greater,
            (Self::Str(_) | Self::Text(_) | Self::Made(Value::Str(_)), Val::Str(_) | Val::Text(_) | Val::Made(Value::Str(_))) => {
                self.str().unwrap_or_default().cmp(other.str().unwrap_or_default())
            }
            (a, b) => a.clone().into_value().cmp(&b.clone().into_value()),
        }
    }

    /// As a map's key is written: by its text.
    pub fn key_text(&self) -> Result<std::borrow::Cow<'_, str>, EvalError> {
        match self.str() {
            Ok(text) => Ok(text.into()),
            Err(_) => Ok(sterna_crdt::key_text(&self.clone().into_value()).to_string().into()),
        }
    }

    pub fn not(&self, wanted: &'static str) -> EvalError {
        if self.is_null() { EvalError::Null } else { EvalError::NotA(wanted) }
    }
}

/// Members are in order of their names.
pub(crate) fn find<'v>(members: &'v [(Name, Value)], name: &str) -> Option<&'v Value> {
    members.binary_search_by(|(member, _)| member.as_ref().cmp(name)).ok().map(|at| &members[at].1)
}
