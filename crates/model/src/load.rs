//! From a text to a model: reads the TOML, checks everything, compiles the expressions. Goes on after a mistake, so that all are
//! reported at once.

mod aggregates;
mod canonical;
mod commands;
mod effects;
mod fields;
mod reactions;
mod types;
mod views;

pub(crate) use aggregates::RESERVED_TYPES;
pub(crate) use views::RESERVED_COLUMNS;

use crate::diagnostic::{Diagnostic, Report, did_you_mean};
use crate::limits::{MODEL_BYTES_MAX, NAME_BYTES_MAX};
use crate::reader::{Item, Section, Span, list};
use crate::{AggregateType, Model, Reaction, time};
use foldhash::{HashMap, HashMapExt};
use sterna_crdt::Name;
use toml::de::DeTable;

const KEYS: &[&str] = &["version", "idempotency_window", "aggregate", "view", "reaction"];
const WINDOW_MS_DEFAULT: u64 = 24 * 3_600_000;

/// Parses, checks and compiles. Names of regions are not checked.
pub fn parse(text: &str) -> (Option<Model>, Vec<Diagnostic>) {
    parse_with::<&str>(text, None)
}

/// As [`parse`]; a region's place in `regions` is its [`sterna_crdt::RegionId`].
pub fn parse_with<N: AsRef<str>>(text: &str, regions: Option<&[N]>) -> (Option<Model>, Vec<Diagnostic>) {
    let regions: Option<Vec<&str>> = regions.map(|names| names.iter().map(AsRef::as_ref).collect());
    let mut report = Report::new(text);
    if text.len() > MODEL_BYTES_MAX {
        report.error("too-large", 0..0, format!("a model has at most {MODEL_BYTES_MAX} bytes"));
        return (None, report.finish());
    }
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let message = error.message().lines().next().unwrap_or("this is no TOML").to_owned();
        report.error("toml", error.span().unwrap_or(0..0), message);
    }
    if !errors.is_empty() {
        return (None, report.finish());
    }
    let mut loader = Loader { report, regions, broken: Vec::new() };
    let model = loader.load(&document, text);
    let model = model.filter(|_| loader.report.error_count() == 0);
    (model, loader.report.finish())
}

pub(crate) struct Loader<'t, 'r> {
    pub report: Report<'t>,
    /// In order of their ids.
    pub regions: Option<Vec<&'r str>>,
    /// Types, and `type.command`s, whose declarations could not be read.
    pub broken: Vec<String>,
}

