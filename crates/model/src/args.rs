//! A command's arguments: typed, with defaults, in declared order.

mod read;
mod values;

pub(crate) use values::{stored, text_value};

use crate::json::write_object;
use crate::value_type::Slot;
use crate::{Command, expr::Expr};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use sterna_crdt::{Name, Value};

pub struct ArgDef {
    pub name: Name,
    pub slot: Slot,
    /// The name it had in an older model; still accepted.
    pub was: Option<Name>,
    pub deprecated: bool,
    /// Its declaration has a mistake, so that nothing is known of it. In no model.
    pub(crate) broken: bool,
}

/// As it was declared. The hash of a view of events is made of this.
impl fmt::Debug for ArgDef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, slot, was, deprecated, broken: _ } = self;
        let mut shown = f.debug_struct("ArgDef");
        shown.field("name", name).field("slot", slot).field("was", was).field("deprecated", deprecated).finish()
    }
}

impl ArgDef {
    /// What stored arguments call it: the name before it was renamed.
    pub fn stored(&self) -> &Name {
        self.was.as_ref().unwrap_or(&self.name)
    }
}

/// One value an argument; null where an optional one is missing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Args(pub(crate) Vec<Value>);

/// One mistake in a command's arguments.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
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

    /// As JSON, by and in order of the stored names, without nulls: what an event stores. A null that an `upcast` would take for missing
    /// is said.
    pub fn to_json(&self, command: &Command) -> String {
        self.json_of(command, |at, value| !value.is_null() || command.upcast[at].is_some())
    }

    /// What a request says, `stored` being its [`Self::to_json`]: without what is said by saying nothing, so that neither a rename nor
    /// a new optional argument makes another request of it.
    pub fn canonical<'j>(&self, command: &Command, stored: &'j str) -> Cow<'j, str> {
        if command.args.iter().all(|arg| arg.slot.default.is_none()) && command.upcast.iter().all(Option::is_none) {
            return stored.into();
        }
        self.json_of(command, |at, value| !value.is_null() && command.args[at].slot.default.as_ref() != Some(value)).into()
    }

    fn json_of(&self, command: &Command, shown: impl Fn(usize, &Value) -> bool) -> String {
        let mut out = String::with_capacity(16 + 24 * self.0.len());
        let members = command.args_by_stored.iter().map(|&at| (at, self.0.get(at).unwrap_or(&Value::Null)));
        let shown = members.filter(|(at, value)| shown(*at, value));
        write_object(shown.map(|(at, value)| (command.args[at].stored().as_ref(), value)), &mut out);
        out
    }
}

impl Command {
    /// Reads a JSON object (nothing counts as `{}`); all mistakes at once. Refuses unknown and repeated names.
    pub fn parse_args(&self, json: &[u8]) -> Result<Args, Vec<ArgError>> {
        read::parse(self, json)
    }

    /// What [`Args::to_json`] wrote, by the present names.
    pub fn shown_args<'j>(&self, stored: &'j str) -> Cow<'j, str> {
        if self.args.iter().all(|arg| arg.was.is_none()) {
            return stored.into();
        }
        let Ok(serde_json::Value::Object(members)) = serde_json::from_str(stored) else { return stored.into() };
        let shown = |name: String| self.args.iter().find(|arg| *arg.stored().as_ref() == *name).map_or(name, |arg| arg.name.to_string());
        let members: std::collections::BTreeMap<_, _> = members.into_iter().map(|(name, value)| (shown(name), value)).collect();
        serde_json::to_string(&members).map_or(stored.into(), Cow::Owned)
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
