//! What the shard's writer changed and the projector has not seen yet: an aggregate as its document is, and as it is now. So the projector
//! knows a document without reading it.
//!
//! Followed, a shard's states are those of its documents, but for what is noted here. Following begins where that is certain: nothing
//! is being committed, and the projector has projected all that is applied.

use crate::Aggregate;
use crate::limits::CHANGES_MAX;
use std::sync::Arc;
use sterna_env::HashMap;
use sterna_log::AggregateId;

/// An aggregate as it was taken the last time, and as it is.
pub struct Change {
    /// Without events if it is new.
    pub before: Arc<Aggregate>,
    pub now: Arc<Aggregate>,
}

/// What is known of an aggregate's document.
pub enum Handed {
    /// Nothing: the shard is not followed.
    Unknown,
    /// It is as the aggregate is.
    Same,
    /// Whoever takes it brings the document up to `now`, or gives up following.
    Changed(Change),
}

/// Of one shard.
#[derive(Default)]
pub(crate) struct Changes {
    followed: bool,
    /// Commits whose results are not known, or not in the states.
    under_way: usize,
    changed: HashMap<AggregateId, Change>,
}

impl Changes {
    pub fn commit_begins(&mut self) {
        self.under_way += 1;
    }

    pub fn commit_ends(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// Whether following may begin, if all that is applied is projected.
    pub fn is_quiet(&self) -> bool {
        !self.followed && self.under_way == 0
    }

    pub fn follow(&mut self) {
        debug_assert!(self.is_quiet());
        self.followed = true;
    }

    pub fn give_up(&mut self) {
        self.followed = false;
        self.changed = HashMap::default();
    }

    /// What has seen the same, with the same verdicts, is the same document.
    pub fn note(&mut self, id: &AggregateId, before: &Arc<Aggregate>, now: &Arc<Aggregate>) {
        if !self.followed || before.voided == now.voided && before.seen == now.seen {
            return;
        }
        if let Some(change) = self.changed.get_mut(id) {
            change.now = Arc::clone(now);
        } else if self.changed.len() < CHANGES_MAX {
            self.changed.insert(id.clone(), Change { before: Arc::clone(before), now: Arc::clone(now) });
        } else {
            self.give_up();
        }
    }

    pub fn take(&mut self, id: &AggregateId) -> Handed {
        match self.followed {
            true => self.changed.remove(id).map_or(Handed::Same, Handed::Changed),
            false => Handed::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sterna_crdt::{Dot, Incarnation, RegionId};

    fn state(events: u64) -> Arc<Aggregate> {
        let mut state = Aggregate::default();
        (1..=events).for_each(|n| state.seen.add(Dot { incarnation: Incarnation::new(RegionId(0), 1), n }));
        Arc::new(state)
    }

    fn id(id: &str) -> AggregateId {
        AggregateId { kind: "cart".into(), id: id.into() }
    }

    fn taken(changes: &mut Changes, of: &str) -> Option<(Arc<Aggregate>, Arc<Aggregate>)> {
        match changes.take(&id(of)) {
            Handed::Changed(change) => Some((change.before, change.now)),
            Handed::Same => None,
            Handed::Unknown => panic!("it is followed"),
        }
    }

    #[test]
    fn a_change_goes_from_what_was_taken_last_to_what_is() {
        let mut changes = Changes::default();
        changes.follow();
        changes.note(&id("a"), &state(0), &state(1));
        changes.note(&id("a"), &state(1), &state(3));
        assert_eq!(taken(&mut changes, "a"), Some((state(0), state(3))));
        assert_eq!(taken(&mut changes, "a"), None);
        changes.note(&id("a"), &state(3), &state(3));
        assert_eq!(taken(&mut changes, "a"), None, "nothing that a document shows");
        changes.note(&id("a"), &state(3), &state(4));
        assert_eq!(taken(&mut changes, "a"), Some((state(3), state(4))));
    }

    #[test]
    fn nothing_is_known_before_following_and_after_giving_up() {
        let mut changes = Changes::default();
        changes.commit_begins();
        assert!(!changes.is_quiet());
        changes.note(&id("a"), &state(0), &state(1));
        assert!(matches!(changes.take(&id("a")), Handed::Unknown));
        changes.commit_ends();
        assert!(changes.is_quiet());
        changes.follow();
        (0..=CHANGES_MAX).for_each(|n| changes.note(&id(&n.to_string()), &state(0), &state(1)));
        assert!(matches!(changes.take(&id("1")), Handed::Unknown), "more than it may hold");
    }
}
