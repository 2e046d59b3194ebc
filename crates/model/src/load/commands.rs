//! Reads commands: first what they take, so that maps' keys can be typed, then what they do.

use super::Loader;
use super::fields::FieldSource;
use crate::aggregate::FieldDef;
use crate::args::ArgDef;
use crate::command::{Command, Guard, On};
use crate::diagnostic::{Report, did_you_mean};
use crate::expr::{Expr, Names, Want, check};
use crate::reader::{Item, Section, Span};
use crate::value_type::{Slot, ValueType};
use sterna_crdt::{FieldKind, Name};

const KEYS: &[&str] = &["args", "on", "require", "effects", "upcast", "was", "deprecated"];

/// A command of which only the arguments are read.
pub(super) struct Signature<'t> {
    pub name: Name,
    pub span: Span,
    pub args: Vec<ArgDef>,
    pub section: Section<'t>,
}

impl<'t> Loader<'t, '_> {
    pub(super) fn signatures(&mut self, of: &Name, item: Option<&Item<'t>>) -> Vec<Signature<'t>> {
        let mut signatures = Vec::new();
        for (name, item) in self.named(item) {
            if name.as_ref() == "events" {
                self.report.error("bad-name", item.key_span.clone(), "`events` can't be a command: it is an aggregate's history");
            }
            let Some(mut section) = item.table(&mut self.report) else {
                self.broken.push(format!("{of}.{name}"));
                continue;
            };
            let args = section.take("args");
            signatures.push(Signature { args: self.args(args.as_ref()), name, span: item.key_span, section });
        }
        signatures
    }

    fn args(&mut self, item: Option<&Item<'t>>) -> Vec<ArgDef> {
        let mut args = Vec::new();
        let mut spans = Vec::new();
        for (name, item) in self.named(item) {
            let (mut was, mut deprecated) = (None, false);
            let slot = match item.value.is_table() {
                false => self.slot(&item, 0),
                true => item.table(&mut self.report).and_then(|mut section| {
                    (was, deprecated) = self.evolution(&mut section);
                    let slot = self.slot_in(&mut section, &item, 0)?;
                    self.finish_type(&section, &["min", "max", "default", "was", "deprecated"]);
                    Some(slot)
                }),
            };
            let broken = slot.is_none();
            let unknown = || Slot { optional: true, ..Slot::required(ValueType::any_string()) };
            args.push(ArgDef { name, slot: slot.unwrap_or_else(unknown), was, deprecated, broken });
            spans.push(item.key_span);
        }
        self.check_was(args.iter().zip(spans).map(|(arg, span)| (&arg.name, arg.was.as_ref(), span)));
        args
    }

    /// Types each map's keys by the first effect that names one.
    pub(super) fn infer_keys(&mut self, fields: &mut [FieldSource<'t>], signatures: &[Signature<'t>]) {
        let defs: Vec<_> = fields.iter().map(|field| shallow(&field.def)).collect();
        let mut scratch = Report::new(self.report.text());
        for signature in signatures {
            let effects = signature.section.items().iter().find(|item| item.key == "effects").and_then(Item::items);
            for effect in effects.unwrap_or_default() {
                let Some(table) = effect.value.as_table() else { continue };
                let section = Section::new(table);
                let get = |key: &str| section.items().iter().find(|item| item.key == key);
                let target = get("to").or_else(|| get("from")).and_then(|item| item.value.as_str());
                let Some(field) = fields.iter_mut().find(|field| Some(field.def.name.as_ref()) == target) else { continue };
                let Some(key) = get("remove_key").or_else(|| get("key")) else { continue };
                if field.def.key.is_some() || !matches!(field.def.kind, FieldKind::Map(_)) {
                    continue;
                }
                let names = Names::command(&defs, &signature.args);
                let each = get("each").map(|each| check(each, &names, &mut Vec::new(), &Want::Range, &mut scratch));
                let names = names.with_each(each.as_ref());
                let mut facts = Vec::new();
                if let Some(when) = get("when") {
                    check(when, &names, &mut facts, &Want::Bool, &mut scratch);
                }
                field.def.key = check(key, &names, &mut facts, &Want::Key, &mut scratch).and_then(|key| key.typ.ty.value_type());
            }
        }
    }

    pub(super) fn commands(
        &mut self,
        signatures: Vec<Signature<'t>>,
        fields: &[FieldDef],
        bys: &[Option<Item<'t>>],
        delete_wins: bool,
    ) -> Vec<Command> {
        let mut commands: Vec<Command> = Vec::new();
        let mut spans = Vec::new();
        for signature in signatures {
            let Signature { name, args, mut section, span } = signature;
            let (was, deprecated) = self.evolution(&mut section);
            let on = section.take("on").and_then(|item| self.on(&item)).unwrap_or_default();
            let names = Names::command(fields, &args);
            let mut facts = Vec::new();
            let require = section.take("require").map_or(Vec::new(), |item| self.guards(&item, &names, &mut facts));
            let effects = match section.take("effects") {
                Some(item) => self.effects(&item, fields, bys, &names, &facts, delete_wins),
                None => Vec::new(),
            };
            let upcast = self.upcast(section.take("upcast"), &args);
            section.finish("a command", KEYS, &mut self.report);
            let mut args_by_stored: Vec<_> = (0..args.len()).collect();
            args_by_stored.sort_by(|a, b| args[*a].stored().cmp(args[*b].stored()));
            commands.push(Command { name, args, args_by_stored, on, require, effects, upcast, was, deprecated });
            spans.push(span);
        }
        self.check_was(commands.iter().zip(spans).map(|(command, span)| (&command.name, command.was.as_ref(), span)));
        commands
    }

    fn on(&mut self, item: &Item<'t>) -> Option<On> {
        let name = item.str(&mut self.report)?;
        match name {
            "any" => Some(On::Any),
            "absent" => Some(On::Absent),
            "present" => Some(On::Present),
            _ => {
                let hint =
                    did_you_mean(name, ["any", "absent", "present"]).unwrap_or_else(|| "it is `any`, `absent` or `present`".to_owned());
                self.report.error_with("unknown-variant", item.span.clone(), format!("`on` can't be `{name}`"), hint);
                None
            }
        }
    }

    /// Each guard may rely on the ones before it.
    fn guards(&mut self, item: &Item<'t>, names: &Names<'_>, facts: &mut Vec<String>) -> Vec<Guard> {
        let mut guards: Vec<Guard> = Vec::new();
        for item in item.array(&mut self.report).unwrap_or_default() {
            let Some(mut section) = item.table(&mut self.report) else { continue };
            let that = self.required(&mut section, "that", &item);
            let (code, message) = (self.required(&mut section, "code", &item), self.required(&mut section, "else", &item));
            section.finish("a guard", &["that", "code", "else"], &mut self.report);
            let that = that.and_then(|that| check(&that, names, facts, &Want::Bool, &mut self.report));
            let code = code.and_then(|code| self.code(&code));
            let message = message.and_then(|message| message.str(&mut self.report));
            let Some(((that, code), message)) = that.zip(code).zip(message) else { continue };
            guards.push(Guard { that, code, message: Name::from(message) });
        }
        guards
    }

    fn code(&mut self, item: &Item<'t>) -> Option<Name> {
        let code = item.str(&mut self.report)?;
        let valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if code.is_empty() || code.len() > 64 || !code.bytes().all(valid) {
            self.report.error_with("bad-name", item.span.clone(), format!("`{code}` can't be a code"), "a code is like `not-in-cart`");
            return None;
        }
        Some(Name::from(code))
    }

    pub fn required(&mut self, section: &mut Section<'t>, key: &'static str, of: &Item<'t>) -> Option<Item<'t>> {
        let item = section.take(key);
        if item.is_none() {
            self.report.error("missing-key", of.span.clone(), format!("`{key}` is missing here"));
        }
        item
    }

    fn upcast(&mut self, item: Option<Item<'t>>, args: &[ArgDef]) -> Vec<Option<Expr>> {
        let mut upcast: Vec<Option<Expr>> = args.iter().map(|_| None).collect();
        let Some(section) = item.and_then(|item| item.table(&mut self.report)) else { return upcast };
        for item in section.items() {
            let Some(at) = args.iter().position(|arg| arg.name.as_ref() == item.key) else {
                let hint = did_you_mean(item.key, args.iter().map(|arg| arg.name.as_ref()));
                self.report.error_maybe("unknown-argument", item.key_span.clone(), format!("there is no argument `{}`", item.key), hint);
                continue;
            };
            // An old event may lack what is required today; what comes out is checked when it is read.
            let slot = Slot { optional: true, default: None, ..args[at].slot.clone() };
            let want = if args[at].broken { Want::Anything } else { Want::Slot(&slot, item.key) };
            upcast[at] = check(item, &Names::upcast(), &mut Vec::new(), &want, &mut self.report);
        }
        upcast
    }
}

/// A copy without what its keys are.
fn shallow(def: &FieldDef) -> FieldDef {
    let (name, kind, slot) = (def.name.clone(), def.kind.clone(), def.slot.clone());
    FieldDef { name, kind, slot, key: None, was: None, deprecated: false, broken: def.broken }
}
