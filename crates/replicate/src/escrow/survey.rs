//! How many rights each region has left, summed over all counters of a field: a number for people, brought up to date in the background.

use super::{escrow_of, load, sides};
use crate::limits::{SURVEY_EVERY, SURVEY_PAGE, SURVEY_PAUSE};
use crate::metrics::Metrics;
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use sterna_crdt::{Name, Side};
use sterna_log::{AggregateId, ShardId};
use sterna_model::{AggregateType, FieldDef, Model};
use sterna_store::{Page, ReadError, prefix_range};
use sterna_write::{Aggregate, Region, Writer, keys};

/// Of one field's counters, as this region knew them at the last look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RightsLeft {
    pub kind: Name,
    pub field: Name,
    /// `min` or `max`.
    pub bound: &'static str,
    pub region: Name,
    pub rights: i64,
}

type Sums = BTreeMap<(Name, Name, &'static str, Name), i64>;

pub(crate) struct Survey {
    pub writer: Arc<Writer>,
    pub metrics: Metrics,
    pub found: Arc<Mutex<Vec<RightsLeft>>>,
}

impl Survey {
    pub async fn run(self) {
        loop {
            let model = self.region().model();
            match self.look(&model).await {
                Ok(sums) => self.publish(sums),
                Err(error) => tracing::debug!(%error, "the rights left can't be counted now"),
            }
            self.region().env.sleep(SURVEY_EVERY).await;
        }
    }

    async fn look(&self, model: &Model) -> Result<Sums, ReadError> {
        let mut sums = Sums::new();
        for of in model.aggregates().iter().filter(|of| of.has_bounds()) {
            for shard in self.region().board.shards() {
                each_counter(&self.writer, of, shard, |id, aggregate, def, side| {
                    let bound = if side == Side::Down { "min" } else { "max" };
                    for (region, rights) in escrow_of(self.region(), id, aggregate).all(def.stored(), &def.kind, side) {
                        let name = self.region().membership.name(region);
                        let sum = sums.entry((of.name.clone(), def.name.clone(), bound, name)).or_default();
                        *sum = sum.saturating_add(rights);
                    }
                })
                .await?;
            }
        }
        Ok(sums)
    }

    fn publish(&self, sums: Sums) {
        for ((kind, field, bound, region), rights) in &sums {
            self.metrics.rights_left.with_label_values(&[kind, field, *bound, region]).set(*rights);
        }
        let left = |((kind, field, bound, region), rights)| RightsLeft { kind, field, bound, region, rights };
        *self.found.lock() = sums.into_iter().map(left).collect();
    }

    fn region(&self) -> &Arc<Region> {
        self.writer.region()
    }
}

/// Looks at every bounded counter of a type in a shard, page by page, with pauses.
pub(crate) async fn each_counter(
    writer: &Writer,
    of: &AggregateType,
    shard: ShardId,
    mut look: impl FnMut(&AggregateId, &Aggregate, &FieldDef, Side),
) -> Result<(), ReadError> {
    let region = writer.region();
    let mut range = prefix_range(&keys::state::kind_prefix(shard, of.stored()));
    loop {
        let snapshot = region.store_of(shard).snapshot().await?;
        let page = Page { limit: SURVEY_PAGE, ..Page::DEFAULT };
        let pairs = snapshot.scan(range.clone(), page).await?;
        let Some((last, _)) = pairs.last() else { return Ok(()) };
        range.start = Bytes::from([last.as_ref(), &[0]].concat());
        let ids: Vec<AggregateId> =
            pairs.iter().filter_map(|(key, _)| keys::state::parse(key).filter(|(_, chunk)| *chunk == 0)).map(|(id, _)| id).collect();
        for (id, aggregate) in ids.iter().zip(load(writer, &ids).await?) {
            let Some(aggregate) = aggregate else { continue };
            for def in of.fields() {
                sides(&def.kind).for_each(|side| look(id, &aggregate, def, side));
            }
        }
        region.env.sleep(SURVEY_PAUSE).await;
    }
}