impl<'t> Loader<'t, '_> {
    fn load(&mut self, document: &'t toml::Spanned<DeTable<'t>>, text: &str) -> Option<Model> {
        let hash = canonical::hash(document.get_ref());
        let mut top = Section::new(document.get_ref());
        let version = self.version(&mut top);
        let window_ms = top.take("idempotency_window").map_or(Some(WINDOW_MS_DEFAULT), |item| self.window(&item));
        let (aggregates, views, reactions) = (top.take("aggregate"), top.take("view"), top.take("reaction"));
        top.finish("a model", KEYS, &mut self.report);
        let aggregates = self.aggregates(aggregates.as_ref());
        let views = self.views(views.as_ref(), &aggregates);
        let reactions = self.reactions(reactions.as_ref(), &aggregates);
        Some(Model {
            version: version?,
            hash,
            idempotency_window_ms: window_ms?,
            source: text.to_owned(),
            aggregate_at: places(aggregates.iter().map(|of| (&of.name, of.was.as_ref()))),
            view_at: places(views.iter().map(|view| (&view.name, view.was.as_ref()))),
            reactions: by_command(reactions),
            aggregates,
            views,
        })
    }

    fn version(&mut self, top: &mut Section<'t>) -> Option<u32> {
        let Some(item) = top.take("version") else {
            self.report.error_with(
                "missing-key",
                0..0,
                "a model needs a `version`",
                "begin with `version = 1`, and count up when it changes",
            );
            return None;
        };
        let version = item.int(&mut self.report)?;
        match u32::try_from(version) {
            Ok(version) if version > 0 => Some(version),
            _ => {
                self.report.error("out-of-range", item.span, "a version is 1 or more");
                None
            }
        }
    }

    fn window(&mut self, item: &Item<'t>) -> Option<u64> {
        let text = item.str(&mut self.report)?;
        let window_ms = time::parse_duration_us(text).map(|us| us as u64 / 1000);
        let hint = "write it as \"24h\", \"90m\" or \"7d\"";
        match window_ms {
            Some(ms) if (60_000..=366 * 86_400_000).contains(&ms) => return Some(ms),
            Some(_) => self.report.error_with("out-of-range", item.span.clone(), "keys are kept for a minute to a year", hint),
            None => self.report.error_with("wrong-kind", item.span.clone(), format!("`{text}` is no duration"), hint),
        }
        None
    }

    /// A declared name: letters, digits and `_`, so that expressions and paths can hold it.
    pub fn name(&mut self, name: &str, span: Span) -> Option<Name> {
        let letters = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let rest = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !letters || !rest || name.len() > NAME_BYTES_MAX {
            let hint = format!("a name has letters, digits and `_`, begins with no digit, and has at most {NAME_BYTES_MAX} bytes");
            self.report.error_with("bad-name", span, format!("`{name}` can't be a name"), hint);
            return None;
        }
        if RESERVED.contains(&name) {
            self.report.error("bad-name", span, format!("`{name}` is a reserved word of expressions"));
            return None;
        }
        Some(Name::from(name))
    }

    /// `was = "old"` and `deprecated = true`, which every declaration may have.
    pub fn evolution(&mut self, section: &mut Section<'t>) -> (Option<Name>, bool) {
        let was = section.take("was").and_then(|item| {
            let name = item.str(&mut self.report)?;
            self.name(name, item.span.clone())
        });
        let deprecated = section.take("deprecated").and_then(|item| item.bool(&mut self.report));
        (was, deprecated.unwrap_or(false))
    }

    /// The members of `[key.name]`. What is wrong with a name is reported, and keeps none of what it names from being read.
    pub fn named(&mut self, item: Option<&Item<'t>>) -> Vec<(Name, Item<'t>)> {
        let Some(section) = item.and_then(|item| item.table(&mut self.report)) else { return Vec::new() };
        let named = |item: &Item<'t>| (self.name(item.key, item.key_span.clone()).unwrap_or_else(|| Name::from(item.key)), item.clone());
        section.items().iter().map(named).collect()
    }

    /// Old names must not be in use.
    pub fn check_was<'n>(&mut self, names: impl Iterator<Item = (&'n Name, Option<&'n Name>, Span)> + Clone) {
        for (name, was, span) in names.clone() {
            let Some(was) = was else { continue };
            if names.clone().any(|(other, other_was, _)| other == was || other != name && other_was == Some(was)) {
                self.report.error("duplicate", span, format!("`{name}` was `{was}`, but that name is in use"));
            }
        }
    }

    /// The command that `account.debit` names.
    pub fn command_ref(&mut self, text: &str, span: Span, aggregates: &[AggregateType]) -> Option<(usize, usize)> {
        let Some((type_name, command)) = text.split_once('.') else {
            self.report.error_with("unknown-command", span, format!("`{text}` is no command"), "a command is named as `type.command`");
            return None;
        };
        let at = self.aggregate_ref(type_name, span.clone(), aggregates)?;
        let commands = &aggregates[at].commands;
        let found = commands.iter().position(|known| known.name.as_ref() == command);
        if found.is_none() && !self.broken.iter().any(|broken| broken == text) {
            let names: Vec<_> = commands.iter().map(|known| known.name.as_ref()).collect();
            let hint = did_you_mean(command, names.iter().copied()).unwrap_or_else(|| format!("it has {}", list(&names)));
            self.report.error_with("unknown-command", span, format!("`{type_name}` has no command `{command}`"), hint);
        }
        Some((at, found?))
    }

    pub fn aggregate_ref(&mut self, name: &str, span: Span, aggregates: &[AggregateType]) -> Option<usize> {
        let found = aggregates.iter().position(|known| known.name.as_ref() == name);
        if found.is_none() && !self.broken.iter().any(|broken| broken == name) {
            let names: Vec<_> = aggregates.iter().map(|known| known.name.as_ref()).collect();
            let hint = did_you_mean(name, names.iter().copied()).unwrap_or_else(|| crate::reader::there(&names));
            self.report.error_with("unknown-aggregate", span, format!("there is no aggregate `{name}`"), hint);
        }
        found
    }
}

/// What CEL's grammar keeps for itself.
pub(crate) const RESERVED: &[&str] = &[
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// Places by name, and by the old one.
pub(crate) fn places<'n>(names: impl Iterator<Item = (&'n Name, Option<&'n Name>)> + Clone) -> HashMap<Name, usize> {
    let old = names.clone().enumerate().filter_map(|(at, (_, was))| Some((was?.clone(), at)));
    let new = names.enumerate().map(|(at, (name, _))| (name.clone(), at));
    old.chain(new).collect()
}

fn by_command(reactions: Vec<Reaction>) -> HashMap<Name, HashMap<Name, Vec<Reaction>>> {
    let mut map: HashMap<Name, HashMap<Name, Vec<Reaction>>> = HashMap::new();
    for reaction in reactions {
        let (aggregate, command) = reaction.on.clone();
        map.entry(aggregate).or_default().entry(command).or_default().push(reaction);
    }
    map
}
