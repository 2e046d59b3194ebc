//! What values may be: the types that a model declares for arguments, registers, elements and columns, with their rules.

use crate::limits::INT_MAX;
use std::fmt;
use std::sync::Arc;
use sterna_crdt::{Name, Value};

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ValueType {
    /// Lengths in characters.
    String {
        min: u32,
        max: u32,
        pattern: Option<Pattern>,
    },
    Int {
        min: i64,
        max: i64,
    },
    Bool,
    Timestamp,
    Date,
    /// Variants in order of declaration.
    Enum(Arc<[Name]>),
    List {
        of: Box<Slot>,
        min: u32,
        max: u32,
    },
    /// Members in order of their names.
    Object(Arc<[(Name, Slot)]>),
    /// By text key. Only in documents and columns: nothing declares one.
    Map(Box<Slot>),
}

/// A place for a value: its type, and whether it may be missing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Slot {
    pub value_type: ValueType,
    pub optional: bool,
    pub default: Option<Value>,
}

impl Slot {
    pub fn required(value_type: ValueType) -> Self {
        Self { value_type, optional: false, default: None }
    }

    /// Whether null is a value here.
    pub fn nullable(&self) -> bool {
        self.optional && self.default.is_none()
    }
}

impl ValueType {
    /// The type's name as it is written in a model.
    pub fn name(&self) -> &'static str {
        match self {
            Self::String { .. } => "string",
            Self::Int { .. } => "int",
            Self::Bool => "bool",
            Self::Timestamp => "timestamp",
            Self::Date => "date",
            Self::Enum(_) => "enum",
            Self::List { .. } => "list",
            Self::Object(_) => "object",
            Self::Map(_) => "map",
        }
    }

    pub fn any_int() -> Self {
        Self::Int { min: -INT_MAX, max: INT_MAX }
    }

    pub fn any_string() -> Self {
        Self::String { min: 0, max: crate::limits::STRING_CHARS_MAX_DEFAULT, pattern: None }
    }

    /// Whether a value of this type keeps the rules (`min`, `max`, `pattern`); says what it should be.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        match (self, value) {
            (Self::Int { min, max }, Value::Int(int)) => check_int(*int, *min, *max),
            (Self::String { min, max, pattern }, Value::Str(text)) => check_string(text, *min, *max, pattern.as_ref()),
            (Self::List { of, min, max }, Value::List(items)) => {
                check_length(items.len(), *min, *max)?;
                items.iter().try_for_each(|item| of.check(item))
            }
            (Self::Object(members), Value::Object(values)) => {
                values.iter().try_for_each(|(name, value)| match members.binary_search_by(|(member, _)| member.cmp(name)) {
                    Ok(at) => members[at].1.check(value).map_err(|why| format!("`{name}` {why}")),
                    Err(_) => Err(format!("has no `{name}`")),
                })
            }
            _ => Ok(()),
        }
    }
}

impl Slot {
    pub fn check(&self, value: &Value) -> Result<(), String> {
        match value {
            Value::Null if self.nullable() => Ok(()),
            Value::Null => Err("must not be null".to_owned()),
            value => self.value_type.check(value),
        }
    }
}

pub(crate) fn check_int(int: i64, min: i64, max: i64) -> Result<(), String> {
    match (int < min, int > max) {
        (true, _) if min == -INT_MAX => Err("must be at least −(2^53 − 1)".to_owned()),
        (_, true) if max == INT_MAX => Err("must be at most 2^53 − 1".to_owned()),
        (true, _) => Err(format!("must be at least {min}")),
        (_, true) => Err(format!("must be at most {max}")),
        _ => Ok(()),
    }
}

pub(crate) fn check_string(text: &str, min: u32, max: u32, pattern: Option<&Pattern>) -> Result<(), String> {
    // Bytes bound characters on both sides, so that most strings are never counted.
    let (min, max) = (min as usize, max as usize);
    if text.len() > max && text.chars().count() > max {
        return Err(format!("must have at most {max} characters"));
    }
    if min > 0 && (text.len() < min || text.len() < min * 4 && text.chars().count() < min) {
        return Err(format!("must have at least {min} {}", if min == 1 { "character" } else { "characters" }));
    }
    match pattern {
        Some(pattern) if !pattern.matches(text) => Err(format!("must match {}", pattern.source())),
        _ => Ok(()),
    }
}

pub(crate) fn check_length(len: usize, min: u32, max: u32) -> Result<(), String> {
    match (len < min as usize, len > max as usize) {
        (true, _) => Err(format!("must have at least {min} elements")),
        (_, true) => Err(format!("must have at most {max} elements")),
        _ => Ok(()),
    }
}

/// A regular expression that a whole string must match.
#[derive(Clone)]
pub struct Pattern {
    source: Name,
    regex: regex::Regex,
}

impl Pattern {
    const COMPILED_BYTES_MAX: usize = 1 << 18;

    pub fn new(source: &str) -> Result<Self, regex::Error> {
        regex::Regex::new(source)?;
        let regex = regex::RegexBuilder::new(&format!("^(?:{source})$")).size_limit(Self::COMPILED_BYTES_MAX).build()?;
        Ok(Self { source: Name::from(source), regex })
    }

    pub fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    pub fn source(&self) -> &str {
        &self.source
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.source)
    }
}
