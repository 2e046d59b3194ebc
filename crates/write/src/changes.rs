//! What became of a shard's aggregates since the projector last took them: so it knows what a document was without reading it.
//!
//! A note begins at the state that the document was made from. That holds if no commit is missed, and if what was applied before the first
//! note is projected before any is believed. States that are read from the store may be ahead of what is noted: of these there is no note
//! until they are taken again.

use crate::Aggregate;
use crate::limits::CHANGES_MAX;
use std::sync::Arc;
use sterna_env::HashMap;
use sterna_log::{AggregateId, Applied};

/// What is known of an aggregate when it is taken. Whoever takes it projects it, or gives up.
pub enum Taken {
    /// Its document was made from the first, if that is known, and it is the second now.
    Changed(Option<Arc<Aggregate>>, Arc<Aggregate>),
    /// It is what its document was made from.
    Same,
    /// Nothing.
    Unknown,
}

/// Of one shard.
#[derive(Default)]
pub(crate) struct Changes {
    phase: Phase,
    round: u64,
    notes: HashMap<AggregateId, Note>,
}

#[derive(Default)]
enum Phase {
    #[default]
    Idle,
    /// Whoever asked may still read states without a mark.
    Asked,
    /// Commits that begin from now on are noted.
    Wanted,
    /// So much was applied before the first that was.
    Noting(Applied),
}

enum Note {
    Changed {
        before: Arc<Aggregate>,
        now: Arc<Aggregate>,
    },
    /// It was read from the store, perhaps with a commit that is only to be noted.
    Unsure,
}

impl Changes {
    /// Called when all that was taken is projected, and more is to be taken.
    pub fn ask(&mut self) {
        match self.phase {
            Phase::Idle => self.phase = Phase::Asked,
            Phase::Asked => self.phase = Phase::Wanted,
            Phase::Wanted | Phase::Noting(_) => {}
        }
    }

    /// For a commit that begins: what to say when it has ended.
    pub fn wanted(&self) -> Option<u64> {
        matches!(self.phase, Phase::Wanted).then_some(self.round)
    }

    /// The first commit that was wanted has ended; `applied` is without it.
    pub fn begin(&mut self, round: u64, applied: Applied) {
        if self.wanted() == Some(round) {
            self.phase = Phase::Noting(applied);
        }
    }

    /// A commit has changed it.
    pub fn note(&mut self, id: &AggregateId, before: &Arc<Aggregate>, now: &Arc<Aggregate>) {
        if !matches!(self.phase, Phase::Noting(_)) {
            return;
        }
        match self.notes.get_mut(id) {
            Some(Note::Changed { now: last, .. }) => last.clone_from(now),
            Some(Note::Unsure) => {}
            // What has seen the same, with the same verdicts, is the same document.
            None if before.seen == now.seen && before.voided == now.voided => {}
            None => self.insert(id, Note::Changed { before: Arc::clone(before), now: Arc::clone(now) }),
        }
    }

    /// `held` is what it is now, if that is in memory, and `projected` what is in documents.
    pub fn take(&mut self, id: &AggregateId, held: Option<&Arc<Aggregate>>, projected: &Applied) -> Taken {
        let believed = match &self.phase {
            Phase::Idle | Phase::Asked => return Taken::Unknown,
            Phase::Wanted => false,
            Phase::Noting(since) => projected.covers(since),
        };
        match (self.notes.remove(id), held) {
            (Some(Note::Changed { before, now }), _) => Taken::Changed(Some(before).filter(|_| believed), now),
            (None, _) if believed => Taken::Same,
            (_, Some(held)) => Taken::Changed(None, Arc::clone(held)),
            (_, None) => {
                self.insert(id, Note::Unsure);
                Taken::Unknown
            }
        }
    }

    fn insert(&mut self, id: &AggregateId, note: Note) {
        match self.notes.len() < CHANGES_MAX {
            true => _ = self.notes.insert(id.clone(), note),
            false => self.give_up(),
        }
    }

