//! Reads types: `"int"`, `"int?"`, `{ int = { min = 1 } }`, `{ enum = [..] }`, `{ list = T, max = 100 }`, `{ object = { k = T } }`.

use super::Loader;
use crate::diagnostic::did_you_mean;
use crate::limits::{INT_MAX, LIST_ITEMS_MAX, LIST_ITEMS_MAX_DEFAULT, STRING_CHARS_MAX, STRING_CHARS_MAX_DEFAULT, TYPE_NESTING_MAX};
use crate::reader::{Item, Section};
use crate::value_type::{Pattern, Slot, ValueType};
use sterna_crdt::{Name, Value};

/// With the key that makes it optional.
const TYPES: &[(&str, &str)] = &[
    ("string", "string?"),
    ("int", "int?"),
    ("bool", "bool?"),
    ("timestamp", "timestamp?"),
    ("date", "date?"),
    ("enum", "enum?"),
    ("list", "list?"),
    ("object", "object?"),
];

/// What other systems call our types.
const OTHERS: &[(&str, &str)] = &[
    ("integer", "int"),
    ("number", "int"),
    ("i64", "int"),
    ("long", "int"),
    ("float", "int"),
    ("double", "int"),
    ("decimal", "int"),
    ("str", "string"),
    ("text", "string"),
    ("uuid", "string"),
    ("boolean", "bool"),
    ("datetime", "timestamp"),
    ("time", "timestamp"),
    ("array", "list"),
    ("map", "object"),
];

