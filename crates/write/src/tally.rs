//! How many events of this region's own log lie behind a position.

use crate::limits::TALLY_MARKS_MAX;
use std::collections::VecDeque;
use sterna_log::Position;

/// Marks along one shard's own log: a position and how many events lie up to there, counted from where the log ended when the process
/// started (before it the count is negative). Between marks it counts too many behind, never too few.
#[derive(Clone, Debug)]
pub struct Tally {
    /// In order; never empty, and the last is the log's end.
    marks: VecDeque<(Position, i64)>,
}

impl Default for Tally {
    fn default() -> Self {
        Self { marks: VecDeque::from([(Position::ZERO, 0)]) }
    }
}

impl Tally {
    /// Nothing is known of what lies before `end`.
    pub(crate) fn starting_at(end: Position) -> Self {
        Self { marks: VecDeque::from([(end, 0)]) }
    }

    /// An entry was written at the end.
    pub(crate) fn push(&mut self, position: Position, events: u64) {
        let (last, count) = self.end();
        if position <= last {
            return;
        }
        self.marks.push_back((position, count + events as i64));
        if self.marks.len() > TALLY_MARKS_MAX {
            self.thin();
        }
    }

    /// Events behind `position`; `None` if that is before all that is known here.
    pub fn behind(&self, position: Position) -> Option<u64> {
        let at = self.marks.partition_point(|(mark, _)| *mark <= position).checked_sub(1)?;
        u64::try_from(self.end().1 - self.marks[at].1).ok()
    }

    /// Before which position nothing is known.
    pub fn known_from(&self) -> Position {
        self.marks.front().map_or(Position::ZERO, |(position, _)| *position)
    }

    /// What lies behind `from` and up to [`Self::known_from`], in order: entries' positions, each with its events.
    pub(crate) fn extend_back(&mut self, from: Position, entries: &[(Position, u64)]) {
        let Some(&(first, mut count)) = self.marks.front() else { return };
        for &(position, events) in entries.iter().rev() {
            if position < first {
                self.marks.push_front((position, count));
            }
            count -= events as i64;
        }
        self.marks.push_front((from, count));
        if self.marks.len() > TALLY_MARKS_MAX {
            self.thin();
        }
    }

    /// Nobody asks for positions before this one any more.
    pub(crate) fn forget_before(&mut self, position: Position) {
        while self.marks.get(1).is_some_and(|(mark, _)| *mark <= position) {
            self.marks.pop_front();
        }
    }

    fn end(&self) -> (Position, i64) {
        *self.marks.back().expect("there is always a mark")
    }

    /// Every second mark goes, the first and the last stay.
    fn thin(&mut self) {
        let last = self.marks.len() - 1;
        let kept = std::mem::take(&mut self.marks).into_iter().enumerate().filter(|(n, _)| n % 2 == 0 || *n == last);
        self.marks = kept.map(|(_, mark)| mark).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(commit: u64) -> Position {
        Position::seal(7, commit)
    }

    #[test]
    fn it_counts_what_is_behind_a_position() {
        let mut tally = Tally::starting_at(at(10));
        tally.push(at(11), 3);
        tally.push(at(13), 2);
        assert_eq!([10, 11, 12, 13, 14].map(|commit| tally.behind(at(commit))), [Some(5), Some(2), Some(2), Some(0), Some(0)]);
        assert_eq!(tally.behind(at(9)), None, "what was written before the process began is unknown");
    }

    #[test]
    fn what_was_written_before_can_be_told_later() {
        let mut tally = Tally::starting_at(at(10));
        tally.push(at(11), 3);
        tally.extend_back(at(7), &[(at(8), 4), (at(10), 6)]);
        assert_eq!([7, 8, 9, 10, 11].map(|commit| tally.behind(at(commit))), [Some(13), Some(9), Some(9), Some(3), Some(0)]);
        assert_eq!((tally.behind(at(6)), tally.known_from()), (None, at(7)));
    }

    #[test]
    fn a_long_log_is_counted_roughly_and_never_too_low() {
        let mut tally = Tally::default();
        let entries = 20 * TALLY_MARKS_MAX as u64;
        for commit in 1..=entries {
            tally.push(at(commit), 1);
            assert!(tally.marks.len() <= TALLY_MARKS_MAX);
        }
        for commit in (0..=entries).step_by(97) {
            let behind = tally.behind(at(commit)).expect("it knows the whole log");
            assert!(behind >= entries - commit, "{behind} behind {commit}");
        }
        assert_eq!(tally.behind(at(entries)), Some(0));
        tally.forget_before(at(entries));
        assert_eq!((tally.marks.len(), tally.behind(at(entries))), (1, Some(0)));
    }
}
