//! Walks a TOML document with spans, so that every mistake has a place, and every key that nobody read is one.

use crate::diagnostic::{Report, did_you_mean};
use std::ops::Range;
use toml::de::{DeTable, DeValue};

pub(crate) type Span = Range<usize>;

/// A value with its key (or the key of the array it is in).
#[derive(Clone)]
pub(crate) struct Item<'t> {
    pub key: &'t str,
    pub key_span: Span,
    pub value: &'t DeValue<'t>,
    pub span: Span,
}

impl<'t> Item<'t> {
    pub fn str(&self, report: &mut Report<'_>) -> Option<&'t str> {
        self.expect(self.value.as_str(), "a string", report)
    }

    pub fn bool(&self, report: &mut Report<'_>) -> Option<bool> {
        self.expect(self.value.as_bool(), "true or false", report)
    }

    pub fn int(&self, report: &mut Report<'_>) -> Option<i64> {
        let value = self.value.as_integer().and_then(|int| i64::from_str_radix(&int.as_str().replace('_', ""), int.radix()).ok());
        self.expect(value, "an integer", report)
    }

    pub fn table(&self, report: &mut Report<'_>) -> Option<Section<'t>> {
        let table = self.expect(self.value.as_table(), "a table", report)?;
        Some(Section::new(table))
    }

    pub fn array(&self, report: &mut Report<'_>) -> Option<Vec<Item<'t>>> {
        self.expect(self.value.as_array(), "a list", report)?;
        self.items()
    }

    pub fn items(&self) -> Option<Vec<Item<'t>>> {
        let item = |value: &'t toml::Spanned<DeValue<'t>>| Item {
            key: self.key,
            key_span: self.key_span.clone(),
            value: value.get_ref(),
            span: value.span(),
        };
        Some(self.value.as_array()?.iter().map(item).collect())
    }

    /// A list of strings.
    pub fn strings(&self, report: &mut Report<'_>) -> Option<Vec<(&'t str, Span)>> {
        let items = self.array(report)?;
        Some(items.iter().filter_map(|item| Some((item.str(report)?, item.span.clone()))).collect())
    }

    fn expect<T>(&self, value: Option<T>, wanted: &str, report: &mut Report<'_>) -> Option<T> {
        if value.is_none() {
            let found = describe(self.value);
            report.error("wrong-kind", self.span.clone(), format!("`{}` needs {wanted}, not {found}", self.key));
        }
        value
    }
}

fn describe(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A table; remembers which of its keys were read.
pub(crate) struct Section<'t> {
    items: Vec<Item<'t>>,
    read: Vec<&'t str>,
}

impl<'t> Section<'t> {
    pub fn new(table: &'t DeTable<'t>) -> Self {
        let item = |(key, value): (&'t toml::Spanned<_>, &'t toml::Spanned<DeValue<'t>>)| {
            let name: &'t std::borrow::Cow<'t, str> = key.get_ref();
            Item { key: name.as_ref(), key_span: key.span(), value: value.get_ref(), span: value.span() }
        };
        let mut items: Vec<_> = table.iter().map(item).collect();
        items.sort_by_key(|item| item.key_span.start);
        Self { items, read: Vec::new() }
    }

    /// In order of the text.
    pub fn items(&self) -> &[Item<'t>] {
        &self.items
    }

    pub fn take(&mut self, key: &'static str) -> Option<Item<'t>> {
        let item = self.items.iter().find(|item| item.key == key)?;
        self.read.push(item.key);
        Some(item.clone())
    }

    pub fn has(&self, key: &str) -> bool {
        self.items.iter().any(|item| item.key == key)
    }

    /// Reports the keys that nobody read. `what` as in "a command has no `x`".
    pub fn finish(&self, what: &str, known: &[&str], report: &mut Report<'_>) {
        for item in self.items.iter().filter(|item| !self.read.contains(&item.key)) {
            let hint = did_you_mean(item.key, known.iter().copied()).unwrap_or_else(|| format!("it can have {}", list(known)));
            report.error_with("unknown-key", item.key_span.clone(), format!("{what} has no `{}`", item.key), hint);
        }
    }
}

/// "there are `a` and `b`", "there is `a`", "there is none".
pub(crate) fn there<S: AsRef<str>>(names: &[S]) -> String {
    match names {
        [] => "there is none".to_owned(),
        [one] => format!("there is `{}`", one.as_ref()),
        names => format!("there are {}", list(names)),
    }
}

/// "`a`, `b` and `c`".
pub(crate) fn list<S: AsRef<str>>(names: &[S]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [one] => format!("`{}`", one.as_ref()),
        [first @ .., last] => {
            let first: Vec<_> = first.iter().map(|name| format!("`{}`", name.as_ref())).collect();
            format!("{} and `{}`", first.join(", "), last.as_ref())
        }
    }
}
