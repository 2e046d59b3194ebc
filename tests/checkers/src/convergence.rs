//! Regions that have applied the same logs show the same.

use crate::Violation;
use serde_json::Value;
use std::collections::BTreeMap;

/// What one region answered: by path, the body.
#[derive(Clone, Debug, Default)]
pub struct Copy {
    pub region: String,
    pub answers: BTreeMap<String, Value>,
}

/// Every path is answered alike by all.
pub fn converged(copies: &[Copy]) -> Vec<Violation> {
    let Some((first, others)) = copies.split_first() else { return Vec::new() };
    let mut found = Vec::new();
    for other in others {
        for (path, body) in &first.answers {
            match other.answers.get(path) {
                Some(theirs) if theirs == body => {}
                theirs => {
                    let theirs = theirs.map_or_else(|| "nothing".to_owned(), Value::to_string);
                    found.push(Violation::new(
                        "convergence",
                        format!("{path}: {} says {body}, {} says {theirs}", first.region, other.region),
                    ));
                }
            }
        }
        let extra = other.answers.keys().filter(|path| !first.answers.contains_key(*path));
        found.extend(extra.map(|path| Violation::new("convergence", format!("{path}: only {} answers it", other.region))));
    }
    found
}

/// A view with one row for each aggregate shows what the documents show: `row_of` gives the row that a document should have.
pub fn one_row_each(copy: &Copy, view: &str, rows: &[Value], wanted: Vec<Value>) -> Vec<Violation> {
    let sorted = |mut rows: Vec<String>| {
        rows.sort();
        rows
    };
    let rows = sorted(rows.iter().map(Value::to_string).collect());
    let wanted = sorted(wanted.iter().map(Value::to_string).collect());
    let missing: Vec<&String> = wanted.iter().filter(|row| !rows.contains(row)).collect();
    let extra: Vec<&String> = rows.iter().filter(|row| !wanted.contains(row)).collect();
    if missing.is_empty() && extra.is_empty() && rows.len() == wanted.len() {
        return Vec::new();
    }
    let what = format!("view {view} of {} lacks {missing:?} and has {extra:?} beyond its documents", copy.region);
    vec![Violation::new("views", what)]
}
