//! Gives rights to regions that ask.

use super::broker::Broker;
use super::{Ask, Given, escrow_of, load};
use crate::desk::{decode, encode};
use bytes::Bytes;
use std::sync::Weak;
use sterna_crdt::{Name, RegionId};
use sterna_log::{AggregateId, Position, shard_of};
use sterna_stream::FollowError;
use sterna_write::{Give, Refused, Writer};

pub(crate) struct Teller {
    pub writer: Weak<Writer>,
    pub broker: Weak<Broker>,
}

impl Teller {
    pub async fn answer(&self, from: RegionId, request: &[u8]) -> Result<Bytes, FollowError> {
        let ask: Ask = decode(request)?;
        let id = AggregateId { kind: Name::from(&*ask.kind), id: Name::from(&*ask.id) };
        let (field, broker) = (Name::from(&*ask.field), self.broker.upgrade().ok_or_else(stopping)?);
        if ask.lacks > 0 {
            broker.note_waiting(&id, &field, ask.side);
        }
        // Another commit may take the rights first; then what is left is looked at once more.
        let writer = self.writer.upgrade().ok_or_else(stopping)?;
        for _ in 0..2 {
            let region = writer.region();
            let before = region.board.applied(shard_of(&id.kind, &id.id, region.shards())).get(region.me);
            // Nobody who only thinks ahead gets what a command waits for.
            let is_kept = ask.lacks == 0 && broker.is_gathering(&id, &field, ask.side);
            let amount = if is_kept { 0 } else { amount(&writer, &id, &ask).await? };
            if amount <= 0 {
                return Ok(encode(&Given::new(0, before)));
            }
            let give = Give { field: field.clone(), side: ask.side, from: None, to: vec![(from, amount)] };
            match writer.give(id.clone(), give).await {
                Ok(accepted) => return Ok(encode(&Given::new(amount, accepted.position))),
                Err(Refused::BoundReached { .. }) => {}
                Err(refused) => return Err(FollowError::Unreachable(refused.to_string())),
            }
        }
        Ok(encode(&Given::new(0, Position::ZERO)))
    }
}

fn stopping() -> FollowError {
    FollowError::Unreachable("it is stopping".to_owned())
}

/// Half of the difference, so that both have as much; and all that is there for a command that waits.
async fn amount(writer: &Writer, id: &AggregateId, ask: &Ask) -> Result<i64, FollowError> {
    let region = writer.region();
    let model = region.model();
    let def = model.aggregate(&id.kind).and_then(|of| of.fields().iter().find(|def| **def.stored() == *ask.field));
    let Some(def) = def else { return Ok(0) };
    let found = load(writer, std::slice::from_ref(id)).await;
    let found = found.map_err(|e| FollowError::Unreachable(e.to_string()))?.swap_remove(0).unwrap_or_default();
    let has = escrow_of(region, id, &found).rights(def.stored(), &def.kind, region.me, ask.side).unwrap_or_default().max(0);
    let even = has.saturating_sub(ask.has.max(0)) / 2;
    Ok(even.max(ask.lacks).min(has))
}
