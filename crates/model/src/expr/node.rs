//! Compiled expressions: typed trees that [`super::eval`] walks directly.

use std::cmp::Ordering;
use std::sync::Arc;
use sterna_crdt::{Name, Value};

pub(crate) enum Node {
    Const(Value),
    Arg(usize),
    /// `Value` is what it reads as while unset.
    Field(usize, Value),
    Binding(Binding),
    /// The n-th enclosing `each` or macro variable, from the inside.
    Local(usize),
    Member(Box<Node>, Name),
    /// A map's or object's value, or a list's element; missing is an error.
    Index(Box<Node>, Box<Node>),
    Not(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    If(Box<Node>, Box<Node>, Box<Node>),
    Negate(Box<Node>),
    Equal(Box<Node>, Box<Node>),
    NotEqual(Box<Node>, Box<Node>),
    Compare(Comparison, Box<Node>, Box<Node>),
    Arithmetic(Arithmetic, Box<Node>, Box<Node>),
    In(Box<Node>, Box<Node>),
    Has(Box<Node>),
    Matches(Box<Node>, regex::Regex),
    Call(Function, Vec<Node>),
    List(Vec<Node>),
    /// In order of the names.
    Object(Vec<(Name, Node)>),
    Macro(Macro, Box<Node>, Box<Node>),
    /// A string to a variant, or a variant to the same one of a wider enum.
    ToEnum(Box<Node>, Arc<[Name]>),
    /// An integer that leaves JSON's range is refused.
    Fits(Box<Node>, crate::Slot),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Binding {
    Id,
    Exists,
    Now,
    Region,
    Actor,
    CreatedAt,
    UpdatedAt,
    EventId,
    EventName,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    pub fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Function {
    Size,
    StartsWith,
    EndsWith,
    Contains,
    Get,
    Sum,
    Min,
    Max,
    Lower,
    Split,
    String,
    Int,
    Timestamp,
    Date,
    Duration,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Macro {
    Exists,
    ExistsOne,
    All,
    Filter,
    Map,
}
