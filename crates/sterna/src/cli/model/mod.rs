//! `model`: what is done with models without a region.

mod diff;

use crate::out::{Form, Outcome, answer, note, say};
use anyhow::{Context, Result, bail};
use clap::Subcommand;
use serde_json::{Value, json};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use sterna_crdt::Name;
use sterna_model::{Diagnostic, Severity};

/// Work on models.
#[derive(clap::Args)]
pub struct Model {
    #[command(subcommand)]
    pub command: ModelCommand,
}

#[derive(Subcommand)]
pub enum ModelCommand {
    /// Write a small model to begin with
    #[command(after_help = "\
Examples:
  sterna model new my.toml && sterna dev my.toml
  sterna model new | less")]
    New {
        /// Where to; a file that is there stays [default: standard output]
        file: Option<PathBuf>,
    },
    /// Explain every mistake in a model, with line, column and a hint
    #[command(after_help = "\
Examples:
  sterna model check shop.toml
  sterna model check shop.toml --regions us-east,eu-west --json

The status is 1 if there is a mistake; remarks are none.")]
    Check {
        file: PathBuf,
        /// The regions that it may name
        #[arg(long, value_delimiter = ',')]
        regions: Option<Vec<String>>,
    },
    /// Say what becomes of data, clients and views when one model takes the place of another
    #[command(after_help = "\
Examples:
  sterna model diff shop.toml shop-next.toml
  git show main:shop.toml | sterna model diff - shop.toml      in CI

A change is safe, or needs a new name beside the old one, or is refused. The status is 0 if all are safe, else 1.")]
    Diff {
        /// The model of today, or - for standard input
        old: PathBuf,
        /// The one that shall take its place
        new: PathBuf,
        /// The regions that they may name
        #[arg(long, value_delimiter = ',')]
        regions: Option<Vec<String>>,
    },
    /// Print the JSON Schema of models, for editors
    #[command(after_help = "\
Example:
  sterna model schema > sterna.schema.json

Then begin a model with `#:schema ./sterna.schema.json`, for editors that use taplo (VS Code's Even Better TOML, Zed, Helix).")]
    Schema,
}

/// What `new` writes.
const FIRST: &str = include_str!("first.toml");

pub fn model(args: Model, form: Form) -> Result<Outcome> {
    match args.command {
        ModelCommand::New { file } => new(file.as_deref()),
        ModelCommand::Check { file, regions } => check(&file, regions, form),
        ModelCommand::Diff { old, new, regions } => diff::diff(&old, &new, regions, form),
        ModelCommand::Schema => {
            let schema = sterna_model::json_schema();
            match form {
                Form::Json => answer(&schema),
                Form::Text => say(serde_json::to_string_pretty(&schema)?),
            }
            Ok(Outcome::Done)
        }
    }
}

fn new(file: Option<&Path>) -> Result<Outcome> {
    let Some(file) = file else {
        say(FIRST.trim_end());
        return Ok(Outcome::Done);
    };
    let opened = fs::OpenOptions::new().write(true).create_new(true).open(file);
    let written = opened.and_then(|mut opened| std::io::Write::write_all(&mut opened, FIRST.as_bytes()));
    match written {
        Ok(()) => note(format!("{} is a model of a shop's cart. Run it: sterna dev {}", file.display(), file.display())),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => bail!("{} is there already; give another name", file.display()),
        Err(error) => return Err(error).with_context(|| format!("{} can't be written", file.display())),
    }
    Ok(Outcome::Done)
}

fn check(file: &Path, regions: Option<Vec<String>>, form: Form) -> Result<Outcome> {
    let source = Source::read(file, regions)?;
    let mistakes = source.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
    if form == Form::Json {
        let diagnostics: Vec<Value> = source.diagnostics.iter().map(shown).collect();
        let (version, hash) = (source.model.as_ref().map(|model| model.version), source.model.as_ref().map(hash));
        answer(&json!({ "file": source.name, "version": version, "hash": hash, "diagnostics": diagnostics }));
    } else {
        source.diagnostics.iter().for_each(|diagnostic| say(diagnostic.render(&source.name, &source.text)));
        match &source.model {
            Some(model) => {
                let remarks = counted(source.diagnostics.len(), "remark");
                say(format!("{}: version {} is a model; {remarks}", source.name, model.version));
            }
            None => say(format!("{}: {}", source.name, counted(mistakes, "mistake"))),
        }
    }
    Ok(if mistakes == 0 { Outcome::Done } else { Outcome::No })
}

/// A model's file, read and checked.
struct Source {
    name: String,
    text: String,
    model: Option<sterna_model::Model>,
    diagnostics: Vec<Diagnostic>,
}

impl Source {
    fn read(file: &Path, regions: Option<Vec<String>>) -> Result<Self> {
        let (name, text) = match file.as_os_str() == "-" {
            true => ("<stdin>".to_owned(), std::io::read_to_string(std::io::stdin()).context("standard input can't be read")?),
            false => (file.display().to_string(), fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))?),
        };
        // Sorted, as everywhere, so that a region has one number.
        let regions: Option<Vec<Name>> = regions.map(|mut names| {
            names.sort();
            names.iter().map(|name| name.as_str().into()).collect()
        });
        let (model, diagnostics) = sterna_model::parse_with(&text, regions.as_deref());
        Ok(Self { name, text, model, diagnostics })
    }
}

/// For programs.
fn shown(diagnostic: &Diagnostic) -> Value {
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    json!({
        "severity": severity, "code": diagnostic.code, "message": diagnostic.message, "help": diagnostic.hint,
        "line": diagnostic.line, "column": diagnostic.column, "span": [diagnostic.span.start, diagnostic.span.end],
    })
}

fn hash(model: &sterna_model::Model) -> String {
    model.hash.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn counted(count: usize, what: &str) -> String {
    match count {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_new_writes_is_a_model_without_a_remark() {
        let (model, diagnostics) = sterna_model::parse(FIRST);
        assert!(model.is_some() && diagnostics.is_empty(), "{diagnostics:?}");
    }
}
