//! `l`, origin (2), shard (2), epoch (8), commit (10), chunk (2): a piece of an entry.
//!
//! The first chunk begins with the number of events (2), so that a reader knows the entry's position without decoding it.

use crate::limits::CHUNK_BYTES;
use bytes::{BufMut, Bytes};
use std::ops::Range;
use sterna_crdt::RegionId;
use sterna_log::{LogId, Position, ShardId};
use sterna_store::{StampAt, Write};

pub const LETTER: u8 = b'l';
const COMMIT_AT: usize = 1 + 2 + 2 + 8;

fn prefix(log: LogId) -> Vec<u8> {
    let mut key = Vec::with_capacity(25);
    key.put_u8(LETTER);
    key.put_u16(log.origin.0);
    key.put_u16(log.shard.0);
    key
}

fn key(log: LogId, position: Position, chunk: u16) -> Vec<u8> {
    let mut key = prefix(log);
    key.put_u64(position.epoch);
    key.put_slice(&position.commit);
    key.put_u16(chunk);
    key
}

/// The entries whose commits are behind that of `after`.
pub fn behind(log: LogId, after: Position) -> Range<Bytes> {
    let mut start = key(log, after, u16::MAX);
    start.push(0);
    start.into()..end(log)
}

fn end(log: LogId) -> Bytes {
    let mut end = prefix(log);
    end.extend_from_slice(&[0xff; 21]);
    end.into()
}

/// The entries of the epochs before `epoch`.
pub fn before_epoch(log: LogId, epoch: u64) -> Range<Bytes> {
    let mut end = prefix(log);
    end.put_u64(epoch);
    Bytes::from(prefix(log))..end.into()
}

/// The whole log.
pub fn all(log: LogId) -> Range<Bytes> {
    Bytes::from(prefix(log))..end(log)
}

/// The writes of an entry that this region makes: the commit is the transaction's stamp.
pub fn append(log: LogId, epoch: u64, events: u16, entry: &[u8]) -> Vec<Write> {
    chunks(events, entry)
        .enumerate()
        .map(|(chunk, value)| Write::PutStamped {
            key: key(log, Position::new(epoch, [0; 10], 0), chunk as u16).into(),
            value,
            at: StampAt::Key(COMMIT_AT),
        })
        .collect()
}

/// The writes of an entry that was made elsewhere, at `position` (that of its last event).
pub fn copy(log: LogId, position: Position, entry: &[u8]) -> Vec<Write> {
    chunks(position.index + 1, entry)
        .enumerate()
        .map(|(chunk, value)| Write::Put { key: key(log, position, chunk as u16).into(), value })
        .collect()
}

fn chunks(events: u16, entry: &[u8]) -> impl Iterator<Item = Bytes> {
    let mut value = Vec::with_capacity(2 + entry.len());
    value.put_u16(events);
    value.put_slice(entry);
    let value = Bytes::from(value);
    (0..value.len().div_ceil(CHUNK_BYTES)).map(move |at| value.slice(at * CHUNK_BYTES..((at + 1) * CHUNK_BYTES).min(value.len())))
}

/// Joins scanned pairs to entries: the position of each one's last event, and its bytes. A last entry that may be cut by the page
/// is left out unless `whole`.
pub fn join(pairs: &[(Bytes, Bytes)], whole: bool) -> Vec<(Position, Bytes)> {
    let mut entries: Vec<(Position, Vec<Bytes>)> = Vec::new();
    for (key, value) in pairs {
        let Some((commit, chunk)) = parse(key) else { continue };
        match (chunk, entries.last_mut()) {
            (0, _) if value.len() >= 2 => {
                let events = u16::from_be_bytes([value[0], value[1]]);
                entries.push((Position { index: events.saturating_sub(1), ..commit }, vec![value.slice(2..)]));
            }
            (_, Some((position, parts))) if (position.epoch, position.commit) == (commit.epoch, commit.commit) => parts.push(value.clone()),
            _ => {}
        }
    }
    if !whole && entries.last().is_some_and(|(_, parts)| parts.last().is_some_and(|p| p.len() + 2 >= CHUNK_BYTES)) {
        entries.pop();
    }
    entries
        .into_iter()
        .map(|(position, parts)| (position, if parts.len() == 1 { parts[0].clone() } else { parts.concat().into() }))
        .collect()
}

/// The commit's position (index 0) and the chunk's number.
fn parse(key: &[u8]) -> Option<(Position, u16)> {
    let epoch = u64::from_be_bytes(key.get(5..COMMIT_AT)?.try_into().ok()?);
    let commit = key.get(COMMIT_AT..COMMIT_AT + 10)?.try_into().ok()?;
    let chunk = u16::from_be_bytes(key.get(COMMIT_AT + 10..)?.try_into().ok()?);
    Some((Position::new(epoch, commit, 0), chunk))
}

/// The log of a key.
pub fn log_of(key: &[u8]) -> Option<LogId> {
    let bytes: [u8; 4] = key.get(1..5)?.try_into().ok()?;
    Some(LogId { origin: RegionId(u16::from_be_bytes([bytes[0], bytes[1]])), shard: ShardId(u16::from_be_bytes([bytes[2], bytes[3]])) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: LogId = LogId { origin: RegionId(1), shard: ShardId(2) };

    #[test]
    fn entries_of_any_size_are_joined_again() {
        for bytes in [1, CHUNK_BYTES - 3, CHUNK_BYTES - 2, CHUNK_BYTES - 1, CHUNK_BYTES, 3 * CHUNK_BYTES + 7] {
            let position = Position::new(7, [3; 10], 4);
            let entry: Vec<u8> = (0..bytes).map(|i| i as u8).collect();
            let pairs: Vec<(Bytes, Bytes)> = copy(LOG, position, &entry)
                .into_iter()
                .map(|write| match write {
                    Write::Put { key, value } => (key, value),
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(join(&pairs, true), [(position, Bytes::from(entry))], "{bytes} bytes");
            assert!(pairs.iter().all(|(key, _)| all(LOG).contains(key) && !behind(LOG, position).contains(key)));
            assert!(pairs.iter().all(|(key, _)| behind(LOG, Position::new(7, [2; 10], 9)).contains(key)));
            assert_eq!(log_of(&pairs[0].0), Some(LOG));
        }
    }
}
