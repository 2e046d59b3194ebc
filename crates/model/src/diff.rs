//! What becomes of data, clients and views when one model takes the place of another.
//!
//! Things are the same if the data calls them the same: by the name they have, or by the one that `was` keeps.

mod commands;
mod fields;
mod locate;
mod views;

use crate::diagnostic::{Diagnostic, Report};
use crate::{AggregateType, Home, Model};
use locate::Place;
use std::fmt;
use sterna_crdt::Name;

/// What a change asks for; the last of several is the whole model's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// It may be rolled out, region by region.
    Safe,
    /// It is another thing: declare it beside the old one, under a new name.
    NewName,
    /// It can't be.
    Refused,
}

impl Verdict {
    /// Stable and short.
    pub fn code(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::NewName => "needs-a-new-name",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Safe => "safe",
            Self::NewName => "needs a new name",
            Self::Refused => "refused",
        })
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    pub verdict: Verdict,
    /// What changed, as the new model calls it (the old one, where it is gone): `aggregate.cart.fields.note`.
    pub path: String,
    /// Of the new model's text: a note if the change is safe, else an error.
    pub diagnostic: Diagnostic,
}

/// Every change from `old` to `new`, in order of the new model's text; none if they say the same.
pub fn diff(old: &Model, new: &Model) -> Vec<Change> {
    if old.hash == new.hash {
        return Vec::new();
    }
    let mut differ = Differ { report: Report::new(new.source()), place: Place::new(new.source()), found: Vec::new() };
    differ.version(old, new);
    differ.aggregates(old, new);
    differ.views(old, new);
    differ.reactions(old, new);
    differ.finish()
}

/// The verdict on the whole.
pub fn verdict(changes: &[Change]) -> Verdict {
    changes.iter().map(|change| change.verdict).max().unwrap_or(Verdict::Safe)
}

struct Differ<'n> {
    report: Report<'n>,
    place: Place<'n>,
    found: Vec<(Verdict, String)>,
}

