//! Reads fields: their kinds, policies and types.

use super::Loader;
use crate::aggregate::FieldDef;
use crate::diagnostic::did_you_mean;
use crate::expr::{Ty, with_article};
use crate::reader::{Item, Section};
use crate::value_type::{Slot, ValueType};
use sterna_crdt::{FieldKind, Policy, RegionId};
use xxhash_rust::xxh3::xxh3_64;

const POLICIES: &[&str] = &["latest", "keep", "max", "min"];

/// A field, and the `max_by` or `min_by` expression that each command which sets it evaluates.
pub(super) struct FieldSource<'t> {
    pub def: FieldDef,
    pub by: Option<Item<'t>>,
    pub span: crate::reader::Span,
}

/// Kind, type of the values, `by`.
type Read<'t> = (FieldKind, Slot, Option<Item<'t>>);

impl<'t> Loader<'t, '_> {
    pub(super) fn fields(&mut self, item: Option<&Item<'t>>) -> Vec<FieldSource<'t>> {
        let mut fields = Vec::new();
        for (name, item) in self.named(item) {
            let (mut was, mut deprecated) = (None, false);
            let read = match item.value.is_table() {
                false => self.plain_field(&item),
                true => item.table(&mut self.report).and_then(|mut section| {
                    (was, deprecated) = self.evolution(&mut section);
                    let read = self.field_in(&mut section, &item, false)?;
                    self.finish_field(&section);
                    Some(read)
                }),
            };
            let broken = read.is_none();
            let unknown = || (FieldKind::Register(Policy::Latest), Slot::required(ValueType::any_string()), None);
            let (kind, slot, by) = read.unwrap_or_else(unknown);
            if slot.default.is_some() {
                let hint = "set it in a command; expressions can say `state.x == null ? … : state.x`";
                self.report.error_with("unknown-key", item.span.clone(), "a field has no default", hint);
            }
            let def = FieldDef { name, kind, slot, key: None, was, deprecated, broken };
            fields.push(FieldSource { def, by, span: item.key_span });
        }
        self.check_was(fields.iter().map(|field| (&field.def.name, field.def.was.as_ref(), field.span.clone())));
        fields
    }

    fn finish_field(&mut self, section: &Section<'t>) {
        match ["register", "counter", "set", "map"].into_iter().find(|kind| section.has(kind)) {
            Some("register") => section.finish("a register", &["register", "on_conflict", "was", "deprecated"], &mut self.report),
            Some(kind) => section.finish(&format!("a {kind}"), &[kind, "was", "deprecated"], &mut self.report),
            None => self.finish_type(section, &["min", "max", "was", "deprecated"]),
        }
    }

    fn plain_field(&mut self, item: &Item<'t>) -> Option<Read<'t>> {
        match item.str(&mut self.report)? {
            "counter" => Some((FieldKind::Counter, Slot::required(ValueType::any_int()), None)),
            "flag" => Some((FieldKind::Flag, Slot::required(ValueType::Bool), None)),
            kind @ ("set" | "map" | "register") => {
                let hint = format!("say of what: `{{ {kind} = \"{}\" }}`", if kind == "map" { "counter" } else { "string" });
                self.report.error_with("unknown-type", item.span.clone(), format!("`{kind}` alone is no field"), hint);
                None
            }
            _ => Some((FieldKind::Register(Policy::Latest), self.slot(item, 0)?, None)),
        }
    }

    fn field_in(&mut self, section: &mut Section<'t>, item: &Item<'t>, in_map: bool) -> Option<Read<'t>> {
        if let Some(given) = section.take("register") {
            let (slot, policy) = (self.slot(&given, 0), section.take("on_conflict"));
            let (policy, by) = policy.map_or(Some((Policy::Latest, None)), |policy| self.policy(&policy, slot.as_ref()))?;
            return Some((FieldKind::Register(policy), slot?, by));
        }
        if let Some(given) = section.take("counter") {
            return self.bounded(&given, in_map);
        }
        if let Some(given) = section.take("set") {
            let slot = self.slot(&given, 0)?;
            if slot.optional {
                self.report.error("possible-null", given.span, "a set's elements can't be null");
            }
            return Some((FieldKind::Set, slot, None));
        }
        if let Some(given) = section.take("map") {
            if in_map {
                self.report.error_with(
                    "bad-kind",
                    given.span,
                    "a map can't hold maps",
                    "join both keys into one, such as `args.a + '/' + args.b`",
                );
                return None;
            }
            let (kind, slot, by) = match given.value.is_table() {
                false => self.plain_field(&given)?,
                true => {
                    let mut inner = given.table(&mut self.report)?;
                    let read = self.field_in(&mut inner, &given, true)?;
                    self.finish_field(&inner);
                    read
                }
            };
            return Some((FieldKind::Map(Box::new(kind)), slot, by));
        }
        if let Some(given) = section.take("flag") {
            self.report.error_with("bad-kind", given.key_span, "a flag has no options", "write it as `\"flag\"`");
            return None;
        }
        Some((FieldKind::Register(Policy::Latest), self.slot_in(section, item, 0)?, None))
    }

    fn bounded(&mut self, given: &Item<'t>, in_map: bool) -> Option<Read<'t>> {
        let mut options = given.table(&mut self.report)?;
        let mut bound = |key| options.take(key).and_then(|item| item.int(&mut self.report));
        let (min, max) = (bound("min"), bound("max"));
        options.finish("a counter", &["min", "max"], &mut self.report);
        let span = given.span.clone();
        if in_map {
            self.report.error_with(
                "bad-kind",
                span,
                "a map can't hold bounded counters",
                "give each bounded counter an aggregate of its own",
            );
            return None;
        }
        if min.zip(max).is_some_and(|(min, max)| min > max) || min.is_some_and(|min| min > 0) || max.is_some_and(|max| max < 0) {
            self.report.error("out-of-range", span, "a counter begins at 0, which its bounds must allow");
        }
        let kind = if min.is_none() && max.is_none() { FieldKind::Counter } else { FieldKind::Bounded { min, max } };
        Some((kind, Slot::required(ValueType::any_int()), None))
    }

    fn policy(&mut self, item: &Item<'t>, slot: Option<&Slot>) -> Option<(Policy, Option<Item<'t>>)> {
        if item.value.is_table() {
            return self.policy_table(item);
        }
        let name = item.str(&mut self.report)?;
        let policy = match name {
            "latest" => Policy::Latest,
            "keep" => Policy::Keep,
            "max" => Policy::Max,
            "min" => Policy::Min,
            _ => {
                let hint = did_you_mean(name, POLICIES.iter().copied()).unwrap_or_else(|| {
                    "the policies are `latest`, `keep`, `max`, `min`, `{ prefer = [regions] }`, `{ max_by = E }` and `{ min_by = E }`"
                        .to_owned()
                });
                self.report.error_with("unknown-policy", item.span.clone(), format!("there is no policy `{name}`"), hint);
                return None;
            }
        };
        if let Some(slot) = slot
            && policy.is_lattice()
            && !Ty::of(&slot.value_type).is_scalar()
        {
            let message = format!("`{name}` needs values with an order, and {} has none", with_article(&Ty::of(&slot.value_type)));
            self.report.error("bad-kind", item.span.clone(), message);
        }
        Some((policy, None))
    }

    fn policy_table(&mut self, item: &Item<'t>) -> Option<(Policy, Option<Item<'t>>)> {
        let mut section = item.table(&mut self.report)?;
        let found = if let Some(prefer) = section.take("prefer") {
            let names = prefer.strings(&mut self.report)?;
            let regions = names.into_iter().filter_map(|(name, span)| self.region(name, span)).collect();
            Some((Policy::Prefer(regions), None))
        } else if let Some(by) = section.take("max_by") {
            Some((Policy::MaxBy, Some(by)))
        } else {
            section.take("min_by").map(|by| (Policy::MinBy, Some(by)))
        };
        section.finish("a policy", &["prefer", "max_by", "min_by"], &mut self.report);
        if found.is_none() && section.items().is_empty() {
            self.report.error_with("unknown-policy", item.span.clone(), "a policy is missing", "such as `{ prefer = [\"eu-west\"] }`");
        }
        found
    }

    /// A region's id. Without a list of regions the ids mean nothing but that other names have others; an unknown region never wins.
    pub fn region(&mut self, name: &str, span: crate::reader::Span) -> Option<RegionId> {
        let Some(regions) = &self.regions else { return Some(RegionId(0x8000 | xxh3_64(name.as_bytes()) as u16)) };
        let found = regions.iter().position(|region| *region == name);
        if found.is_none() {
            let hint = did_you_mean(name, regions.iter().copied()).unwrap_or_else(|| crate::reader::there(regions));
            self.report.warn("unknown-region", span, format!("there is no region `{name}`"), hint);
        }
        found.map(|at| RegionId(at as u16))
    }
}
