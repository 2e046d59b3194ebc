//! An aggregate as bytes: a format byte, then postcard. Larger records are chunked; the first chunk says how many follow.

use super::{Aggregate, Open};
use crate::keys::{Unreadable, state};
use crate::limits::CHUNK_BYTES;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use sterna_crdt::{Clock, Fields, VersionVector};
use sterna_log::{AggregateId, ShardId};
use sterna_store::{ReadError, Snapshot};

const FORMAT: u8 = 1;

#[derive(Serialize, Deserialize)]
struct Record<'a> {
    seen: VersionVector,
    clock: Clock,
    model_version: u32,
    contested: bool,
    parked: Option<String>,
    #[serde(borrow)]
    fields: Cow<'a, [u8]>,
    tail: Vec<Open>,
}

impl Aggregate {
    pub fn encode(&self) -> Vec<u8> {
        let record = Record {
            seen: self.seen.clone(),
            clock: self.clock,
            model_version: self.model_version,
            contested: self.contested,
            parked: self.parked.clone(),
            fields: Cow::Owned(self.fields.encode()),
            tail: self.tail.clone(),
        };
        postcard::to_extend(&record, vec![FORMAT]).expect("a plain struct encodes")
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let bad = |why: String| Unreadable::new("aggregate record", why);
        let Some((&FORMAT, body)) = bytes.split_first() else { return Err(bad("unknown format".to_owned())) };
        let record: Record<'_> = postcard::from_bytes(body).map_err(|e| bad(e.to_string()))?;
        Ok(Self {
            seen: record.seen,
            clock: record.clock,
            fields: Fields::decode(&record.fields).map_err(|e| bad(e.to_string()))?,
            model_version: record.model_version,
            parked: record.parked,
            tail: record.tail,
            contested: record.contested,
            chunks: 1,
            bytes: bytes.len(),
        })
    }
}

/// The record's chunks: the first byte of the first is the number of those that follow.
pub(crate) fn encode_chunks(aggregate: &Aggregate) -> Vec<Bytes> {
    let mut bytes = vec![0];
    bytes.append(&mut aggregate.encode());
    bytes[0] = ((bytes.len() - 1) / CHUNK_BYTES) as u8;
    let bytes = Bytes::from(bytes);
    (0..bytes.len()).step_by(CHUNK_BYTES).map(|at| bytes.slice(at..(at + CHUNK_BYTES).min(bytes.len()))).collect()
}

/// Reads aggregates in the order of `wanted`.
pub(crate) async fn load(snapshot: &dyn Snapshot, wanted: &[(ShardId, &AggregateId)]) -> Result<Vec<Option<Aggregate>>, ReadError> {
    let keys: Vec<Bytes> = wanted.iter().map(|(shard, id)| state::key(*shard, id, 0)).collect();
    let first = snapshot.get_many(&keys).await?;
    let mut loaded = Vec::with_capacity(wanted.len());
    for (chunk, (shard, id)) in first.into_iter().zip(wanted) {
        loaded.push(match chunk {
            None => None,
            Some(chunk) => Some(join(snapshot, chunk, *shard, id).await?),
        });
    }
    Ok(loaded)
}

async fn join(snapshot: &dyn Snapshot, first: Bytes, shard: ShardId, id: &AggregateId) -> Result<Aggregate, ReadError> {
    let damaged = |why: String| ReadError::Unavailable(format!("{id}: {why}"));
    let more = first.first().copied().ok_or_else(|| damaged("empty record".to_owned()))?;
    if more == 0 {
        return Aggregate::decode(&first[1..]).map_err(|e| damaged(e.to_string()));
    }
    let keys: Vec<Bytes> = (1..=more).map(|chunk| state::key(shard, id, chunk)).collect();
    let mut whole = first[1..].to_vec();
    for chunk in snapshot.get_many(&keys).await? {
        whole.extend_from_slice(&chunk.ok_or_else(|| damaged("a chunk is missing".to_owned()))?);
    }
    let mut aggregate = Aggregate::decode(&whole).map_err(|e| damaged(e.to_string()))?;
    aggregate.chunks = 1 + usize::from(more);
    Ok(aggregate)
}
