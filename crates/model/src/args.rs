//! A command's arguments: typed, with defaults, in declared order.

mod read;
mod values;

pub(crate) use values::{stored, text_value};

use crate::json::write_object;
use crate::value_type::Slot;
use crate::{Command, expr::Expr};
use sterna_crdt::{Name, Value};

#[derive(Debug)]
pub struct ArgDef {
    pub name: Name,
    pub slot: Slot,
    /// The name it had in an older model; still accepted.
    pub was: Option<Name>,
    pub deprecated: bool,
}

/// One value an argument; null where an optional one is missing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Args(pub(crate) Vec<Value>);

/// One mistake in a command's arguments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ArgError {
    /// RFC 6901.
    pub pointer: String,
    pub detail: String,
}

impl Args {
    /// In declared order.
    pub fn values(&self) -> &[Value] {
        &self.0
    }

    /// As JSON, in order of the names, without nulls: what an event stores.
    pub fn to_json(&self, command: &Command) -> String {
        let mut out = String::with_capacity(16 + 24 * self.0.len());
        let members = command.args_by_name.iter().map(|at| (command.args[*at].name.as_ref(), self.0.get(*at).unwrap_or(&Value::Null)));
        write_object(members.filter(|(_, value)| !value.is_null()), &mut out);
        out
    }

    /// Equal for equal requests: the command's name and [`Self::to_json`]. A new optional argument leaves it as it was.
    pub fn canonical(&self, command: &Command) -> Vec<u8> {
        [command.name.as_bytes(), b"\n", self.to_json(command).as_bytes()].concat()
    }
}

impl Command {
    /// Reads a JSON object (nothing counts as `{}`); all mistakes at once. Refuses unknown and repeated names.
    pub fn parse_args(&self, json: &[u8]) -> Result<Args, Vec<ArgError>> {
        read::parse(self, json)
    }

    /// Reads what [`Args::to_json`] wrote, also under an older model: unknown names are passed over, rules are not checked, and
    /// what is missing or of another type comes from `upcast`, else from the default, else is null.
    pub fn stored_args(&self, json: &[u8]) -> Args {
        let stored = serde_json::from_slice::<serde_json::Value>(json).unwrap_or_default();
        let untyped = self.upcast.iter().any(Option::is_some).then(|| crate::json::untyped(&stored));
        let value = |(arg, upcast): (&ArgDef, &Option<Expr>)| {
            let found = stored.get(arg.name.as_ref()).or_else(|| stored.get(arg.was.as_deref()?));
            let read = found.and_then(|json| values::stored(&arg.slot, json));
            let upcast = || upcast.as_ref()?.upcast(untyped.as_ref()?).ok().filter(|value| values::fits_slot(&arg.slot, value));
            read.or_else(upcast).or_else(|| arg.slot.default.clone()).unwrap_or_default()
        };
        Args(self.args.iter().zip(&self.upcast).map(value).collect())
    }

    /// Arguments from values by name, as a reaction makes them: with defaults, and every rule checked.
    pub(crate) fn args_from(&self, values: impl Iterator<Item = (usize, Value)>) -> Result<Args, String> {
        let mut args: Vec<_> = self.args.iter().map(|arg| arg.slot.default.clone().unwrap_or_default()).collect();
        for (at, value) in values {
            if !value.is_null() {
                args[at] = value;
            }
        }
        for (arg, value) in self.args.iter().zip(&args) {
            arg.slot.check(value).map_err(|why| format!("`{}` of `{}` {why}", arg.name, self.name))?;
        }
        Ok(Args(args))
    }
}