impl<'t> Loader<'t, '_> {
    pub fn slot(&mut self, item: &Item<'t>, depth: usize) -> Option<Slot> {
        if item.value.is_table() {
            let mut section = item.table(&mut self.report)?;
            let slot = self.slot_in(&mut section, item, depth)?;
            self.finish_type(&section, &["min", "max", "default"]);
            return Some(slot);
        }
        let name = item.str(&mut self.report)?;
        self.simple(name, item)
    }

    /// Reports what is left of a table that holds a type. A scalar's options belong inside.
    pub fn finish_type(&mut self, section: &Section<'t>, known: &[&str]) {
        let scalar = TYPES[..5].iter().find(|(plain, optional)| section.has(plain) || section.has(optional));
        let known: Vec<&str> = match scalar {
            Some((plain, _)) => {
                if let Some(option) = section.items().iter().find(|item| ["min", "max", "pattern"].contains(&item.key)) {
                    let message = format!("`{}` belongs inside", option.key);
                    self.report.error_with(
                        "unknown-key",
                        option.key_span.clone(),
                        message,
                        format!("write `{plain} = {{ {} = … }}`", option.key),
                    );
                    return;
                }
                known.iter().copied().filter(|key| !["min", "max"].contains(key)).collect()
            }
            None => known.to_vec(),
        };
        section.finish("a type", &known, &mut self.report);
    }

    fn simple(&mut self, name: &str, item: &Item<'t>) -> Option<Slot> {
        let (plain, optional) = name.strip_suffix('?').map_or((name, false), |plain| (plain, true));
        let value_type = match plain {
            "string" => ValueType::any_string(),
            "int" => ValueType::any_int(),
            "bool" => ValueType::Bool,
            "timestamp" => ValueType::Timestamp,
            "date" => ValueType::Date,
            other => {
                let hint = match other {
                    "enum" => "write it as `{ enum = [\"a\", \"b\"] }`".to_owned(),
                    "list" => "write it as `{ list = \"string\" }`".to_owned(),
                    "object" => "write it as `{ object = { name = \"string\" } }`".to_owned(),
                    other => unknown_hint(other),
                };
                self.report.error_with("unknown-type", item.span.clone(), format!("there is no type `{other}`"), hint);
                return None;
            }
        };
        Some(Slot { value_type, optional, default: None })
    }

    /// Reads a type's own keys; the caller finishes the section.
    pub fn slot_in(&mut self, section: &mut Section<'t>, item: &Item<'t>, depth: usize) -> Option<Slot> {
        if depth > TYPE_NESTING_MAX {
            self.report.error("too-large", item.span.clone(), format!("types nest at most {TYPE_NESTING_MAX} deep"));
            return None;
        }
        let found = TYPES.iter().find_map(|(plain, optional)| {
            let given = section.take(plain).map(|given| (given, *plain, false));
            given.or_else(|| section.take(optional).map(|given| (given, *plain, true)))
        });
        let Some((given, plain, optional)) = found else {
            let key = section.items().first().map(|item| item.key).unwrap_or_default();
            let hint = unknown_hint(key.trim_end_matches('?'));
            let span = section.items().first().map_or(item.span.clone(), |item| item.key_span.clone());
            self.report.error_with("unknown-type", span, "this names no type", hint);
            return None;
        };
        let mut slot = match plain {
            "enum" => Slot::required(ValueType::Enum(self.variants(&given)?)),
            "list" => self.list_type(&given, section, depth)?,
            "object" => self.object_type(&given, depth)?,
            plain => self.scalar(plain, &given)?,
        };
        slot.optional = optional;
        if let Some(default) = section.take("default") {
            slot.default = self.default(&slot, &default);
        }
        Some(slot)
    }

    /// `{ int = { min = 1, max = 9, default = 1 } }`.
    fn scalar(&mut self, plain: &str, given: &Item<'t>) -> Option<Slot> {
        let mut options = given.table(&mut self.report)?;
        let (value_type, known): (ValueType, &[&str]) = match plain {
            "int" => {
                let (min, max) = (self.bound(&mut options, "min", -INT_MAX), self.bound(&mut options, "max", INT_MAX));
                self.ordered(min, max, given);
                (ValueType::Int { min, max }, &["min", "max", "default"])
            }
            "string" => (self.string_type(&mut options, given), &["min", "max", "pattern", "default"]),
            "bool" => (ValueType::Bool, &["default"]),
            "timestamp" => (ValueType::Timestamp, &["default"]),
            _ => (ValueType::Date, &["default"]),
        };
        let mut slot = Slot::required(value_type);
        if let Some(default) = options.take("default") {
            slot.default = self.default(&slot, &default);
        }
        options.finish(&format!("the type `{plain}`"), known, &mut self.report);
        Some(slot)
    }

    fn string_type(&mut self, options: &mut Section<'t>, given: &Item<'t>) -> ValueType {
        let min = self.length(options, "min", 0, STRING_CHARS_MAX);
        let max = self.length(options, "max", STRING_CHARS_MAX_DEFAULT, STRING_CHARS_MAX);
        self.ordered(min.into(), max.into(), given);
        let pattern = options.take("pattern").and_then(|item| {
            let text = item.str(&mut self.report)?;
            match Pattern::new(text) {
                Ok(pattern) => Some(pattern),
                Err(error) => {
                    let why = error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                    self.report.error("bad-pattern", item.span.clone(), format!("this pattern can't be read: {why}"));
                    None
                }
            }
        });
        ValueType::String { min, max, pattern }
    }

    fn list_type(&mut self, given: &Item<'t>, section: &mut Section<'t>, depth: usize) -> Option<Slot> {
        let of = self.slot(given, depth + 1);
        let min = self.length(section, "min", 0, LIST_ITEMS_MAX);
        let max = self.length(section, "max", LIST_ITEMS_MAX_DEFAULT, LIST_ITEMS_MAX);
        self.ordered(min.into(), max.into(), given);
        Some(Slot::required(ValueType::List { of: Box::new(of?), min, max }))
    }

    fn object_type(&mut self, given: &Item<'t>, depth: usize) -> Option<Slot> {
        let section = given.table(&mut self.report)?;
        let mut members = Vec::new();
        for item in section.items() {
            let (name, slot) = (self.name(item.key, item.key_span.clone()), self.slot(item, depth + 1));
            members.extend(name.zip(slot));
        }
        members.sort_by(|(a, _), (b, _)| a.cmp(b));
        Some(Slot::required(ValueType::Object(members.into())))
    }

    fn variants(&mut self, given: &Item<'t>) -> Option<std::sync::Arc<[Name]>> {
        let names = given.strings(&mut self.report)?;
        let declared = given.value.as_array().map_or(0, |variants| variants.len());
        if !(1..=usize::from(u16::MAX)).contains(&declared) {
            self.report.error("out-of-range", given.span.clone(), "an enum has 1 to 65,535 variants");
            return None;
        }
        for (at, (name, span)) in names.iter().enumerate() {
            if names[..at].iter().any(|(earlier, _)| earlier == name) {
                self.report.error("duplicate", span.clone(), format!("the variant `{name}` is declared twice"));
            }
            if name.is_empty() || name.len() > crate::limits::NAME_BYTES_MAX {
                self.report.error("bad-name", span.clone(), "a variant has 1 to 64 bytes");
            }
        }
        Some(names.iter().map(|(name, _)| Name::from(*name)).collect())
    }

    fn bound(&mut self, options: &mut Section<'t>, key: &'static str, otherwise: i64) -> i64 {
        let Some(item) = options.take(key) else { return otherwise };
        let bound = item.int(&mut self.report).unwrap_or(otherwise);
        if !(-INT_MAX..=INT_MAX).contains(&bound) {
            self.report.error(
                "out-of-range",
                item.span,
                format!("`{key}` must be within ±(2^53 − 1), the integers that JSON carries exactly"),
            );
        }
        bound
    }

    fn length(&mut self, options: &mut Section<'t>, key: &'static str, otherwise: u32, most: u32) -> u32 {
        let Some(item) = options.take(key) else { return otherwise };
        let Some(length) = item.int(&mut self.report) else { return otherwise };
        let valid = u32::try_from(length).ok().filter(|length| *length <= most);
        if valid.is_none() {
            self.report.error("out-of-range", item.span, format!("`{key}` must be from 0 to {most}"));
        }
        valid.unwrap_or(otherwise)
    }

    fn ordered(&mut self, min: i64, max: i64, given: &Item<'t>) {
        if min > max {
            self.report.error("out-of-range", given.span.clone(), format!("`min` ({min}) is over `max` ({max}): nothing fits"));
        }
    }

    fn default(&mut self, slot: &Slot, item: &Item<'t>) -> Option<Value> {
        let Some(value) = json_of(item).and_then(|json| crate::args::stored(slot, &json)) else {
            let message = format!("the default is no {}", slot.value_type.name());
            self.report.error("type-mismatch", item.span.clone(), message);
            return None;
        };
        if let Err(why) = slot.check(&value) {
            self.report.error("rule-broken", item.span.clone(), format!("the default {why}"));
            return None;
        }
        Some(value)
    }
}

