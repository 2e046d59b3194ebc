//! Mistakes of a model, as values: where, what, and what to do. [`Diagnostic::render`] reads like rustc's.

use std::fmt::Write as _;
use std::ops::Range;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// There is no model.
    Error,
    /// The model works, probably not as meant.
    Warning,
    /// Something to know.
    Note,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    pub severity: Severity,
    /// Stable and short, such as `unknown-name`.
    pub code: &'static str,
    pub message: String,
    /// Bytes of the text.
    pub span: Range<usize>,
    /// From 1.
    pub line: usize,
    /// Characters, from 1.
    pub column: usize,
    pub hint: Option<String>,
}

/// Characters of a line that are shown, and how many of them before the mistake.
const SHOWN: usize = 140;
const SHOWN_BEFORE: usize = 100;

impl Diagnostic {
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Several lines: severity, code and message; `file:line:column`; the text with the place underlined; the hint.
    pub fn render(&self, file_name: &str, text: &str) -> String {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        let source = text.lines().nth(self.line - 1).unwrap_or_default().trim_end();
        let gutter = " ".repeat(self.line.to_string().len());
        let from = self.column.saturating_sub(1).saturating_sub(SHOWN_BEFORE);
        let (before, after) = (if from > 0 { "…" } else { "" }, if source.chars().count() > from + SHOWN { "…" } else { "" });
        let shown: String = source.chars().skip(from).take(SHOWN).collect();
        let at = self.column - 1 - from;
        let rest = shown.chars().count().saturating_sub(at).max(1);
        let marked = text.get(self.span.clone()).and_then(|marked| marked.lines().next()).map_or(1, |line| line.chars().count());
        let indent: String = before.chars().chain(shown.chars().take(at)).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let mut out = format!("{severity}[{}]: {}\n", self.code, self.message);
        let _ = writeln!(out, "{gutter}--> {file_name}:{}:{}", self.line, self.column);
        let _ = writeln!(out, "{gutter} |\n{} | {before}{shown}{after}", self.line);
        let _ = writeln!(out, "{gutter} | {indent}{}", "^".repeat(marked.clamp(1, rest)));
        if let Some(hint) = &self.hint {
            let _ = writeln!(out, "{gutter} = help: {hint}");
        }
        out
    }
}

/// Collects the diagnostics of one text.
pub(crate) struct Report<'t> {
    text: &'t str,
    line_starts: Vec<usize>,
    diagnostics: Vec<Diagnostic>,
}

impl<'t> Report<'t> {
    pub fn new(text: &'t str) -> Self {
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { text, line_starts: std::iter::once(0).chain(starts).collect(), diagnostics: Vec::new() }
    }

    pub fn text(&self) -> &'t str {
        self.text
    }

    pub fn error(&mut self, code: &'static str, span: Range<usize>, message: impl Into<String>) {
        self.push(Severity::Error, code, span, message.into(), None);
    }

    pub fn error_with(&mut self, code: &'static str, span: Range<usize>, message: impl Into<String>, hint: impl Into<String>) {
        self.push(Severity::Error, code, span, message.into(), Some(hint.into()));
    }

    /// `hint` where there is one.
    pub fn error_maybe(&mut self, code: &'static str, span: Range<usize>, message: impl Into<String>, hint: Option<String>) {
        self.push(Severity::Error, code, span, message.into(), hint);
    }

    pub fn warn(&mut self, code: &'static str, span: Range<usize>, message: impl Into<String>, hint: impl Into<String>) {
        self.push(Severity::Warning, code, span, message.into(), Some(hint.into()));
    }

    pub fn note(&mut self, code: &'static str, span: Range<usize>, message: impl Into<String>, hint: impl Into<String>) {
        self.push(Severity::Note, code, span, message.into(), Some(hint.into()));
    }

    pub fn note_maybe(&mut self, code: &'static str, span: Range<usize>, message: impl Into<String>, hint: Option<String>) {
        self.push(Severity::Note, code, span, message.into(), hint);
    }

    pub fn len(&self) -> usize {
        self.diagnostics.len()
    }

    /// In order of their finding.
    pub fn in_order_of_finding(self) -> Vec<Diagnostic> {
        self.diagnostics
    }

    pub fn error_count(&self) -> usize {
        self.diagnostics.iter().filter(|d| d.is_error()).count()
    }

    /// In order of the text.
    pub fn finish(mut self) -> Vec<Diagnostic> {
        self.diagnostics
            .sort_by(|a, b| (a.span.start, a.span.end, a.severity, a.code).cmp(&(b.span.start, b.span.end, b.severity, b.code)));
        self.diagnostics
    }

    fn push(&mut self, severity: Severity, code: &'static str, span: Range<usize>, message: String, hint: Option<String>) {
        let start = floor_char(self.text, span.start);
        let end = floor_char(self.text, span.end).max(start);
        let line = self.line_starts.partition_point(|from| *from <= start);
        let column = self.text[self.line_starts[line - 1]..start].chars().count() + 1;
        let new = Diagnostic { severity, code, message, span: start..end, line, column, hint };
        if self.diagnostics.len() < crate::limits::DIAGNOSTICS_MAX && !self.diagnostics.contains(&new) {
            self.diagnostics.push(new);
        }
    }
}

fn floor_char(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// "did you mean `x`?", where a candidate is near.
pub(crate) fn did_you_mean<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<String> {
    nearest(name, candidates).map(|near| format!("did you mean `{near}`?"))
}

/// The candidate with the smallest edit distance, if that is at most a third of the name (but one is always near enough).
pub fn nearest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let near = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| *candidate != name)
        .map(|candidate| (edit_distance(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= near && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, substitutions and swaps of neighbours (the optimal string alignment distance).
fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let substitution = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substitution.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_allows_one_slip_in_three_letters() {
        assert_eq!(nearest("quantitty", ["sku", "quantity"]), Some("quantity"));
        assert_eq!(nearest("agrs", ["args", "id"]), Some("args"));
        assert_eq!(nearest("xyz", ["args", "id"]), None);
    }
}
