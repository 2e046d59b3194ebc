//! `model check`.

use super::args::{Model, ModelCommand};
use crate::out::{Outcome, say};
use anyhow::{Context, Result};
use std::fs;
use sterna_crdt::Name;

pub fn model(args: Model) -> Result<Outcome> {
    match args.command {
        ModelCommand::Check { file, regions } => {
            let text = fs::read_to_string(&file).with_context(|| format!("{} can't be read", file.display()))?;
            let regions: Option<Vec<Name>> = regions.map(|names| names.iter().map(|name| name.as_str().into()).collect());
            let (model, diagnostics) = sterna_model::parse_with(&text, regions.as_deref());
            let name = file.display().to_string();
            diagnostics.iter().for_each(|diagnostic| say(diagnostic.render(&name, &text)));
            match model {
                Some(model) => {
                    say(format!("{name}: version {} is a model; {}", model.version, counted(diagnostics.len(), "remark")));
                    Ok(Outcome::Done)
                }
                None => {
                    let mistakes = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
                    say(format!("{name}: {}", counted(mistakes, "mistake")));
                    Ok(Outcome::No)
                }
            }
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    match count {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}
