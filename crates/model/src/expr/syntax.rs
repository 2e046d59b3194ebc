//! Reading CEL with the `cel` crate: its grammar, without its macros, and where each node stands in the model's text.

use super::facts::is_operator;
use crate::limits::{EXPRESSION_BYTES_MAX, EXPRESSION_NESTING_MAX, EXPRESSION_NODES_MAX};
use crate::reader::{Item, Span};
use cel::common::ast::{CallExpr, EntryExpr, Expr as Cel, IdedExpr, SourceInfo, operators};

/// A parsed expression and its place.
pub(super) struct Syntax<'t> {
    pub root: IdedExpr,
    info: SourceInfo,
    place: Place<'t>,
}

/// Why a text is no expression.
pub(super) struct SyntaxError {
    pub code: &'static str,
    pub span: Span,
    pub message: String,
    pub hint: Option<String>,
}

/// Maps characters of an expression to bytes of the model.
struct Place<'t> {
    source: &'t str,
    /// Byte offset of each character.
    chars: Vec<usize>,
    /// Where the expression begins in the model's text; `None` if escapes moved its characters.
    from: Option<usize>,
    whole: Span,
}

impl<'t> Place<'t> {
    fn new(item: &Item<'t>, source: &'t str, model: &str) -> Self {
        let quotes = if model[item.span.clone()].starts_with("\"\"\"") || model[item.span.clone()].starts_with("'''") { 3 } else { 1 };
        let from = item.span.start + quotes;
        let verbatim = model.get(from..from + source.len()) == Some(source);
        let chars = source.char_indices().map(|(at, _)| at).chain([source.len()]).collect();
        Self { source, chars, from: verbatim.then_some(from), whole: item.span.clone() }
    }

    fn span(&self, from: usize, to: usize) -> Span {
        let byte = |at: usize| self.chars.get(at).copied().unwrap_or(self.source.len());
        self.from.map_or_else(|| self.whole.clone(), |base| base + byte(from)..base + byte(to.max(from + 1)))
    }

    fn char(&self, at: usize) -> Option<char> {
        self.source.get(*self.chars.get(at)?..)?.chars().next()
    }

    /// Behind the next `close`, if only spaces (and a comma) are before it.
    fn behind(&self, mut at: usize, close: char) -> usize {
        let start = at;
        while let Some(c) = self.char(at) {
            match c {
                c if c == close => return at + 1,
                c if c.is_whitespace() || c == ',' || c == ')' => at += 1,
                _ => break,
            }
        }
        start
    }
}

impl<'t> Syntax<'t> {
    pub fn parse(item: &Item<'t>, source: &'t str, model: &str) -> Result<Self, SyntaxError> {
        let place = Place::new(item, source, model);
        let whole = place.span(0, place.chars.len() - 1);
        let error = |span, message: &str, hint: Option<&str>| SyntaxError {
            code: "syntax",
            span,
            message: message.to_owned(),
            hint: hint.map(str::to_owned),
        };
        if source.trim().is_empty() {
            return Err(error(item.span.clone(), "an expression is missing", None));
        }
        if source.len() > EXPRESSION_BYTES_MAX || steps(source) > EXPRESSION_NODES_MAX || nesting(source) > EXPRESSION_NESTING_MAX {
            let hint =
                format!("at most {EXPRESSION_BYTES_MAX} bytes, {EXPRESSION_NODES_MAX} steps and {EXPRESSION_NESTING_MAX} nested brackets");
            return Err(SyntaxError {
                code: "too-large",
                span: whole,
                message: "this expression is too large".to_owned(),
                hint: Some(hint),
            });
        }
        let parsed = cel::Env::default().parser().parse_with_source_info(source);
        match parsed {
            Ok((root, info)) => Ok(Self { root, info, place }),
            Err(errors) => {
                let Some(first) = errors.errors.first() else { return Err(error(whole, "this is no expression", None)) };
                let at = char_at(source, first.pos);
                let (message, hint, length) = explain(&first.msg);
                Err(error(place.span(at, at + length), &message, hint))
            }
        }
    }

    pub fn span(&self, expr: &IdedExpr) -> Span {
        let (from, to) = self.extent(expr);
        self.place.span(from, to)
    }

