//! Rights of bounded counters, moved between regions.
//!
//! A region moves rights ahead of need: what an increment brought is shared out as soon as it can't become void ([`spread`]), and a region
//! whose own spends leave it with little fetches some from the richest before it has none. A command that lacks rights all the same asks for
//! them ([`broker`]). Whoever is asked gives in a commit of its own ([`teller`]); the rights are usable where that entry is merged. While a
//! command gathers, neither its region nor those that it asked move the counter's rights ahead of need: they would take back what was given.

mod broker;
mod spread;
mod survey;
mod teller;

pub(crate) use broker::Broker;
pub(crate) use spread::Spread;
pub use survey::RightsLeft;
pub(crate) use survey::{Survey, each_counter};
pub(crate) use teller::Teller;

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use sterna_crdt::{FieldKind, Side};
use sterna_log::{AggregateId, Position};
use sterna_store::ReadError;
use sterna_write::{Aggregate, Escrow, Region, Writer};

/// A region asks for rights of one counter.
#[derive(Serialize, Deserialize)]
struct Ask {
    kind: String,
    id: String,
    field: String,
    side: Side,
    /// What the asking region has.
    has: i64,
    /// What a command of it waits for, beyond what it has; 0 if it only thinks ahead.
    lacks: i64,
}

#[derive(Serialize, Deserialize)]
struct Given {
    amount: i64,
    /// The giver's log up to and with the transfer, or, if it gave nothing, as it was when it had nothing to give.
    epoch: u64,
    commit: [u8; 10],
    index: u16,
}

impl Given {
    fn new(amount: i64, position: Position) -> Self {
        Self { amount, epoch: position.epoch, commit: position.commit, index: position.index }
    }

    fn position(&self) -> Position {
        Position::new(self.epoch, self.commit, self.index)
    }
}

/// The bounds of a kind.
fn sides(kind: &FieldKind) -> impl Iterator<Item = Side> + use<> {
    let (min, max) = match kind {
        FieldKind::Bounded { min, max } => (min.is_some(), max.is_some()),
        _ => (false, false),
    };
    [(min, Side::Down), (max, Side::Up)].into_iter().filter_map(|(bound, side)| bound.then_some(side))
}

/// Aggregates as committed, in the order of `ids`.
async fn load(writer: &Writer, ids: &[AggregateId]) -> Result<Vec<Option<Arc<Aggregate>>>, ReadError> {
    let mut found = writer.states().get_many(ids).await?;
    let region = writer.region();
    for (id, aggregate) in ids.iter().zip(&mut found) {
        if let Some(aggregate) = aggregate.as_mut().filter(|aggregate| !aggregate.is_placed()) {
            // Whatever is committed is at or before the end of the log, which is read after it.
            let shard = sterna_log::shard_of(&id.kind, &id.id, region.shards());
            Arc::make_mut(aggregate).place_all(region.me, region.board.applied(shard).get(region.me));
        }
    }
    Ok(found)
}

pub(crate) fn escrow_of<'a>(region: &'a Region, id: &AggregateId, aggregate: &'a Aggregate) -> Escrow<'a> {
    Escrow::new(region, sterna_log::shard_of(&id.kind, &id.id, region.shards()), aggregate)
}
