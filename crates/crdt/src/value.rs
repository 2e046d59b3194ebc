//! Values of arguments, registers, elements, keys and columns.

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
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
    Enum {
        rank: u16,
        #[serde(deserialize_with = "name")]
        name: Name,
    },
    Str(#[serde(deserialize_with = "name")] Name),
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

/// Reads a name with one allocation; serde's own way for `Arc<str>` takes a `String` in between.
pub(crate) fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Name, D::Error> {
    struct Shared;

    impl Visitor<'_> for Shared {
        type Value = Name;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Name, E> {
            Ok(Name::from(text))
        }
    }

    deserializer.deserialize_str(Shared)
}