    /// Nothing is known of documents until noting begins anew.
    pub fn give_up(&mut self) {
        *self = Self { round: self.round + 1, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sterna_crdt::{Dot, Incarnation, RegionId};
    use sterna_log::Position;

    fn state(events: u64) -> Arc<Aggregate> {
        let mut state = Aggregate::default();
        (1..=events).for_each(|n| state.seen.add(Dot { incarnation: Incarnation::new(RegionId(0), 1), n }));
        Arc::new(state)
    }

    fn id(id: &str) -> AggregateId {
        AggregateId { kind: "cart".into(), id: id.into() }
    }

    fn applied(commit: u8) -> Applied {
        Applied(vec![(RegionId(0), Position::new(1, [commit; 10], 0))])
    }

    /// What a document was made from, and what is now.
    fn events(taken: &Taken) -> (Option<u64>, Option<u64>) {
        let of = |state: &Aggregate| state.seen.iter().map(|dot| dot.n).sum();
        match taken {
            Taken::Changed(before, now) => (before.as_deref().map(of), Some(of(now))),
            Taken::Same => (None, None),
            Taken::Unknown => panic!("it is known"),
        }
    }

    fn wanted() -> Changes {
        let mut changes = Changes::default();
        for _ in 0..2 {
            assert_eq!(changes.wanted(), None);
            assert!(matches!(changes.take(&id("a"), Some(&state(1)), &applied(9)), Taken::Unknown));
            changes.ask();
        }
        changes
    }

    fn noting() -> Changes {
        let mut changes = wanted();
        let round = changes.wanted().expect("it is wanted");
        changes.begin(round, applied(5));
        changes
    }

    #[test]
    fn a_note_goes_from_what_was_taken_last_to_what_is() {
        let (mut changes, all) = (noting(), applied(5));
        changes.note(&id("a"), &state(0), &state(1));
        changes.note(&id("a"), &state(1), &state(3));
        assert_eq!(events(&changes.take(&id("a"), None, &all)), (Some(0), Some(3)));
        assert_eq!(events(&changes.take(&id("a"), None, &all)), (None, None));
        changes.note(&id("a"), &state(3), &state(3));
        assert_eq!(events(&changes.take(&id("a"), None, &all)), (None, None), "nothing that a document shows");
        changes.note(&id("a"), &state(3), &state(4));
        assert_eq!(events(&changes.take(&id("a"), Some(&state(4)), &all)), (Some(3), Some(4)));
    }

    #[test]
    fn notes_are_believed_once_what_was_before_them_is_projected() {
        let (mut changes, some, all) = (noting(), applied(4), applied(5));
        changes.note(&id("a"), &state(2), &state(3));
        assert_eq!(events(&changes.take(&id("a"), None, &some)), (None, Some(3)));
        changes.note(&id("a"), &state(3), &state(4));
        assert_eq!(events(&changes.take(&id("a"), None, &all)), (Some(3), Some(4)));
        assert_eq!(events(&changes.take(&id("b"), Some(&state(2)), &some)), (None, Some(2)));
        changes.note(&id("b"), &state(2), &state(3));
        assert_eq!(events(&changes.take(&id("b"), None, &all)), (Some(2), Some(3)));
    }

    #[test]
    fn of_what_is_read_from_the_store_it_is_not_known_which_commits_it_has() {
        let (mut changes, some, all) = (noting(), applied(4), applied(5));
        assert!(matches!(changes.take(&id("a"), None, &some), Taken::Unknown));
        changes.note(&id("a"), &state(1), &state(2));
        assert!(matches!(changes.take(&id("a"), None, &all), Taken::Unknown), "it was read before the commit, or after it");
        assert_eq!(events(&changes.take(&id("a"), Some(&state(2)), &all)), (None, Some(2)));
        assert_eq!(events(&changes.take(&id("a"), None, &all)), (None, None));
    }

    #[test]
    fn what_was_read_before_noting_began_may_have_the_first_commit_that_is_noted() {
        let (mut changes, all) = (wanted(), applied(5));
        assert!(matches!(changes.take(&id("a"), None, &all), Taken::Unknown));
        changes.begin(0, applied(5));
        changes.note(&id("a"), &state(1), &state(2));
        assert_eq!(events(&changes.take(&id("a"), Some(&state(2)), &all)), (None, Some(2)));
    }

    #[test]
    fn with_more_than_it_may_hold_it_begins_anew() {
        let (mut changes, all) = (noting(), applied(5));
        (0..=CHANGES_MAX).for_each(|n| changes.note(&id(&n.to_string()), &state(0), &state(1)));
        assert!(matches!(changes.take(&id("1"), Some(&state(1)), &all), Taken::Unknown));
        changes.ask();
        changes.ask();
        let round = changes.wanted().expect("it is wanted again");
        changes.begin(round - 1, applied(6));
        assert!(changes.wanted().is_some(), "a commit of before");
        changes.begin(round, applied(6));
        assert_eq!(changes.wanted(), None);
    }
}
