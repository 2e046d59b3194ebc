//! Session guarantees and causal order, from what clients wrote, read and passed to each other.
//!
//! Each client's session *knows* marks: those that it was told of, or that somebody knew who passed it a token. Whoever reads a document
//! must see all marks of it that the session knows: that is read your writes, monotonic reads, and writes follow reads, in any
//! region. Within a shard causes come before effects also without a token: who sees a mark from then on knows what its writer knew of
//! that shard.

use crate::{Answer, History, Step, Violation};
use std::collections::{BTreeMap, BTreeSet};

const CHECKER: &str = "sessions";

/// Marks by aggregate.
type Known = BTreeMap<String, BTreeSet<String>>;

/// `shard_of` places an aggregate (`type/id`).
pub fn sessions(history: &History, shard_of: &dyn Fn(&str) -> u16) -> Vec<Violation> {
    let excused = excused_marks(history);
    let mut known: BTreeMap<usize, Known> = BTreeMap::new();
    let mut causes: BTreeMap<String, Known> = BTreeMap::new();
    let mut found = Vec::new();
    for step in &history.steps {
        match step {
            Step::Attempt(attempt) => {
                let session = known.entry(attempt.client).or_default();
                let shard = shard_of(&attempt.aggregate);
                let same_shard = session.iter().filter(|(aggregate, _)| attempt.with_token && shard_of(aggregate) == shard);
                let before: Known = same_shard.map(|(aggregate, marks)| (aggregate.clone(), marks.clone())).collect();
                // Whatever the answer was: the first attempt that had an effect may be any of them, so only what all knew counts.
                causes.entry(attempt.mark.clone()).and_modify(|all| intersect(all, &before)).or_insert(before);
                if matches!(attempt.answer, Answer::Accepted { .. }) {
                    session.entry(attempt.aggregate.clone()).or_default().insert(attempt.mark.clone());
                }
            }
            Step::Read(read) => {
                let session = known.entry(read.client).or_default();
                let wanted = session.get(&read.aggregate).into_iter().flatten();
                let missing: Vec<&String> = wanted.filter(|mark| !read.marks.contains(*mark) && !excused.contains(mark.as_str())).collect();
                if !missing.is_empty() {
                    found.push(Violation::new(
                        CHECKER,
                        format!(
                            "client {} read {} in {} at {} ms with a token, and didn't see {missing:?}, which its session knows",
                            read.client, read.aggregate, read.region, read.at_ms
                        ),
                    ));
                }
                for mark in &read.marks {
                    causes.get(mark).into_iter().for_each(|before| join(session, before));
                }
                session.entry(read.aggregate.clone()).or_default().extend(read.marks.iter().cloned());
            }
            Step::Pass(pass) => {
                let theirs = known.get(&pass.from).cloned().unwrap_or_default();
                join(known.entry(pass.to).or_default(), &theirs);
            }
        }
    }
    found
}

fn excused_marks(history: &History) -> BTreeSet<&str> {
    history.attempts().filter(|attempt| history.excused.contains(&attempt.key)).map(|attempt| &*attempt.mark).collect()
}

fn join(into: &mut Known, from: &Known) {
    for (aggregate, marks) in from {
        into.entry(aggregate.clone()).or_default().extend(marks.iter().cloned());
    }
}

fn intersect(all: &mut Known, other: &Known) {
    all.retain(|aggregate, marks| {
        let theirs = other.get(aggregate);
        marks.retain(|mark| theirs.is_some_and(|theirs| theirs.contains(mark)));
        !marks.is_empty()
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attempt, Pass, Read};

    fn wrote(client: usize, aggregate: &str, mark: &str) -> Step {
        Step::Attempt(Attempt {
            client,
            region: "a".into(),
            at_ms: 0,
            aggregate: aggregate.into(),
            command: "mark".into(),
            key: mark.into(),
            mark: mark.into(),
            with_token: true,
            answer: Answer::Accepted { event: String::new(), replayed: false },
        })
    }

    fn read(client: usize, aggregate: &str, marks: &[&str]) -> Step {
        let marks = marks.iter().map(|mark| (*mark).to_owned()).collect();
        Step::Read(Read { client, region: "b".into(), at_ms: 1, aggregate: aggregate.into(), marks })
    }

    fn check(steps: Vec<Step>) -> usize {
        let shard = |aggregate: &str| u16::from(aggregate.starts_with('z'));
        sessions(&History { steps, ..History::default() }, &shard).len()
    }

    #[test]
    fn who_wrote_must_read_it_and_who_read_must_read_it_again() {
        assert_eq!(check(vec![wrote(0, "x", "m"), read(0, "x", &["m", "n"]), read(0, "x", &["m", "n"])]), 0);
        assert_eq!(check(vec![wrote(0, "x", "m"), read(0, "x", &[])]), 1);
        assert_eq!(check(vec![read(0, "x", &["m"]), read(0, "x", &[])]), 1);
        assert_eq!(check(vec![read(0, "x", &["m"]), read(1, "x", &[])]), 0);
    }

    #[test]
    fn a_passed_token_carries_what_its_session_knew() {
        assert_eq!(check(vec![wrote(0, "x", "m"), Step::Pass(Pass { from: 0, to: 1 }), read(1, "x", &[])]), 1);
    }

    #[test]
    fn who_sees_an_effect_sees_its_cause_in_the_same_shard() {
        let effect = |aggregate: &str| vec![wrote(0, "x", "cause"), wrote(0, aggregate, "effect"), read(1, aggregate, &["effect"])];
        let then = |aggregate: &str| check([effect(aggregate), vec![read(1, "x", &[])]].concat());
        assert_eq!((then("y"), then("z")), (1, 0), "tokens carry it over shards");
    }

    #[test]
    fn what_a_disaster_took_is_not_asked_for() {
        let steps = vec![wrote(0, "x", "m"), read(0, "x", &[])];
        let excused = ["m".to_owned()].into();
        assert!(sessions(&History { steps, excused, ..History::default() }, &|_| 0).is_empty());
    }
}
