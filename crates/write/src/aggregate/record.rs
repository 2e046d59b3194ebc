//! An aggregate as bytes: a format byte, then postcard. Larger records are chunked; the first chunk says how many follow. What the tail has
//! beyond its newest events is in keys of its own.
//!
//! A record holds the checkpoint; the state is folded from it and the tail as it is read.

use super::tail::{Chunk, Stored};
use super::{Aggregate, Open, RecentKeys, Tail};
use crate::keys::{Unreadable, state, tail};
use crate::limits::CHUNK_BYTES;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;
use sterna_crdt::{Clock, Fields, VersionVector};
use sterna_log::{AggregateId, ShardId};
use sterna_model::Model;
use sterna_store::{ReadError, Snapshot};

const FORMAT: u8 = 5;

#[derive(Serialize, Deserialize)]
struct Record<'a> {
    /// The first, as [`revision_of`] reads it alone.
    revision: u64,
    seen: VersionVector,
    clock: Clock,
    model_version: u32,
    voided: u64,
    contested: bool,
    parked: Option<String>,
    #[serde(borrow)]
    fields: Cow<'a, [u8]>,
    keys: Cow<'a, RecentKeys>,
    tail: Stored<'a>,
}

impl Aggregate {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let record = Record {
            revision: self.revision,
            seen: self.seen.clone(),
            clock: self.clock,
            model_version: self.model_version,
            voided: self.voided,
            contested: self.contested,
            parked: self.parked.clone(),
            fields: Cow::Owned(self.checkpoint().encode()),
            keys: Cow::Borrowed(&self.keys),
            tail: self.tail.stored(),
        };
        postcard::to_extend(&record, vec![FORMAT]).expect("a plain struct encodes")
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

/// A chunk of a tail, as pieces that fit a value.
pub(crate) fn encode_chunk(chunk: &Chunk) -> Vec<Bytes> {
    let bytes = Bytes::from(postcard::to_extend(&chunk.events, vec![FORMAT]).expect("a plain struct encodes"));
    (0..bytes.len()).step_by(CHUNK_BYTES).map(|at| bytes.slice(at..(at + CHUNK_BYTES).min(bytes.len()))).collect()
}

/// Reads aggregates in the order of `wanted`. One that is `known` and was not written since is not decoded; of the tail of one that was, only
/// the chunks are read that came since, as long as the others stay as they are.
pub(crate) async fn load(
    snapshot: &dyn Snapshot,
    wanted: &[(ShardId, &AggregateId)],
    known: &[Option<Arc<Aggregate>>],
    model: &Model,
) -> Result<Vec<Option<Arc<Aggregate>>>, ReadError> {
    let keys: Vec<Bytes> = wanted.iter().map(|(shard, id)| state::key(*shard, id, 0)).collect();
    let first = snapshot.get_many(&keys).await?;
    let mut loaded = Vec::with_capacity(wanted.len());
    for ((chunk, (shard, id)), known) in first.into_iter().zip(wanted).zip(known) {
        loaded.push(match (chunk, known) {
            (None, _) => None,
            (Some(chunk), Some(known)) if revision_of(&chunk) == Some(known.revision) => Some(Arc::clone(known)),
            (Some(chunk), known) => Some(Arc::new(join(snapshot, chunk, *shard, id, known.as_deref(), model).await?)),
        });
    }
    Ok(loaded)
}

/// By the first chunk of a record.
fn revision_of(first: &[u8]) -> Option<u64> {
    let [_, FORMAT, body @ ..] = first else { return None };
    postcard::take_from_bytes(body).ok().map(|(revision, _)| revision)
}

async fn join(
    snapshot: &dyn Snapshot,
    first: Bytes,
    shard: ShardId,
    id: &AggregateId,
    known: Option<&Aggregate>,
    model: &Model,
) -> Result<Aggregate, ReadError> {
    let damaged = |why: String| ReadError::Unavailable(format!("{id}: {why}"));
    let more = first.first().copied().ok_or_else(|| damaged("empty record".to_owned()))?;
    let mut whole = first.slice(1..);
    if more > 0 {
        let keys: Vec<Bytes> = (1..=more).map(|chunk| state::key(shard, id, chunk)).collect();
        let mut joined = whole.to_vec();
        for chunk in snapshot.get_many(&keys).await? {
            joined.extend_from_slice(&chunk.ok_or_else(|| damaged("a chunk is missing".to_owned()))?);
        }
        whole = joined.into();
    }
    let bad = |error: Unreadable| damaged(error.to_string());
    let record = decode(&whole).map_err(bad)?;
    let known = known.filter(|known| known.tail.has_first_of(&record.tail));
    let empty = Tail::default();
    let known_tail = known.map_or(&empty, |known| &known.tail);
    let chunks = load_tail(snapshot, shard, id, record.tail.beyond(known_tail).collect()).await?;
    let mut aggregate = Aggregate {
        seen: record.seen,
        clock: record.clock,
        fields: Fields::decode(&record.fields).map_err(|e| damaged(e.to_string()))?,
        model_version: record.model_version,
        voided: record.voided,
        parked: record.parked,
        tail: Tail::from_stored(record.tail, known_tail, chunks),
        contested: record.contested,
        revision: record.revision,
        keys: record.keys.into_owned(),
        chunks: 1 + usize::from(more),
        bytes: whole.len(),
        counted_bytes: whole.len(),
        ..Aggregate::default()
    };
    let unfolded = match model.aggregate(&id.kind) {
        Some(of) => aggregate.unfold(known, of).map_err(|e| e.to_string()),
        None if aggregate.tail.is_empty() => Ok(()),
        None => Err(format!("the model has no aggregate type `{}`", id.kind)),
    };
    if let Err(reason) = unfolded {
        aggregate.parked.get_or_insert(reason);
    }
    Ok(aggregate)
}

/// Of a whole record: how many events of the tail it has itself, and runs of the numbers of the tail's chunks.
pub(crate) fn tail_of(record: &[u8]) -> Result<(usize, Vec<(u32, u32)>), Unreadable> {
    let record = decode(record)?;
    Ok((record.tail.recent.len(), record.tail.runs.into_owned()))
}

/// How many events a tail's chunk has, by its first piece.
pub(crate) fn chunk_len(first: &[u8]) -> Result<usize, Unreadable> {
    let bad = || Unreadable::new("chunk of a tail", "unknown format");
    let (_, body) = first.split_first().filter(|(format, _)| **format == FORMAT).ok_or_else(bad)?;
    // A sequence begins with its length.
    postcard::take_from_bytes::<usize>(body).map(|(len, _)| len).map_err(|e| Unreadable::new("chunk of a tail", e))
}

fn decode(bytes: &[u8]) -> Result<Record<'_>, Unreadable> {
    let bad = |why: String| Unreadable::new("aggregate record", why);
    let Some((&FORMAT, body)) = bytes.split_first() else { return Err(bad("unknown format".to_owned())) };
    postcard::from_bytes(body).map_err(|e| bad(e.to_string()))
}

async fn load_tail(snapshot: &dyn Snapshot, shard: ShardId, id: &AggregateId, numbers: Vec<u32>) -> Result<Vec<Vec<Open>>, ReadError> {
    let damaged = |why: String| ReadError::Unavailable(format!("{id}: {why}"));
    let keys: Vec<Bytes> = numbers.iter().map(|number| tail::key(shard, id, *number, 0)).collect();
    let mut chunks = Vec::with_capacity(numbers.len());
    for (number, first) in numbers.into_iter().zip(snapshot.get_many(&keys).await?) {
        let mut bytes = first.ok_or_else(|| damaged(format!("chunk {number} of the tail is missing")))?.to_vec();
        let mut piece = 1;
        while bytes.len() == usize::from(piece) * CHUNK_BYTES {
            let Some(next) = sterna_store::get(snapshot, &tail::key(shard, id, number, piece)).await? else { break };
            bytes.extend_from_slice(&next);
            piece += 1;
        }
        chunks.push(match bytes.split_first() {
            Some((&FORMAT, body)) => postcard::from_bytes(body).map_err(|e| damaged(e.to_string()))?,
            _ => return Err(damaged("unknown format of a tail's chunk".to_owned())),
        });
    }
    Ok(chunks)
}