    /// From the first character to behind the last.
    fn extent(&self, expr: &IdedExpr) -> (usize, usize) {
        let (from, to) = self.info.offset_for(expr.id).map_or((0, 1), |(from, to)| (from as usize, to as usize + 1));
        match &expr.expr {
            Cel::Select(select) => (self.extent(&select.operand).0, from + 1 + select.field.chars().count()),
            Cel::Call(call) => self.call_extent(call, from, to),
            Cel::List(list) => (from, self.place.behind(self.last(list.elements.iter(), to), ']')),
            Cel::Map(map) => {
                let values = map.entries.iter().filter_map(|entry| match &entry.expr {
                    EntryExpr::MapEntry(entry) => Some(&entry.value),
                    EntryExpr::StructField(_) => None,
                });
                (from, self.place.behind(self.last(values, to), '}'))
            }
            Cel::Literal(_) if from > 0 && self.place.char(from - 1) == Some('-') => (from - 1, to),
            _ => (from, to),
        }
    }

    /// Each part is visited once: expressions nest.
    fn call_extent(&self, call: &CallExpr, from: usize, to: usize) -> (usize, usize) {
        let parts: Vec<_> = call.target.as_deref().into_iter().chain(&call.args).map(|part| self.extent(part)).collect();
        let (first, last) = (parts.first().map_or(from, |part| part.0), parts.iter().map(|part| part.1).max().unwrap_or(to).max(to));
        if is_operator(call) {
            let last = if call.func_name == operators::INDEX { self.place.behind(last, ']') } else { last };
            return (first.min(from), last);
        }
        let name = if call.target.is_some() { first } else { from.saturating_sub(call.func_name.chars().count()) };
        (name, self.place.behind(last, ')'))
    }

    fn last<'e>(&self, exprs: impl Iterator<Item = &'e IdedExpr>, to: usize) -> usize {
        exprs.map(|expr| self.extent(expr).1).max().unwrap_or(to).max(to)
    }
}

/// An upper bound of the tree's depth and, nearly, of its size.
fn steps(source: &str) -> usize {
    source.chars().filter(|c| "+-*/%!?:.,<>=&|([{".contains(*c)).count()
}

fn nesting(source: &str) -> usize {
    let step = |(depth, deepest): (usize, usize), c: char| match c {
        '(' | '[' | '{' | '?' => (depth + 1, deepest.max(depth + 1)),
        ')' | ']' | '}' => (depth.saturating_sub(1), deepest),
        _ => (depth, deepest),
    };
    source.chars().fold((0, 0), step).1
}

/// From line and column, both from 1, to a place among the characters.
fn char_at(source: &str, (line, column): (isize, isize)) -> usize {
    let before: usize = source.split_inclusive('\n').take(usize::try_from(line - 1).unwrap_or(0)).map(|line| line.chars().count()).sum();
    before + usize::try_from(column - 1).unwrap_or(0)
}

/// The parser's message in words for people: message, hint, and how many characters are marked.
fn explain(message: &str) -> (String, Option<&'static str>, usize) {
    let message = message.trim_start_matches("Syntax error: ");
    let input = |prefix: &str| {
        let rest = message.strip_prefix(prefix)?;
        let end = rest.find("' expecting").unwrap_or_else(|| rest.trim_end().len().saturating_sub(1));
        rest.get(..end).map(str::trim)
    };
    if let Some(text) = input("token recognition error at: '") {
        return match text.chars().next() {
            Some('\'' | '"') => ("this string has no end, or an escape that can't be read".to_owned(), None, text.chars().count()),
            Some('=') => ("a comparison is written `==`".to_owned(), Some("use `==`"), 1),
            Some('&') => ("`&` can't be here".to_owned(), Some("\"and\" is written `&&`"), 1),
            Some('|') => ("`|` can't be here".to_owned(), Some("\"or\" is written `||`"), 1),
            _ => (format!("`{text}` can't be here"), None, text.chars().count()),
        };
    }
    let unexpected =
        ["mismatched input '", "extraneous input '", "no viable alternative at input '"].iter().find_map(|prefix| input(prefix));
    match unexpected {
        Some("<EOF>") => ("the expression ends too early".to_owned(), None, 1),
        Some("and") => ("`and` can't be here".to_owned(), Some("\"and\" is written `&&`"), 3),
        Some("or") => ("`or` can't be here".to_owned(), Some("\"or\" is written `||`"), 2),
        Some("not") => ("`not` can't be here".to_owned(), Some("\"not\" is written `!`"), 3),
        Some(text) if message.starts_with("no viable") => (format!("something is missing or wrong after `{text}`"), None, 1),
        Some(text) => (format!("`{text}` can't be here"), None, text.chars().count()),
        None => (message.to_owned(), None, 1),
    }
}
