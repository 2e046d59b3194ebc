//! Fields: their kind and type never change, since every region must make the same state of the same events. The rule between concurrent
//! sets may, because each set brings its own; but `max` and `min` hold for all that was ever set, so they don't come or go.

use super::Differ;
use crate::aggregate::{AggregateType, Change as Effected, FieldDef};
use crate::expr::Ty;
use crate::value_type::{Slot, ValueType};
use sterna_crdt::{FieldKind, Name, Policy};

impl Differ<'_> {
    pub(super) fn fields(&mut self, path: &str, old: &AggregateType, new: &AggregateType) {
        for def in new.fields() {
            let path = format!("{path}.fields.{}", def.name);
            match old.fields().iter().find(|before| before.stored() == def.stored()) {
                Some(before) => {
                    self.renamed(&path, "field", before.names(), def.names());
                    self.deprecated(&path, &def.name, before.deprecated, def.deprecated);
                    self.field(&path, before, def);
                    self.by(&path, (old, before), (new, def));
                }
                None if self.took_place(&path, "field", def.stored(), &def.name, old.fields().iter().map(FieldDef::names)) => {}
                None => self.safe(&path, format!("the field `{}` is new; it is unset in what there is", def.name)),
            }
        }
        for gone in old.fields().iter().filter(|before| !new.fields().iter().any(|def| def.stored() == before.stored())) {
            let kept = new.fields().iter().any(|def| def.name == gone.name || *def.stored() == gone.name);
            self.gone(&format!("{path}.fields.{}", gone.name), "field", gone.names(), kept, "events that are in the logs change it");
        }
    }

    fn field(&mut self, path: &str, old: &FieldDef, new: &FieldDef) {
        let help = format!("declare a field with a new name beside `{}`", new.name);
        if old.kind != new.kind && !is_another_rule(&old.kind, &new.kind) {
            let (was, is) = (described(&old.kind), described(&new.kind));
            let message = match was == is {
                true => format!("`{}` has other bounds", new.name),
                false => format!("`{}` was {was}, and would be {is}", new.name),
            };
            return self.new_name(path, format!("{message}: regions would merge the same events to different states"), help);
        }
        if let Some(why) = breaks(&old.slot, &new.slot, true) {
            return self.new_name(path, format!("a field never changes its type: `{}` {why}", new.name), help);
        }
        if old.key != new.key && old.key.is_some() {
            let name = |key: &Option<ValueType>| key.as_ref().map_or("not known", ValueType::name);
            let message = format!("the keys of `{}` were {}, and would be {}", new.name, name(&old.key), name(&new.key));
            return self.new_name(path, message, help);
        }
        if old.kind != new.kind {
            let (was, is) = (described(&old.kind), described(&new.kind));
            let change = match was == is {
                true => "other regions are preferred".to_owned(),
                false => format!("`{}` was {was}, and is {is}", new.name),
            };
            self.safe(path, format!("{change}: for what is set from now on; what was set before, and meets that, is decided so too"));
        }
        if old.slot != new.slot {
            self.safe(path, format!("`{}` has other rules; they hold for commands from now on", new.name));
        }
    }

    /// What `max_by` and `min_by` compare must stay comparable.
    fn by(&mut self, path: &str, old: (&AggregateType, &FieldDef), new: (&AggregateType, &FieldDef)) {
        let (before, now) = (bys(old), bys(new));
        let Some(((_, was), (_, is))) = before.first().zip(now.first()) else { return };
        if was != is {
            let message = format!("what decides on `{}` was {was}, and would be {is}: the two have no order", new.1.name);
            self.new_name(path, message, format!("declare a field with a new name beside `{}`", new.1.name));
        } else if before != now {
            self.safe(path, format!("another expression decides on `{}`, for commands from now on", new.1.name));
        }
    }
}

impl FieldDef {
    pub(super) fn names(&self) -> (&Name, &Name) {
        (&self.name, self.stored())
    }
}

/// The expressions that a field's values are compared by, with their types, without repetition.
fn bys((of, def): (&AggregateType, &FieldDef)) -> Vec<(Name, Ty)> {
    let mut bys = Vec::new();
    let effects = of.commands().iter().flat_map(|command| &command.effects).filter(|effect| effect.field.as_ref() == Some(def.stored()));
    for effect in effects {
        if let Effected::Set { by: Some(by), .. } = &effect.change {
            let by = (by.source.clone(), by.typ.ty.clone());
            if !bys.contains(&by) {
                bys.push(by);
            }
        }
    }
    bys
}

/// Registers, or maps of them, with other rules between concurrent sets.
fn is_another_rule(old: &FieldKind, new: &FieldKind) -> bool {
    let shape = |kind: &FieldKind| matches!(kind, FieldKind::Map(_));
    let rules = old.policy().zip(new.policy());
    shape(old) == shape(new) && rules.is_some_and(|(old, new)| !old.is_lattice() && !new.is_lattice())
}

fn described(kind: &FieldKind) -> String {
    match kind {
        FieldKind::Register(Policy::Latest) => "a register whose latest write wins".to_owned(),
        FieldKind::Register(policy) => {
            let policy = match policy {
                Policy::Latest => "latest",
                Policy::Keep => "keep",
                Policy::Max => "max",
                Policy::Min => "min",
                Policy::Prefer(_) => "prefer",
                Policy::MaxBy => "max_by",
                Policy::MinBy => "min_by",
            };
            format!("a register with `{policy}`")
        }
        FieldKind::Counter => "a counter".to_owned(),
        FieldKind::Bounded { .. } => "a bounded counter".to_owned(),
        FieldKind::Flag => "a flag".to_owned(),
        FieldKind::Set => "a set".to_owned(),
        FieldKind::Map(inner) => format!("a map in which each entry is {}", described(inner)),
    }
}

/// Why what is stored under `old` can't be read under `new`. `top`: a register is null while it is unset, whatever its type.
fn breaks(old: &Slot, new: &Slot, top: bool) -> Option<String> {
    if old.nullable() && !new.nullable() && !top {
        return Some("may hold null, which it could not any more".to_owned());
    }
    match (&old.value_type, &new.value_type) {
        (ValueType::Enum(before), ValueType::Enum(now)) if !now.starts_with(before) => {
            Some("has an enum, whose variants keep their order; new ones come last".to_owned())
        }
        (ValueType::List { of: before, .. }, ValueType::List { of: now, .. }) => breaks(before, now, false),
        (ValueType::Object(before), ValueType::Object(now)) => members(before, now),
        (before, now) if std::mem::discriminant(before) != std::mem::discriminant(now) => {
            Some(format!("was {}, and would be {}", before.name(), now.name()))
        }
        _ => None,
    }
}

fn members(before: &[(Name, Slot)], now: &[(Name, Slot)]) -> Option<String> {
    let gone = before.iter().find(|(name, _)| !now.iter().any(|(new, _)| new == name));
    let broken = || {
        let both = before.iter().filter_map(|(name, slot)| Some((name, slot, &now.iter().find(|(new, _)| new == name)?.1)));
        both.filter_map(|(name, old, new)| Some((name, breaks(old, new, false)?))).next()
    };
    let required = || now.iter().find(|(name, slot)| !slot.nullable() && !before.iter().any(|(old, _)| old == name));
    match gone {
        Some((name, _)) => Some(format!("loses the member `{name}`")),
        None => match (broken(), required()) {
            (Some((name, why)), _) => Some(format!("has a member `{name}` that {why}")),
            (None, Some((name, _))) => Some(format!("gets the member `{name}`, which what there is has not; make it optional")),
            (None, None) => None,
        },
    }
}
