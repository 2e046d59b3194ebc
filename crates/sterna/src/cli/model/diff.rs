//! `model diff`.

use super::{Source, counted, hash, shown};
use crate::out::{Form, Outcome, answer, say};
use anyhow::{Result, bail};
use serde_json::{Value, json};
use std::path::Path;
use sterna_model::Model;
use sterna_model::diff::{Change, Verdict, diff as changes_of, verdict};

pub fn diff(old: &Path, new: &Path, regions: Option<Vec<String>>, form: Form) -> Result<Outcome> {
    let (before, after) = (Source::read(old, regions.clone())?, Source::read(new, regions)?);
    let (held, given) = (model(&before)?, model(&after)?);
    let changes = changes_of(held, given);
    let whole = verdict(&changes);
    match form {
        Form::Json => answer(&json!({
            "old": { "file": before.name, "version": held.version, "hash": hash(held) },
            "new": { "file": after.name, "version": given.version, "hash": hash(given) },
            "verdict": whole.code(),
            "changes": changes.iter().map(change).collect::<Vec<_>>(),
        })),
        Form::Text => {
            changes.iter().for_each(|change| match change.verdict {
                Verdict::Safe => say(format!("safe: {}: {}", change.path, change.diagnostic.message)),
                _ => say(format!("\n{}", change.diagnostic.render(&after.name, &after.text))),
            });
            say(format!("{} (version {}) to {} (version {}): {}", before.name, held.version, after.name, given.version, summary(&changes)));
        }
    }
    Ok(if whole == Verdict::Safe { Outcome::Done } else { Outcome::No })
}

fn model(source: &Source) -> Result<&Model> {
    match &source.model {
        Some(model) => Ok(model),
        None => {
            let mistakes = source.diagnostics.iter().filter(|mistake| mistake.is_error());
            let shown: Vec<_> = mistakes.map(|mistake| mistake.render(&source.name, &source.text)).collect();
            bail!("{} is no model\n{}", source.name, shown.join("\n"))
        }
    }
}

fn change(change: &Change) -> Value {
    let mut value = shown(&change.diagnostic);
    value["path"] = change.path.as_str().into();
    value["verdict"] = change.verdict.code().into();
    value
}

fn summary(changes: &[Change]) -> String {
    let count = |verdict: Verdict| changes.iter().filter(|change| change.verdict == verdict).count();
    match (count(Verdict::Safe), count(Verdict::NewName), count(Verdict::Refused)) {
        (0, 0, 0) => "no changes".to_owned(),
        (safe, 0, 0) => format!("{}, all safe", counted(safe, "change")),
        (safe, new_name, refused) => {
            let parts = [(safe, "safe"), (new_name, "in need of a new name"), (refused, "refused")];
            let parts: Vec<_> = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
            format!("{}: {}", counted(changes.len(), "change"), parts.join(", "))
        }
    }
}
