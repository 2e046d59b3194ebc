//! The model language: parse, check, compile, evaluate; pure.
//!
//! [`parse`] turns a text into a [`Model`] and [`Diagnostic`]s; there is a model if and only if no diagnostic is an error. A model
//! never changes. Everything it evaluates is a pure function of what is handed in, and gives the same bytes on every machine.

mod aggregate;
mod args;
mod command;
mod diagnostic;
pub mod diff;
mod expr;
pub mod json;
pub mod limits;
mod load;
mod model;
mod query;
mod reaction;
mod reader;
mod schema;
mod state;
mod time;
mod value_type;
mod view;

pub use aggregate::{AggregateType, FieldDef, Home};
pub use args::{ArgDef, ArgError, Args};
pub use command::{Command, Decide, Decision, On, Refusal};
pub use diagnostic::{Diagnostic, Severity, nearest};
pub use expr::EvalError;
pub use load::{parse, parse_with};
pub use model::Model;
pub use query::parse_query_value;
pub use reaction::{Outgoing, REACTION_DEPTH_MAX, Reaction, valid_id};
pub use schema::json_schema;
pub use state::{Document, FieldRef, FieldsView, NoState, StateView, document};
pub use time::{parse_date, parse_timestamp};
pub use value_type::{Pattern, Slot, ValueType};
pub use view::{Agg, AggOp, Column, Contribution, DocView, Evaluated, EventView, Row, Rows, Source, View, ViewKind};
