//! The corpus of changes: each `tests/diff/NAME.change` says how `old.toml` becomes a new model, and what `diff` says of it is in
//! `NAME.txt`. Lines that begin with `-` are looked up, and the `+` lines that follow them take their place; without `-` they come last.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod expect;

use std::fmt::Write;
use std::fs;
use sterna_model::diff::{Verdict, diff, verdict};
use sterna_model::{Model, parse};

const OLD: &str = include_str!("diff/old.toml");

fn load(text: &str) -> Model {
    let (model, diagnostics) = parse(text);
    let shown: String = diagnostics.iter().filter(|d| d.is_error()).map(|d| d.render("new.toml", text)).collect();
    model.unwrap_or_else(|| panic!("{shown}"))
}

/// The old model, changed as the file says: blocks of `-` lines, replaced by the `+` lines that follow them.
fn changed(name: &str, steps: &str) -> String {
    let mut text = OLD.to_owned();
    let mut lines = steps.lines().peekable();
    while lines.peek().is_some() {
        let mut block = |sign: char| {
            let mut block = String::new();
            while let Some(line) = lines.next_if(|line| line.starts_with(sign)) {
                writeln!(block, "{}", &line[1..]).unwrap();
            }
            block
        };
        let (before, after) = (block('-'), block('+'));
        assert!(!before.is_empty() || !after.is_empty(), "{name}: a line begins with - or +");
        assert_eq!(text.matches(&before).count(), if before.is_empty() { text.len() + 1 } else { 1 }, "{name}: {before:?} is there once");
        text = if before.is_empty() { text + &after } else { text.replace(&before, &after) };
    }
    text
}

fn shown(name: &str, steps: &str) -> String {
    let text = changed(name, steps);
    let (old, new) = (load(OLD), load(&text));
    let changes = diff(&old, &new);
    let mut out = String::new();
    for change in &changes {
        assert_eq!(change.diagnostic.is_error(), change.verdict != Verdict::Safe);
        writeln!(out, "{}\n{}", change.path, change.diagnostic.render("new.toml", &text)).unwrap();
    }
    writeln!(out, "{}", verdict(&changes)).unwrap();
    out
}

#[test]
fn every_change_is_judged() {
    let cases = expect::cases("diff", "change");
    assert!(cases.len() >= 30, "the corpus shrank");
    expect::check(&cases, |path| shown(&expect::name(path), &fs::read_to_string(path).unwrap()));
}

#[test]
fn a_model_is_no_change_of_itself_and_neither_are_spaces() {
    let spaced = OLD.replace(" = ", "=").replace("[view.board]", "# a remark\n\n[view.board]");
    assert_eq!(diff(&load(OLD), &load(&spaced)), []);
}