impl Differ<'_> {
    fn safe(&mut self, path: &str, message: impl fmt::Display) {
        let span = self.place.of(path);
        self.add(Verdict::Safe, path, |report| report.note_maybe("safe", span, message.to_string(), None));
    }

    fn new_name(&mut self, path: &str, message: impl fmt::Display, help: impl Into<String>) {
        let span = self.place.of(path);
        self.add(Verdict::NewName, path, |report| report.error_with(Verdict::NewName.code(), span, message.to_string(), help));
    }

    fn refused(&mut self, path: &str, message: impl fmt::Display, help: impl Into<String>) {
        let span = self.place.of(path);
        self.add(Verdict::Refused, path, |report| report.error_with(Verdict::Refused.code(), span, message.to_string(), help));
    }

    fn add(&mut self, verdict: Verdict, path: &str, write: impl FnOnce(&mut Report<'_>)) {
        let before = self.report.len();
        write(&mut self.report);
        // The report takes no more than its limit.
        if self.report.len() > before {
            self.found.push((verdict, path.to_owned()));
        }
    }

    fn finish(self) -> Vec<Change> {
        let diagnostics = self.report.in_order_of_finding();
        let found = self.found.into_iter().zip(diagnostics);
        let mut changes: Vec<Change> = found.map(|((verdict, path), diagnostic)| Change { verdict, path, diagnostic }).collect();
        changes.sort_by_key(|change| change.diagnostic.span.start);
        changes
    }

    fn version(&mut self, old: &Model, new: &Model) {
        if new.version <= old.version {
            let message = match new.version == old.version {
                true => format!("the model says something else, and is version {} still", new.version),
                false => format!("this is version {}, after version {}", new.version, old.version),
            };
            self.refused("version", message, format!("write `version = {}`", old.version.saturating_add(1)));
        }
        if new.idempotency_window_ms != old.idempotency_window_ms {
            let message = "the window that keys are kept for can't change: a retry of an earlier key would not be known";
            self.refused("idempotency_window", message, "keep it as it was");
        }
    }

    fn aggregates(&mut self, old: &Model, new: &Model) {
        for of in new.aggregates() {
            let path = format!("aggregate.{}", of.name);
            match old.aggregates().iter().find(|before| before.stored() == of.stored()) {
                Some(before) => self.aggregate(&path, before, of),
                None if self.took_place(&path, "type", of.stored(), &of.name, old.aggregates().iter().map(AggregateType::names)) => {}
                None => self.safe(&path, format!("the type `{}` is new", of.name)),
            }
        }
        for gone in old.aggregates().iter().filter(|before| !new.aggregates().iter().any(|of| of.stored() == before.stored())) {
            let kept = new.aggregates().iter().any(|of| of.name == gone.name || *of.stored() == gone.name);
            self.gone(&format!("aggregate.{}", gone.name), "type", gone.names(), kept, "there is data of this type");
        }
    }

    fn aggregate(&mut self, path: &str, old: &AggregateType, new: &AggregateType) {
        self.renamed(path, "type", old.names(), new.names());
        self.deprecated(path, &new.name, old.deprecated, new.deprecated);
        if old.home != new.home {
            let message = format!("`{}` had {}, and would have {}", new.name, home(old.home.as_ref()), home(new.home.as_ref()));
            let help = "where an aggregate lives is data: it is moved by a handover, not by the model";
            self.refused(&format!("{path}.home"), message, help);
        }
        if old.delete_wins != new.delete_wins {
            self.safe(&format!("{path}.delete_wins"), "it holds for deletes from now on");
        }
        self.fields(path, old, new);
        self.commands(path, old, new);
    }

    /// A name of the old model that now means another thing: said where the thing is, and once.
    fn took_place<'o>(
        &mut self,
        path: &str,
        what: &str,
        stored: &Name,
        name: &Name,
        mut old: impl Iterator<Item = (&'o Name, &'o Name)>,
    ) -> bool {
        let Some((before, held)) = old.find(|(before, _)| *before == name || *before == stored) else { return false };
        let message = format!("the data of the {what} `{before}` is under `{held}`, and this would look under `{stored}`");
        let help = match before == held {
            true => "leave `was` out".to_owned(),
            false => format!("write `was = \"{held}\"`: it names what the data has, however often the {what} is renamed"),
        };
        self.refused(path, message, help);
        true
    }

    fn gone(&mut self, path: &str, what: &str, (name, stored): (&Name, &Name), kept: bool, why: &str) {
        // Said where the name is now.
        if kept {
            return;
        }
        let help = format!("keep it with `deprecated = true`; if it has a new name, add `was = \"{stored}\"` there");
        self.refused(path, format!("the {what} `{name}` is gone: {why}"), help);
    }

    fn renamed(&mut self, path: &str, what: &str, (before, _): (&Name, &Name), (name, stored): (&Name, &Name)) {
        if before != name {
            let gone = if before == stored { String::new() } else { format!("; `{before}` is not answered any more") };
            self.safe(path, format!("the {what} `{before}` is called `{name}`{gone}"));
        }
    }

    fn deprecated(&mut self, path: &str, name: &Name, before: bool, now: bool) {
        match (before, now) {
            (false, true) => self.safe(path, format!("`{name}` is deprecated; it works as before")),
            (true, false) => self.safe(path, format!("`{name}` is deprecated no more")),
            _ => {}
        }
    }
}

fn home(home: Option<&Home>) -> String {
    match home {
        None => "no home".to_owned(),
        Some(Home::ById) => "a home by id".to_owned(),
        Some(Home::Region(region)) => format!("its home in `{region}`"),
    }
}

impl AggregateType {
    /// Its name, and the stored one.
    fn names(&self) -> (&Name, &Name) {
        (&self.name, self.stored())
    }
}
