//! Takes over what a lost region had: rights of bounded counters, homes, and reactions that it may not have sent.

use crate::escrow::{each_counter, escrow_of};
use crate::limits::{HEIR_PAUSE_FIRST, HEIR_PAUSE_MAX};
use crate::metrics::Metrics;
use crate::reactor::Reactor;
use std::sync::Arc;
use sterna_crdt::RegionId;
use sterna_log::ShardId;
use sterna_store::ReadError;
use sterna_write::{Fence, Give, Region, Writer};

pub(crate) struct Heir {
    pub writer: Arc<Writer>,
    pub reactor: Arc<Reactor>,
    pub metrics: Metrics,
}

impl Heir {
    pub async fn run(self) {
        let region = Arc::clone(self.writer.region());
        let mut pause = HEIR_PAUSE_FIRST;
        loop {
            let mut found = 0;
            // Without a lost region there is nothing to look for, and the next one is to be noticed soon.
            if !region.membership.regions().any(|r| region.is_lost(r)) {
                pause = HEIR_PAUSE_FIRST;
            }
            let mine = region.membership.regions().filter_map(|r| region.fence(r)).filter(|fence| fence.heir == region.me);
            for fence in mine.collect::<Vec<_>>() {
                // What it has sent is here then, as far as it counts.
                if region.board.shards().all(|shard| has_all(&region, &fence, shard)) {
                    self.reactor.follow(fence.region);
                }
                for shard in region.board.shards().filter(|shard| has_all(&region, &fence, *shard)) {
                    self.inherit_homes(fence.region, shard).await;
                    match self.inherit_rights(fence.region, shard).await {
                        Ok(rights) => found += rights,
                        Err(error) => tracing::debug!(%error, "rights of a lost region can't be taken over now"),
                    }
                }
            }
            region.env.sleep(pause).await;
            pause = if found > 0 { HEIR_PAUSE_FIRST } else { (pause * 2).min(HEIR_PAUSE_MAX) };
        }
    }

    async fn inherit_homes(&self, lost: RegionId, shard: ShardId) {
        let region = self.writer.region();
        for (kind, ..) in region.homes().all().into_iter().filter(|(_, at, home)| *at == shard && home.region == lost) {
            match self.writer.inherit_home(&kind, shard, lost).await {
                Ok(_) => tracing::warn!(kind = &*kind, shard = shard.0, from = %region.membership.name(lost), "took over a home"),
                Err(refused) => tracing::debug!(kind = &*kind, shard = shard.0, %refused, "a home can't be taken over yet"),
            }
        }
    }

    /// How many counters had some. Looks again and again: what was not settled brings rights later, and so does what becomes void.
    async fn inherit_rights(&self, lost: RegionId, shard: ShardId) -> Result<usize, ReadError> {
        let (region, mut found) = (self.writer.region(), 0);
        let model = region.model();
        for of in model.aggregates().iter().filter(|of| of.has_bounds()) {
            let mut gives = Vec::new();
            each_counter(&self.writer, of, shard, |id, aggregate, def, side| {
                let rights = escrow_of(region, id, aggregate).rights(def.stored(), &def.kind, lost, side).unwrap_or_default();
                if rights > 0 {
                    gives.push((id.clone(), Give { field: def.stored().clone(), side, from: Some(lost), to: vec![(region.me, rights)] }));
                }
            })
            .await?;
            found += gives.len();
            for (id, give) in gives {
                match self.writer.give(id.clone(), give).await {
                    Ok(_) => self.metrics.rights_inherited.inc(),
                    Err(refused) => tracing::debug!(aggregate = %id, %refused, "rights can't be taken over yet"),
                }
            }
        }
        Ok(found)
    }
}

fn has_all(region: &Region, fence: &Fence, shard: ShardId) -> bool {
    fence.end(shard).is_some_and(|end| region.board.applied(shard).get(fence.region) >= end)
}
