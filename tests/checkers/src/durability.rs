//! What was acknowledged is there in the end, and every key has one effect at most.

use crate::{Answer, History, Violation};
use std::collections::{BTreeMap, BTreeSet};

/// What one region shows of one aggregate in the end.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How often each mark was left.
    pub marks: BTreeMap<String, i64>,
}

#[derive(Default)]
struct Fate {
    aggregate: String,
    accepted: Option<String>,
    unknown: bool,
    events: BTreeSet<String>,
}

/// `shown`: by region, then by aggregate (`type/id`). Regions that are lost for good are left out by the caller.
pub fn effects(history: &History, shown: &BTreeMap<String, BTreeMap<String, Tally>>) -> Vec<Violation> {
    let mut fates: BTreeMap<&str, (String, Fate)> = BTreeMap::new();
    for attempt in history.attempts() {
        let (_, fate) = fates.entry(&attempt.mark).or_insert_with(|| (attempt.key.clone(), Fate::default()));
        fate.aggregate.clone_from(&attempt.aggregate);
        match &attempt.answer {
            Answer::Accepted { event, .. } => {
                fate.accepted.get_or_insert_with(|| format!("{} at {} ms", attempt.region, attempt.at_ms));
                fate.events.insert(event.clone());
            }
            Answer::Unknown { .. } => fate.unknown = true,
            Answer::Refused { .. } => {}
        }
    }
    let mut found = Vec::new();
    for (region, aggregates) in shown {
        for (mark, (key, fate)) in &fates {
            let count = aggregates.get(&fate.aggregate).and_then(|tally| tally.marks.get(*mark)).copied().unwrap_or(0);
            let aggregate = &fate.aggregate;
            match (&fate.accepted, count) {
                (_, 2..) if !history.forgotten.contains(key) => {
                    found.push(Violation::new(
                        "effect-once",
                        format!("{mark} (key {key}) took effect {count} times on {aggregate}, as {region} shows"),
                    ));
                }
                (Some(by), ..=0) if !history.excused.contains(key) => {
                    let what = format!(
                        "{mark} (key {key}) on {aggregate} was acknowledged by {by} as {:?}, and {region} doesn't have it",
                        fate.events
                    );
                    found.push(Violation::new("durability", what));
                }
                (None, 1) if !fate.unknown => {
                    found.push(Violation::new(
                        "refusals",
                        format!("{mark} (key {key}) on {aggregate} was refused for good, and {region} has it"),
                    ));
                }
                _ => {}
            }
        }
        for (aggregate, tally) in aggregates {
            for mark in tally.marks.keys().filter(|mark| !fates.contains_key(mark.as_str())) {
                found.push(Violation::new("durability", format!("{region} shows {mark} on {aggregate}, which nobody sent")));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attempt, Step};

    fn checkers(answers: &[Answer], count: i64) -> Vec<&'static str> {
        let attempt = |answer: &Answer| {
            Step::Attempt(Attempt {
                client: 0,
                region: "a".into(),
                at_ms: 0,
                aggregate: "x/1".into(),
                command: "mark".into(),
                key: "k".into(),
                mark: "m".into(),
                with_token: true,
                answer: answer.clone(),
            })
        };
        let history = History { steps: answers.iter().map(attempt).collect(), ..History::default() };
        let marks = if count > 0 { [("m".to_owned(), count)].into() } else { BTreeMap::new() };
        let shown = [("a".to_owned(), [("x/1".to_owned(), Tally { marks })].into())].into();
        effects(&history, &shown).into_iter().map(|violation| violation.checker).collect()
    }

    #[test]
    fn what_was_acknowledged_is_there_once() {
        let accepted = Answer::Accepted { event: "e".into(), replayed: false };
        let unknown = Answer::Unknown { why: String::new() };
        let refused = Answer::Refused { status: 422, code: "guard".into() };
        assert_eq!(checkers(std::slice::from_ref(&accepted), 1), [""; 0]);
        assert_eq!(checkers(&[unknown.clone(), accepted.clone()], 0), ["durability"]);
        assert_eq!(checkers(&[accepted.clone(), accepted], 2), ["effect-once"]);
        assert_eq!((checkers(std::slice::from_ref(&unknown), 1).len(), checkers(std::slice::from_ref(&unknown), 0).len()), (0, 0));
        assert_eq!(checkers(&[unknown], 2), ["effect-once"]);
        assert_eq!(checkers(std::slice::from_ref(&refused), 1), ["refusals"]);
        assert_eq!(checkers(&[refused], 0), [""; 0]);
    }
}
