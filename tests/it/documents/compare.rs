//! What a document shows against what was printed.

use regex::Regex;
use std::sync::LazyLock;

/// What differs from run to run, and what stands for it.
const CHANGING: &[(&str, &str)] = &[
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"\b(\d+)\.\d{12,}\.(\d+)\b", "$1.LIFE.$2"),
    (r#"\\?"[0-9a-f]{16}\\?""#, "TAG"),
    (r"\b[0-9a-f]{32}\b", "KEY"),
    (r"(sterna-token|x-request-id|content-length): \S+", "$1: …"),
    (r"^date: .*GMT$", "date: …"),
    (r#""(token|request_id|hash|incarnation)":"[^"]+""#, "\"$1\":\"…\""),
    (r#""next":"[^"]+""#, "\"next\":\"…\""),
    (r"--after \S+", "--after …"),
    (r"after=[A-Za-z0-9_-]+", "after=…"),
    (r"^id: \S+$", "id: …"),
    (r"\d+\.\d s old", "0.0 s old"),
    (r"/tmp/sterna-\w+", "/tmp/sterna-…"),
];

static PATTERNS: LazyLock<Vec<(Regex, &str)>> =
    LazyLock::new(|| CHANGING.iter().map(|(pattern, put)| (Regex::new(pattern).expect("it is a pattern"), *put)).collect());

/// With what changes taken out.
pub fn plain(line: &str) -> String {
    PATTERNS.iter().fold(line.trim_end().to_owned(), |line, (pattern, put)| pattern.replace_all(&line, *put).into_owned())
}

/// `…` stands for anything in a line, and alone for any lines.
pub fn fits(expected: &[String], actual: &[String]) -> bool {
    let Some((first, rest)) = expected.split_first() else { return actual.is_empty() };
    if first.trim() == "…" {
        return (0..=actual.len()).any(|skipped| fits(rest, &actual[skipped..]));
    }
    actual.split_first().is_some_and(|(line, more)| line_fits(first, line) && fits(rest, more))
}

fn line_fits(expected: &str, actual: &str) -> bool {
    let (expected, actual) = (plain(expected), plain(actual));
    if expected == actual {
        return true;
    }
    let mut parts = expected.split('…');
    let Some(mut rest) = parts.next().and_then(|first| actual.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

/// Lines without the empty ones at the end.
pub fn lines(text: &str) -> Vec<String> {
    text.trim_end().lines().map(str::to_owned).collect()
}

#[test]
fn what_changes_from_run_to_run_is_no_difference_and_all_else_is() {
    let fit = |a: &str, b: &str| fits(&lines(a), &lines(b));
    assert!(fit("accepted as event 2.1795442222966.1", "accepted as event 2.1799999999999.1"));
    assert!(!fit("accepted as event 2.1795442222966.1", "accepted as event 1.1799999999999.1"));
    assert!(fit(r#"{"at":"2026-11-23T13:57:06.742Z","n":5}"#, r#"{"at":"2027-01-01T00:00:00Z","n":5}"#));
    assert!(!fit(r#"{"n":5}"#, r#"{"n":6}"#) && !fit("a\nb", "a") && !fit("a", "a\nb"));
    assert!(fit("a\n…\nd", "a\nb\nc\nd") && fit("…", "") && fit("a … c … e", "a b c d e") && !fit("a … c", "a b c d"));
}
