//! The ledger's rows of the events in a tail: of all of them, or of those that a merge may have changed, so that a merge costs the same however
//! long the tail is.

use super::{Aggregate, Open};
use sterna_crdt::conflicts::{Row, Rule, rows};
use sterna_crdt::{Dot, Name, Schema, Update, VersionVector};
use sterna_env::mutation;

impl Aggregate {
    /// The rows, and whether each is final: its loser is closed.
    pub(crate) fn ledger(&self, schema: &dyn Schema) -> Vec<(Row, bool)> {
        if !self.contested {
            return Vec::new();
        }
        let mut live: Vec<&Update> = self.tail.iter().filter(|open| !open.void).map(|open| &*open.update).collect();
        if mutation::on("conflict-against-state") {
            let visible: Vec<Dot> = self.fields.iter().flat_map(|(_, field)| field.candidates().map(|held| held.dot)).collect();
            let newest = live.last().map(|update| update.dot);
            live.retain(|update| Some(update.dot) == newest || visible.contains(&update.dot));
        }
        let mut rows = rows(&live, schema);
        self.tail.iter().filter(|open| open.void).for_each(|void| self.void_rows(void, self.tail.iter(), &mut rows));
        self.with_finality(rows)
    }

    /// The rows that what is in `window` may have changed: those of its losers.
    pub(crate) fn ledger_in(&self, window: &Window, schema: &dyn Schema) -> Vec<(Row, bool)> {
        if !self.contested {
            return Vec::new();
        }
        let near: Vec<&Open> = self.tail.beyond(&window.near).collect();
        let far = || self.tail.marked().filter(|open| window.near.contains(open.dot()));
        let live: Vec<&Update> = near.iter().copied().chain(far()).filter(|open| !open.void).map(|open| &*open.update).collect();
        let mut rows = rows(&live, schema);
        rows.retain(|row| !window.losers.contains(row.loser));
        for void in near.iter().filter(|open| open.void && !window.losers.contains(open.dot())) {
            self.void_rows(void, near.iter().copied(), &mut rows);
        }
        // Of those that are further back only what was decided on them lately can be news.
        for void in near.iter().copied().chain(far()).filter(|open| open.void && window.losers.contains(open.dot())) {
            let mut found = Vec::new();
            self.void_rows(void, near.iter().copied().filter(|open| window.news.binary_search(&open.dot()).is_ok()), &mut found);
            rows.extend(found.into_iter().filter(|row| row.rule == Rule::OnVoid));
        }
        self.with_finality(rows)
    }

    fn with_finality(&self, rows: Vec<Row>) -> Vec<(Row, bool)> {
        let is_final = |row: &Row| self.tail.find(row.loser).is_some_and(|open| open.closed);
        rows.into_iter().map(|row| (is_final(&row), row)).map(|(is_final, row)| (row, is_final)).collect()
    }

    /// A void event has a row, and one for each event that a person decided on it without knowing a twin that beats it.
    fn void_rows<'a>(&'a self, void: &Open, others: impl Iterator<Item = &'a Open>, rows: &mut Vec<Row>) {
        let better = |twin: &&Open| twin.is_twin_of(void) && twin.precedence() < void.precedence();
        let better: Vec<&Open> = self.tail.of_key(&void.key).filter(better).collect();
        let winner = better.iter().copied().min_by_key(|twin| twin.precedence());
        let row = |winner: Option<&Open>, rule| {
            let version = void.update.version.max(winner.map_or(0, |winner| winner.update.version));
            let (loser, winner) = (void.dot(), winner.map(Open::dot));
            Row { field: Name::from(""), element: None, loser, winner, rule, version, lost: None, won: None }
        };
        rows.push(row(winner, Rule::Void));
        if better.is_empty() {
            return;
        }
        let unaware = |open: &&Open| void.update.before(&open.update) && !better.iter().any(|twin| twin.update.before(&open.update));
        let decided = others.filter(|open| !open.void && open.cause.is_none()).filter(unaware);
        rows.extend(decided.map(|open| row(Some(open), Rule::OnVoid)));
    }
}

/// What rows may have changed, after some events were applied or became void.
///
/// These change the rows of what is concurrent with them, and, as decisions, of what is concurrent with that. The rows of a loser depend on what is
/// concurrent with it or has seen it, and on deletes that win, which are kept in mind apart.
pub(crate) struct Window {
    /// What is not in here is near: rows are made of it.
    near: VersionVector,
    /// What is not in here may have other rows.
    losers: VersionVector,
    /// The events themselves, sorted.
    news: Vec<Dot>,
}

impl Window {
    /// Of `after`, which has the events in `voided` as void ones and those behind `before` as new ones. `None` if there are neither.
    pub fn of(before: &VersionVector, after: &Aggregate, voided: &[Open]) -> Option<Self> {
        let new = after.tail.beyond(before);
        let mut news: Vec<Dot> = new.chain(voided).map(Open::dot).collect();
        let first = floor(after.tail.beyond(before).chain(voided))?;
        news.sort_unstable();
        news.dedup();
        let losers = floor(after.tail.beyond(&first))?;
        let near = floor(after.tail.beyond(&losers))?;
        Some(Self { near, losers, news })
    }
}

/// What all of them had seen.
fn floor<'a>(mut events: impl Iterator<Item = &'a Open>) -> Option<VersionVector> {
    let mut floor = events.next()?.update.seen.clone();
    events.for_each(|open| floor.meet(&open.update.seen));
    Some(floor)
}
