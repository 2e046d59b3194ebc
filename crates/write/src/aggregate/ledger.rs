//! The ledger's rows of the events in a tail.

use super::{Aggregate, Open};
use sterna_crdt::conflicts::{Row, Rule, rows};
use sterna_crdt::{Dot, Name, Schema, Update};
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
        self.tail.iter().filter(|open| open.void).for_each(|void| self.void_rows(void, &mut rows));
        let mut closed: Vec<Dot> = self.tail.iter().filter(|open| open.closed).map(Open::dot).collect();
        closed.sort_unstable();
        rows.into_iter()
            .map(|row| {
                let is_final = closed.binary_search(&row.loser).is_ok();
                (row, is_final)
            })
            .collect()
    }

    /// A void event has a row, and one for each event that a person decided on it without knowing a twin that beats it.
    fn void_rows(&self, void: &Open, rows: &mut Vec<Row>) {
        let better = |twin: &&Open| twin.is_twin_of(void) && twin.precedence() < void.precedence();
        let better: Vec<&Open> = self.tail.of_key(&void.key).filter(better).collect();
        let winner = better.iter().min_by_key(|twin| twin.precedence()).map(|twin| twin.dot());
        let row = |winner, rule| Row { field: Name::from(""), element: None, loser: void.dot(), winner, rule, lost: None, won: None };
        rows.push(row(winner, Rule::Void));
        if better.is_empty() {
            return;
        }
        let unaware = |open: &&Open| void.update.before(&open.update) && !better.iter().any(|twin| twin.update.before(&open.update));
        let decided = self.tail.iter().filter(|open| !open.void && open.cause.is_none()).filter(unaware);
        rows.extend(decided.map(|open| row(Some(open.dot()), Rule::OnVoid)));
    }
}
