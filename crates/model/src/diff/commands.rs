//! Commands: what they do may change, what they take may only grow.

use super::Differ;
use crate::aggregate::{AggregateType, Change as Effected, Effect};
use crate::args::ArgDef;
use crate::command::Command;
use crate::expr::Expr;
use sterna_crdt::Name;

impl Differ<'_> {
    pub(super) fn commands(&mut self, path: &str, old: &AggregateType, new: &AggregateType) {
        for command in new.commands() {
            let path = format!("{path}.commands.{}", command.name);
            match old.commands().iter().find(|before| before.stored() == command.stored()) {
                Some(before) => self.command(&path, before, command),
                None if self.took_place(&path, "command", command.stored(), &command.name, old.commands().iter().map(Command::names)) => {}
                None => self.safe(&path, format!("the command `{}` is new", command.name)),
            }
        }
        for gone in old.commands().iter().filter(|before| !new.commands().iter().any(|command| command.stored() == before.stored())) {
            let kept = new.commands().iter().any(|command| command.name == gone.name || *command.stored() == gone.name);
            let why = "clients, retries and reactions that are under way still send it";
            self.gone(&format!("{path}.commands.{}", gone.name), "command", gone.names(), kept, why);
        }
    }

    fn command(&mut self, path: &str, old: &Command, new: &Command) {
        self.renamed(path, "command", old.names(), new.names());
        self.deprecated(path, &new.name, old.deprecated, new.deprecated);
        self.args(path, old, new);
        let guards = |command: &Command| -> Vec<_> {
            command.require.iter().map(|guard| (guard.that.source.clone(), guard.code.clone(), guard.message.clone())).collect()
        };
        let effects = |command: &Command| command.effects.iter().map(said).collect::<Vec<_>>();
        let decided = "it holds for commands from now on; what was accepted stays";
        if old.on != new.on {
            self.safe(&format!("{path}.on"), format!("`{}` is for other aggregates; {decided}", new.name));
        }
        if guards(old) != guards(new) {
            self.safe(&format!("{path}.require"), format!("`{}` has other guards; {decided}", new.name));
        }
        if effects(old) != effects(new) {
            self.safe(&format!("{path}.effects"), format!("`{}` has other effects; {decided}", new.name));
        }
        if upcasts(old) != upcasts(new) {
            self.safe(&format!("{path}.upcast"), "older events are read in another way; views of them are built anew");
        }
    }

    fn args(&mut self, path: &str, old: &Command, new: &Command) {
        let help = format!("declare a command with a new name beside `{}`, which may be `deprecated`", new.name);
        for arg in &new.args {
            let path = format!("{path}.args.{}", arg.name);
            match old.args.iter().find(|before| before.stored() == arg.stored()) {
                Some(before) => {
                    self.renamed(&path, "argument", (&before.name, before.stored()), (&arg.name, arg.stored()));
                    self.deprecated(&path, &arg.name, before.deprecated, arg.deprecated);
                    if before.slot != arg.slot {
                        let message = format!("the argument `{}` of `{}` {}", arg.name, new.name, differs(before, arg));
                        self.new_name(&path, message, help.clone());
                    }
                }
                None if self.took_place(
                    &path,
                    "argument",
                    arg.stored(),
                    &arg.name,
                    old.args.iter().map(|arg| (&arg.name, arg.stored())),
                ) => {}
                None if arg.slot.optional || arg.slot.default.is_some() => {
                    self.safe(&path, format!("the argument `{}` is new and optional", arg.name));
                }
                None => {
                    let message = format!("the argument `{}` is new and required: whoever calls `{}` today lacks it", arg.name, new.name);
                    self.new_name(&path, message, format!("make it optional, or give it a default; else {help}"));
                }
            }
        }
        for gone in old.args.iter().filter(|before| !new.args.iter().any(|arg| arg.stored() == before.stored())) {
            if !new.args.iter().any(|arg| arg.name == gone.name || *arg.stored() == gone.name) {
                let message = format!("the argument `{}` of `{}` is gone: whoever sends it would be refused", gone.name, new.name);
                self.new_name(&format!("{path}.args.{}", gone.name), message, format!("keep it with `deprecated = true`; else {help}"));
            }
        }
    }
}

impl Command {
    fn names(&self) -> (&Name, &Name) {
        (&self.name, self.stored())
    }
}

fn differs(old: &ArgDef, new: &ArgDef) -> String {
    let (was, is) = (&old.slot, &new.slot);
    let (before, now) = (was.value_type.name(), is.value_type.name());
    match (before == now, was.optional == is.optional, was.default == is.default) {
        (false, ..) => format!("was {before}, and would be {now}"),
        (_, false, _) if is.optional => "was required, and would be optional".to_owned(),
        (_, false, _) => "was optional, and would be required".to_owned(),
        (_, _, false) => "has another default: a retry would be another request".to_owned(),
        _ => format!("has other rules for its {now}: one region would accept what another refuses"),
    }
}

/// By argument.
fn upcasts(command: &Command) -> Vec<(&Name, &str)> {
    let pairs = command.args.iter().zip(&command.upcast);
    pairs.filter_map(|(arg, upcast)| Some((arg.stored(), source(upcast.as_ref())?))).collect()
}

/// An effect as its expressions say it.
fn said(effect: &Effect) -> String {
    let (verb, value, by) = match &effect.change {
        Effected::Set { value, by, .. } => ("set", Some(value), by.as_ref()),
        Effected::Add(value) => ("add", Some(value), None),
        Effected::Insert(value) => ("insert", Some(value), None),
        Effected::Remove(value) => ("remove", Some(value), None),
        Effected::RemoveKey => ("remove_key", None, None),
        Effected::Delete { .. } => ("delete", None, None),
    };
    let parts = [value, by, effect.key.as_ref(), effect.when.as_ref(), effect.each.as_ref()].map(source);
    format!("{verb} {:?} {parts:?}", effect.field)
}

fn source(expr: Option<&Expr>) -> Option<&str> {
    expr.map(|expr| expr.source.as_ref())
}
