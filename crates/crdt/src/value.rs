//! Values of arguments, registers, elements, keys and columns.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A name that a model declares (field, argument, variant), shared.
pub type Name = Arc<str>;

/// A typed value. The derived order is total; between values of one type it is the natural one (an enum's is that of its
/// declaration), and null sorts first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub enum Value {
    #[default]
    Null,
    Bool(bool),
    Int(i64),
    /// Microseconds since the Unix epoch.
    Timestamp(i64),
    /// Days since the Unix epoch.
    Date(i32),
    /// A variant of an enum; `rank` is its place in the declaration.
    Enum { rank: u16, name: Name },
    Str(Name),
    List(Vec<Value>),
    /// In order of the keys.
    Object(Vec<(Name, Value)>),
}

impl Value {
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub fn str(text: &str) -> Self {
        Self::Str(Arc::from(text))
    }
}
