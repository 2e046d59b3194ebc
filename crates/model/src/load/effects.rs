//! Reads effects, and checks that each fits the kind of its field.

use super::Loader;
use crate::aggregate::{Change, Effect, FieldDef};
use crate::diagnostic::did_you_mean;
use crate::expr::{Expr, Names, Ty, Want, check};
use crate::reader::{Item, Section, list};
use crate::value_type::{Slot, ValueType};
use sterna_crdt::{FieldKind, Policy};

const VERBS: [&str; 6] = ["set", "add", "insert", "remove", "remove_key", "delete"];
const KEYS: &[&str] = &["set", "add", "insert", "remove", "remove_key", "delete", "to", "from", "key", "when", "each"];

/// What effects of one command have in common.
struct Context<'c, 'm, 't> {
    fields: &'c [FieldDef],
    bys: &'c [Option<Item<'t>>],
    names: &'c Names<'m>,
    facts: &'c [String],
    delete_wins: bool,
}

impl<'t> Loader<'t, '_> {
    pub fn effects(
        &mut self,
        item: &Item<'t>,
        fields: &[FieldDef],
        bys: &[Option<Item<'t>>],
        names: &Names<'_>,
        facts: &[String],
        delete_wins: bool,
    ) -> Vec<Effect> {
        let context = Context { fields, bys, names, facts, delete_wins };
        let items = item.array(&mut self.report).unwrap_or_default();
        items.iter().filter_map(|item| self.effect(item, &context)).collect()
    }

    /// One mistake keeps none of the others from being found.
    fn effect(&mut self, item: &Item<'t>, context: &Context<'_, '_, 't>) -> Option<Effect> {
        let mut section = item.table(&mut self.report)?;
        let verbs: Vec<_> = VERBS.iter().filter_map(|verb| Some((*verb, section.take(verb)?))).collect();
        let (each, when, key) = (section.take("each"), section.take("when"), section.take("key"));
        let each = each.map(|each| check(&each, context.names, &mut context.facts.to_vec(), &Want::Range, &mut self.report));
        let names = context.names.with_each(each.as_ref());
        let mut facts = context.facts.to_vec();
        let when = when.map(|when| check(&when, &names, &mut facts, &Want::Bool, &mut self.report));
        let [(verb, value)] = verbs.as_slice() else {
            match verbs.get(1) {
                Some((_, second)) => {
                    self.report.error("missing-key", second.key_span.clone(), "an effect does one thing; this is a second one")
                }
                None => {
                    let hint = section.items().iter().find_map(|item| did_you_mean(item.key, VERBS));
                    let hint = hint.unwrap_or_else(|| format!("it has one of {}", list(&VERBS)));
                    self.report.error_with("missing-key", item.span.clone(), "this effect does nothing", hint);
                }
            }
            let values = verbs.iter().filter(|(verb, _)| *verb != "delete").map(|(_, value)| value);
            self.typed(values.chain(&key), &names, &facts);
            return None;
        };
        let target = self.target(&mut section, verb, item, context);
        section.finish("an effect", KEYS, &mut self.report);
        if *verb == "delete" {
            if let Some(key) = key {
                self.report.error("unknown-key", key.key_span, "a delete takes the whole aggregate, not a key");
            }
            if value.bool(&mut self.report) == Some(false) {
                self.report.error_with("wrong-kind", value.span.clone(), "`delete` is always true", "use `when` for a condition");
            }
            let change = Change::Delete { wins: context.delete_wins };
            return Some(Effect { field: None, change, key: None, when: whole(when)?, each: whole(each)? });
        }
        let Some(at) = target.filter(|at| !context.fields[*at].broken) else {
            self.typed([value].into_iter().chain(&key), &names, &facts);
            return None;
        };
        let def = &context.fields[at];
        let key = self.effect_key(verb, key.as_ref(), value, item, def, &names, &facts);
        let kind = if let FieldKind::Map(inner) = &def.kind { inner } else { &def.kind };
        let change = self.change(verb, value, kind, def, context.bys[at].as_ref(), &names, &mut facts);
        Some(Effect { field: Some(def.stored().clone()), change: change?, key: key?, when: whole(when)?, each: whole(each)? })
    }

    /// Expressions of which nobody knows where they go: what is wrong in them is reported nonetheless.
    pub(super) fn typed<'i>(&mut self, items: impl IntoIterator<Item = &'i Item<'t>>, names: &Names<'_>, facts: &[String])
    where
        't: 'i,
    {
        for item in items {
            check(item, names, &mut facts.to_vec(), &Want::Anything, &mut self.report);
        }
    }

    fn target(&mut self, section: &mut Section<'t>, verb: &str, item: &Item<'t>, context: &Context<'_, '_, 't>) -> Option<usize> {
        let (to, from) = (section.take("to"), section.take("from"));
        let (wanted, target, other) = match verb {
            "delete" => {
                if let Some(extra) = to.or(from) {
                    self.report.error("unknown-key", extra.key_span, "a delete takes the whole aggregate");
                }
                return None;
            }
            "remove" | "remove_key" => ("from", from, to),
            _ => ("to", to, from),
        };
        if let Some(other) = &other {
            let hint = format!("write `{wanted} = {:?}`", other.value.as_str().unwrap_or_default());
            self.report.error_with("unknown-key", other.key_span.clone(), format!("`{verb}` takes `{wanted}`"), hint);
        }
        let Some(target) = target else {
            if other.is_none() {
                self.report.error("missing-key", item.span.clone(), format!("`{wanted}` is missing: which field?"));
            }
            return None;
        };
        let name = target.str(&mut self.report)?;
        let found = context.fields.iter().position(|def| def.name.as_ref() == name);
        if found.is_none() {
            let known: Vec<_> = context.fields.iter().map(|def| def.name.as_ref()).collect();
            let hint = name.strip_prefix("state.").map(|name| format!("write `{name}` without `state.`"));
            let hint = hint.or_else(|| did_you_mean(name, known.iter().copied())).unwrap_or_else(|| crate::reader::there(&known));
            self.report.error_with("unknown-field", target.span.clone(), format!("there is no field `{name}`"), hint);
        }
        found
    }

    /// The key of a map's effect; the error is reported where it is missing or too much.
    #[expect(clippy::too_many_arguments, reason = "each is another part of one line of the model")]
    fn effect_key(
        &mut self,
        verb: &str,
        key: Option<&Item<'t>>,
        value: &Item<'t>,
        item: &Item<'t>,
        def: &FieldDef,
        names: &Names<'_>,
        facts: &[String],
    ) -> Option<Option<Expr>> {
        let key = match (verb, key) {
            ("remove_key", Some(key)) => {
                self.report.error("unknown-key", key.key_span.clone(), "`remove_key` names the key itself; this is a second one");
                self.typed([key, value], names, facts);
                return None;
            }
            ("remove_key", None) => Some(value),
            (_, key) => key,
        };
        match (&def.kind, key) {
            (FieldKind::Map(_), Some(key)) => {
                let slot = Slot::required(def.key.clone().unwrap_or(ValueType::any_string()));
                Some(Some(check(key, names, &mut facts.to_vec(), &Want::Slot(&slot, "key"), &mut self.report)?))
            }
            (FieldKind::Map(_), None) => {
                let message = format!("`{}` is a map: which key?", def.name);
                self.report.error_with("missing-key", item.span.clone(), message, "add `key = \"…\"`");
                None
            }
            (_, Some(key)) => {
                self.report.error("unknown-key", key.key_span.clone(), format!("`{}` is no map and has no keys", def.name));
                self.typed([key], names, facts);
                None
            }
            (_, None) => Some(None),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "each is another part of one line of the model")]
    fn change(
        &mut self,
        verb: &str,
        value: &Item<'t>,
        kind: &FieldKind,
        def: &FieldDef,
        by: Option<&Item<'t>>,
        names: &Names<'_>,
        facts: &mut Vec<String>,
    ) -> Option<Change> {
        let report = &mut self.report;
        let name = def.name.as_ref();
        match (verb, kind) {
            ("remove_key", _) => Some(Change::RemoveKey),
            ("set", FieldKind::Register(policy)) => {
                let set = check(value, names, facts, &Want::Slot(&def.slot, name), report);
                let by = by.filter(|_| matches!(policy, Policy::MaxBy | Policy::MinBy));
                let by = by.map(|by| check(by, names, facts, &Want::Sortable, report));
                let rule = (*policy != Policy::Latest && !policy.is_lattice()).then(|| Box::new(policy.clone()));
                Some(Change::Set { value: set?, by: whole(by)?, rule })
            }
            ("set", FieldKind::Flag) => Some(Change::Set { value: check(value, names, facts, &Want::Bool, report)?, by: None, rule: None }),
            ("add", FieldKind::Counter | FieldKind::Bounded { .. }) => Some(Change::Add(check(value, names, facts, &Want::Int, report)?)),
            ("insert", FieldKind::Set) => Some(Change::Insert(check(value, names, facts, &Want::Slot(&def.slot, name), report)?)),
            ("remove", FieldKind::Set) => Some(Change::Remove(check(value, names, facts, &Want::Slot(&def.slot, name), report)?)),
            _ => {
                let (what, verbs) = match kind {
                    FieldKind::Register(_) => ("a register", "`set`"),
                    FieldKind::Flag => ("a flag", "`set`"),
                    FieldKind::Counter | FieldKind::Bounded { .. } => ("a counter", "`add`"),
                    FieldKind::Set => ("a set", "`insert` and `remove`"),
                    FieldKind::Map(_) => ("a map", "`remove_key`"),
                };
                let of = if matches!(def.kind, FieldKind::Map(_)) { "a map whose entries are each " } else { "" };
                let message = format!("`{verb}` can't be used on `{name}`, {of}{what}");
                report.error_with("bad-effect", value.key_span.clone(), message, format!("{what} takes {verbs}"));
                self.typed([value], names, facts);
                None
            }
        }
    }
}

/// `None` if what is there has a mistake.
pub(super) fn whole(part: Option<Option<Expr>>) -> Option<Option<Expr>> {
    part.map_or(Some(None), |part| part.map(Some))
}

impl Expr {
    /// What a list's, a set's or a map's `it` is.
    pub(crate) fn element(&self) -> Option<crate::expr::Typ> {
        match &self.typ.ty {
            Ty::List(of) => Some(crate::expr::Typ::clone(of)),
            Ty::Map { key, .. } => Some(crate::expr::Typ::some(Ty::clone(key))),
            _ => None,
        }
    }
}