fn unknown_hint(name: &str) -> String {
    if ["float", "double", "decimal"].contains(&name) {
        return "there are no floats: sums would depend on their order. Use an `int` of smaller units, such as cents".to_owned();
    }
    let other = OTHERS.iter().find(|(other, _)| *other == name).map(|(_, ours)| format!("did you mean `{ours}`?"));
    let near = || did_you_mean(name, TYPES.iter().map(|(plain, _)| *plain).chain(["counter", "flag", "set", "register"]));
    other
        .or_else(near)
        .unwrap_or_else(|| "the types are `string`, `int`, `bool`, `timestamp`, `date`, `enum`, `list` and `object`".to_owned())
}

fn json_of(item: &Item<'_>) -> Option<serde_json::Value> {
    use toml::de::DeValue;
    Some(match item.value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Integer(int) => i64::from_str_radix(&int.as_str().replace('_', ""), int.radix()).ok()?.into(),
        DeValue::Boolean(bool) => (*bool).into(),
        DeValue::Datetime(at) => at.to_string().into(),
        DeValue::Float(_) => return None,
        DeValue::Array(_) => item.items()?.iter().map(json_of).collect::<Option<Vec<_>>>()?.into(),
        DeValue::Table(table) => {
            let section = Section::new(table);
            let members = section.items().iter().map(|item| Some((item.key.to_owned(), json_of(item)?)));
            serde_json::Value::Object(members.collect::<Option<_>>()?)
        }
    })
}
