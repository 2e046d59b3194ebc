//! What several incarnations did to one thing, each in its own order.
//!
//! What an incarnation observes only grows. So in its track those that an update saw, those concurrent with it and those that saw
//! it are three runs in this order, and a search finds their borders.

use super::Rule;
use crate::{Candidate, Incarnation, Policy, Update, Value};
use std::cmp::Ordering;

#[derive(Clone, Copy)]
pub(super) struct Act<'a> {
    pub update: &'a Update,
    /// What was set, added or inserted.
    pub value: &'a Value,
    pub by: Option<&'a Value>,
    /// What the model said where a register was set.
    pub rule: Option<&'a Policy>,
    /// No winning delete took its update away.
    pub live: bool,
}

impl<'a> Act<'a> {
    pub fn candidate(&self) -> Candidate<'a> {
        Candidate { value: self.value, by: self.by, dot: self.update.dot, order: self.update.order }
    }
}

#[derive(Default)]
pub(super) struct Track<'a>(Vec<(Incarnation, Vec<Act<'a>>)>);

impl<'a> Track<'a> {
    /// Acts come in order of their dots. Of several acts of one update `prefer` chooses.
    pub fn push(&mut self, act: Act<'a>, prefer: impl Fn(&Act<'a>, &Act<'a>) -> Ordering) {
        let incarnation = act.update.dot.incarnation;
        match self.0.last_mut() {
            Some((last, acts)) if *last == incarnation => match acts.last_mut() {
                Some(same) if same.update.dot == act.update.dot => {
                    if prefer(&act, same).is_gt() {
                        *same = act;
                    }
                }
                _ => acts.push(act),
            },
            _ => self.0.push((incarnation, vec![act])),
        }
    }

    pub fn live(&self) -> impl Iterator<Item = &Act<'a>> {
        self.0.iter().flat_map(|(_, acts)| acts).filter(|act| act.live)
    }

    /// For each other incarnation the run of acts concurrent with `update`.
    pub fn concurrent(&self, update: &Update) -> impl Iterator<Item = &[Act<'a>]> {
        let others = self.0.iter().filter(|(incarnation, _)| *incarnation != update.dot.incarnation);
        others.map(|(_, acts)| {
            let from = acts.partition_point(|act| update.seen.contains(act.update.dot));
            &acts[from..first_after(acts, update)]
        })
    }

    /// Something is concurrent with `update`.
    pub fn is_beside(&self, update: &Update) -> bool {
        self.concurrent(update).any(|run| !run.is_empty())
    }

    /// What beat `loser`: the best of the live concurrent acts, among those beside or before which nobody who had seen `loser` acted.
    /// Under a lattice only who beat it counts as having decided. What one of `aside` saw is left out.
    pub fn beaten_by(&self, loser: &Act<'a>, decider: &Decider<'_>, aside: &[&Update]) -> Option<Beaten<'_, 'a>> {
        let decided: Vec<&Update> = self
            .0
            .iter()
            .filter_map(|(_, acts)| {
                let mut later = acts[first_after(acts, loser.update)..].iter();
                later.find(|act| decider.decides(act, loser)).map(|act| act.update)
            })
            .collect();
        let runs: Vec<&[Act<'a>]> = self
            .concurrent(loser.update)
            .map(|run| {
                let undecided = run.partition_point(|act| decided.iter().all(|d| d.seen.contains(act.update.dot)));
                let from = run[..undecided].partition_point(|act| aside.iter().any(|removal| removal.seen.contains(act.update.dot)));
                &run[from..undecided]
            })
            .collect();
        let (policy, rule) = decider.rule(loser, &runs);
        let compare = |a: &Act<'a>, b: &Act<'a>| policy.compare(&a.candidate(), &b.candidate());
        let rivals = runs.iter().filter_map(|run| {
            let mut rivals = run.iter().filter(|act| act.live);
            match policy {
                Policy::Latest | Policy::Keep => rivals.next_back(),
                _ => rivals.max_by(|a, b| compare(a, b)),
            }
        });
        let winner = rivals.max_by(|a, b| compare(a, b)).filter(|winner| compare(winner, loser).is_gt())?;
        let versions = runs.iter().filter_map(|run| run.iter().rfind(|act| act.live)).map(|act| act.update.version);
        Some(Beaten { winner, rule, version: versions.fold(loser.update.version, u32::max) })
    }
}

/// What decides between sets of one place.
pub(super) enum Decider<'a> {
    Flag,
    Lattice(&'a Policy),
    /// The rule of the highest version of the model.
    Newest,
}

pub(super) struct Beaten<'t, 'a> {
    pub winner: &'t Act<'a>,
    pub rule: Rule,
    pub version: u32,
}

impl Decider<'_> {
    /// `act`, which saw `loser`, replaced it.
    fn decides(&self, act: &Act<'_>, loser: &Act<'_>) -> bool {
        match self {
            Self::Lattice(policy) => policy.compare(&act.candidate(), &loser.candidate()).is_gt(),
            Self::Flag | Self::Newest => true,
        }
    }

    /// Versions never fall along a run, so its last act has the highest.
    fn rule<'a>(&'a self, loser: &Act<'a>, runs: &[&[Act<'a>]]) -> (&'a Policy, Rule) {
        match self {
            Self::Flag => (&Policy::Max, Rule::TrueWins),
            Self::Lattice(policy) => (policy, Rule::from(*policy)),
            Self::Newest => {
                let last = runs.iter().filter_map(|run| run.iter().rfind(|act| act.live)).chain([loser]);
                let newest = last.max_by_key(|act| (act.update.version, act.update.order));
                let policy = newest.and_then(|act| act.rule).unwrap_or(&Policy::Latest);
                (policy, Rule::from(policy))
            }
        }
    }
}

/// Where those begin that saw `update`.
fn first_after(acts: &[Act<'_>], update: &Update) -> usize {
    acts.partition_point(|act| !act.update.seen.contains(update.dot))
}
