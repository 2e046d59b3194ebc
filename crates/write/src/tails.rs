//! How long tails were when the process began, for the metric: what follows is counted as it happens.

use crate::aggregate::{chunk_len, tail_of};
use crate::keys::{Unreadable, state, tail};
use crate::limits::{TAILS_PAGE, TAILS_PAUSE};
use crate::{Metrics, Region};
use bytes::Bytes;
use std::sync::Arc;
use sterna_log::{AggregateId, ShardId};
use sterna_store::{Page, ReadError, Snapshot, key_range, prefix_range};

/// The stores as they were when the process began, each with its shards.
pub(crate) struct Tails {
    region: Arc<Region>,
    metrics: Metrics,
    stores: Vec<(Box<dyn Snapshot>, Vec<ShardId>)>,
}

impl Tails {
    /// Before anything is written. `None` where there are no tails, or where other processes of the region write too: each of these
    /// counts what it adds.
    pub async fn begin(region: &Arc<Region>, metrics: &Metrics) -> Result<Option<Self>, ReadError> {
        if region.alone() || !region.stores.sole_writer() {
            return Ok(None);
        }
        let mut stores = Vec::new();
        for (store, shards) in region.stores.parts(region.shards()) {
            stores.push((store.snapshot().await?, shards.map(ShardId).collect()));
        }
        Ok(Some(Self { region: Arc::clone(region), metrics: metrics.clone(), stores }))
    }

    /// Reads every aggregate's record, without haste.
    pub async fn count(self) {
        for (snapshot, shards) in &self.stores {
            for shard in shards {
                if let Err(error) = self.count_shard(&**snapshot, *shard).await {
                    tracing::warn!(shard = shard.0, %error, "tails of before the start can't be counted: sterna_write_tail_events is too low");
                }
            }
        }
    }

    async fn count_shard(&self, snapshot: &dyn Snapshot, shard: ShardId) -> Result<(), ReadError> {
        let mut range = prefix_range(&state::shard_prefix(shard));
        let mut whole: Option<(AggregateId, Vec<u8>)> = None;
        loop {
            let page = Page::first(TAILS_PAGE);
            let found = snapshot.scan(range.clone(), page).await?;
            for (key, value) in &found {
                match (state::parse(key), &mut whole) {
                    (Some((_, chunk)), Some((_, record))) if chunk > 0 => record.extend_from_slice(value),
                    (Some((id, 0)), before) => {
                        let before = before.replace((id, value.get(1..).unwrap_or_default().to_vec()));
                        self.add(snapshot, shard, before).await?;
                    }
                    _ => {}
                }
            }
            let Some((last, _)) = found.last().filter(|_| !page.is_short(&found)) else { break };
            range.start = key_range(last).end;
            self.region.env.sleep(TAILS_PAUSE).await;
        }
        self.add(snapshot, shard, whole).await
    }

    async fn add(&self, snapshot: &dyn Snapshot, shard: ShardId, whole: Option<(AggregateId, Vec<u8>)>) -> Result<(), ReadError> {
        let Some((id, record)) = whole else { return Ok(()) };
        let damaged = |error: Unreadable| ReadError::Unavailable(format!("{id}: {error}"));
        let (mut events, runs) = tail_of(&record).map_err(damaged)?;
        let chunks = runs.iter().flat_map(|&(first, count)| first..first + count);
        let keys: Vec<Bytes> = chunks.map(|number| tail::key(shard, &id, number, 0)).collect();
        if !keys.is_empty() {
            for chunk in snapshot.get_many(&keys).await?.into_iter().flatten() {
                events += chunk_len(&chunk).map_err(damaged)?;
            }
        }
        if events > 0 {
            self.metrics.tail_events.with_label_values(&[&*id.kind]).add(events as i64);
        }
        Ok(())
    }
}
