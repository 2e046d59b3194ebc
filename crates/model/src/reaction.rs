//! Reactions: commands that an accepted command sends to other aggregates.

use crate::args::Args;
use crate::command::{Decide, scope};
use crate::expr::{EvalError, Expr, Locals, Scope, for_each_it};
use crate::limits::ID_BYTES_MAX;
use crate::{Command, Model};
use sterna_crdt::Name;

/// How deep a chain of reactions may be: an event that is that many causes away from its first sends none.
pub const REACTION_DEPTH_MAX: usize = 8;

pub struct Reaction {
    pub name: Name,
    /// The aggregate's type and the command that it follows, by their stored names.
    pub on: (Name, Name),
    pub(crate) when: Option<Expr>,
    pub(crate) each: Option<Expr>,
    pub(crate) send: Send,
    pub(crate) refused: Option<Send>,
}

/// One command to send.
pub(crate) struct Send {
    pub aggregate: Name,
    pub command: Name,
    pub to: Expr,
    /// By place in the target's arguments.
    pub args: Vec<(usize, Expr)>,
}

/// A command to another aggregate, evaluated. It is stored with the event that causes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outgoing {
    pub reaction: Name,
    pub aggregate: Name,
    pub id: String,
    pub command: Name,
    /// As [`Args::to_json`] writes them.
    pub args_json: String,
}

impl Reaction {
    /// The type and the command that it sends, by their stored names.
    pub fn target(&self) -> (&Name, &Name) {
        (&self.send.aggregate, &self.send.command)
    }

    /// The commands to send, in order: one, none if `when` is false, or one for each element of `each`. `input.state` is the
    /// state after the command. An error refuses the command.
    pub fn evaluate(&self, model: &Model, input: &Decide<'_>, args: &Args) -> Result<Vec<Outgoing>, EvalError> {
        let scope = scope(input, args);
        let mut outgoing = Vec::new();
        for_each_it(self.each.as_ref().map(|each| &each.node), &scope, &mut |locals| {
            if let Some(when) = &self.when
                && !when.node.eval(&scope, locals)?.bool()?
            {
                return Ok(());
            }
            outgoing.push(self.send.evaluate(&self.name, model, &scope, locals)?);
            Ok(())
        })?;
        Ok(outgoing)
    }

    /// What to send when the target refused; `None` if the model says nothing. Sees what [`Self::evaluate`] saw, but for `each`.
    pub fn evaluate_refused(&self, model: &Model, input: &Decide<'_>, args: &Args) -> Option<Result<Outgoing, EvalError>> {
        let scope = scope(input, args);
        Some(self.refused.as_ref()?.evaluate(&self.name, model, &scope, None))
    }
}

impl Send {
    fn target<'m>(&self, model: &'m Model) -> Option<&'m Command> {
        model.aggregate(&self.aggregate)?.command(&self.command)
    }

    fn evaluate<'a>(&'a self, reaction: &Name, model: &Model, scope: &'a Scope<'a>, locals: Locals<'_, 'a>) -> Result<Outgoing, EvalError> {
        let target = self.target(model).ok_or_else(|| EvalError::Missing(format!("{}.{}", self.aggregate, self.command)))?;
        let id = self.to.node.eval(scope, locals)?.str()?.to_owned();
        if !valid_id(&id) {
            return Err(EvalError::Unreadable { text: id.chars().take(40).collect(), wanted: "an aggregate's id" });
        }
        let mut values = Vec::with_capacity(self.args.len());
        for (at, expr) in &self.args {
            values.push((*at, expr.node.eval(scope, locals)?.into_value()));
        }
        let args = target.args_from(values.into_iter()).map_err(EvalError::Rule)?;
        let (aggregate, command) = (self.aggregate.clone(), self.command.clone());
        Ok(Outgoing { reaction: reaction.clone(), aggregate, id, command, args_json: args.to_json(target) })
    }
}

/// 1 to 128 of `A-Za-z0-9._~@:+-`, not `.` or `..`.
pub fn valid_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._~@:+-".contains(&byte);
    (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(allowed) && id != "." && id != ".."
}
