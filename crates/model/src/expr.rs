//! Expressions: CEL's syntax (read by the `cel` crate), our types, our own evaluation.

mod calls;
mod check;
mod coerce;
mod eval;
mod facts;
mod functions;
mod names;
mod node;
mod operators;
mod syntax;
mod ty;
mod val;

pub(crate) use check::{check, with_article};
pub(crate) use coerce::{Want, same};
pub use eval::EvalError;
pub(crate) use eval::{Locals, Scope, for_each_it};
pub(crate) use names::Names;
pub(crate) use node::Node;
pub(crate) use ty::{Ty, Typ};

use sterna_crdt::{Name, Value};

/// A checked expression.
pub(crate) struct Expr {
    pub node: Node,
    pub typ: Typ,
    pub source: Name,
}

impl std::fmt::Debug for Expr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} : {}", self.source, self.typ)
    }
}

impl Expr {
    /// With the old arguments as the only name.
    pub fn upcast(&self, args: &Value) -> Result<Value, EvalError> {
        let args = std::slice::from_ref(args);
        let scope = Scope { args, ..Scope::default() };
        Ok(self.node.eval(&scope, None)?.into_value())
    }
}
