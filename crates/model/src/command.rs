//! A command: from a state and arguments to evaluated operations, or to a refusal.

use crate::aggregate::{Change, Effect};
use crate::args::{ArgDef, Args};
use crate::expr::{EvalError, Expr, Locals, Scope, for_each_it};
use crate::limits::COMMAND_OPS_MAX;
use crate::state::StateView;
use sterna_crdt::{Action, Clock, Name, Op};

pub struct Command {
    pub name: Name,
    pub args: Vec<ArgDef>,
    /// Places in `args`, in order of their stored names.
    pub(crate) args_by_stored: Vec<usize>,
    /// Checked by the caller, before [`Self::decide`].
    pub on: On,
    pub(crate) require: Vec<Guard>,
    pub(crate) effects: Vec<Effect>,
    /// One an argument: how an older event's arguments give it.
    pub(crate) upcast: Vec<Option<Expr>>,
    pub was: Option<Name>,
    pub deprecated: bool,
}

/// Which aggregates a command is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum On {
    #[default]
    Any,
    /// It must not exist yet.
    Absent,
    /// It must exist.
    Present,
}

pub(crate) struct Guard {
    pub that: Expr,
    pub code: Name,
    pub message: Name,
}

/// What a decision is made from.
#[derive(Clone, Copy)]
pub struct Decide<'a> {
    pub id: &'a str,
    pub exists: bool,
    /// Before the command.
    pub state: &'a dyn StateView,
    pub now: Clock,
    pub region: &'a str,
    pub actor: &'a str,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Decision {
    pub ops: Vec<Op>,
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    #[error("{message}")]
    Guard { code: Name, message: Name },
    #[error("`{effect}` has no value: {error}")]
    Error {
        /// The expression.
        effect: String,
        error: EvalError,
    },
}

impl Command {
    /// What the data calls it: the name before it was renamed. Events and requests' hashes have this one, whatever the model's version.
    pub fn stored(&self) -> &Name {
        self.was.as_ref().unwrap_or(&self.name)
    }

    pub fn arg(&self, name: &str) -> Option<&ArgDef> {
        self.args.iter().find(|arg| arg.name.as_ref() == name)
    }

    /// The codes that this command's guards may refuse with.
    pub fn guards(&self) -> impl Iterator<Item = (&Name, &Name)> {
        self.require.iter().map(|guard| (&guard.code, &guard.message))
    }

    /// The first guard that is false answers; then all effects see the state before the command.
    pub fn decide(&self, input: &Decide<'_>, args: &Args) -> Result<Decision, Refusal> {
        let scope = scope(input, args);
        for guard in &self.require {
            let holds = guard.that.node.eval(&scope, None).and_then(|value| value.bool());
            match holds {
                Ok(true) => {}
                Ok(false) => return Err(Refusal::Guard { code: guard.code.clone(), message: guard.message.clone() }),
                Err(error) => return Err(refused(&guard.that, error)),
            }
        }
        let mut ops = Vec::with_capacity(self.effects.len());
        for effect in &self.effects {
            effect.run(&scope, &mut ops)?;
        }
        Ok(Decision { ops })
    }
}

pub(crate) fn scope<'a>(input: &Decide<'a>, args: &'a Args) -> Scope<'a> {
    let Decide { id, exists, state, now, region, actor } = *input;
    Scope { id, exists, state, args: args.values(), now, region, actor, ..Scope::default() }
}

pub(crate) fn refused(expr: &Expr, error: EvalError) -> Refusal {
    Refusal::Error { effect: expr.source.to_string(), error }
}

impl Effect {
    fn run<'a>(&'a self, scope: &'a Scope<'a>, ops: &mut Vec<Op>) -> Result<(), Refusal> {
        let Some(each) = &self.each else { return self.run_once(scope, None, ops) };
        let mut refusal = None;
        let ran = for_each_it(Some(&each.node), scope, &mut |locals| {
            self.run_once(scope, locals, ops).map_err(|error| {
                refusal = Some(error);
                EvalError::Null
            })
        });
        match refusal {
            Some(refusal) => Err(refusal),
            None => ran.map_err(|error| refused(each, error)),
        }
    }

    fn run_once<'a>(&'a self, scope: &'a Scope<'a>, locals: Locals<'_, 'a>, ops: &mut Vec<Op>) -> Result<(), Refusal> {
        let value = |expr: &'a Expr| expr.node.eval(scope, locals).map_err(|error| refused(expr, error));
        if let Some(when) = &self.when
            && !value(when)?.bool().map_err(|error| refused(when, error))?
        {
            return Ok(());
        }
        let action = match &self.change {
            Change::Set { value: set, by, rule } => {
                let by = by.as_ref().map(&value).transpose()?;
                Action::Set { value: value(set)?.into_value(), by: by.map(|by| by.into_value()), rule: rule.clone() }
            }
            Change::Add(amount) => Action::Add(value(amount)?.int().map_err(|error| refused(amount, error))?),
            Change::Insert(element) => Action::Insert(value(element)?.into_value()),
            Change::Remove(element) => Action::Remove(value(element)?.into_value()),
            Change::RemoveKey => Action::RemoveKey,
            Change::Delete { wins } => Action::Delete { wins: *wins },
        };
        let key = self.key.as_ref().map(&value).transpose()?.map(|key| key.into_value());
        if ops.len() == COMMAND_OPS_MAX {
            return Err(Refusal::Error { effect: String::from("effects"), error: EvalError::TooLarge });
        }
        ops.push(Op { field: self.field.clone().unwrap_or_else(|| Name::from("")), key, action });
        Ok(())
    }
}
