//! A token's bytes, all numbers as varints: format; the epochs that occur, each as its distance from the one before; how many
//! floors, and for each its origin, cluster and place; then for each origin with exact positions that origin, how many, and for each its
//! shard's distance from the one before, and its place. A place is the number of an epoch, version, order in the version, and index.

use super::Token;
use crate::{LogId, Position, ShardId};
use prost::encoding::{decode_varint, encode_varint};
use sterna_crdt::RegionId;

pub(super) const FORMAT: u8 = 2;

pub(super) fn write(token: &Token) -> Vec<u8> {
    let mut epochs: Vec<u64> = token.floors.values().chain(token.exact.values()).map(|p| p.epoch).collect();
    epochs.sort_unstable();
    epochs.dedup();
    let mut out = vec![FORMAT];
    number(&mut out, epochs.len() as u64);
    epochs.iter().fold(0, |last, &epoch| {
        number(&mut out, epoch - last);
        epoch
    });
    number(&mut out, token.floors.len() as u64);
    for ((origin, cluster), floor) in &token.floors {
        number(&mut out, u64::from(origin.0));
        number(&mut out, u64::from(*cluster));
        place(&mut out, *floor, &epochs);
    }
    let exact: Vec<(&LogId, &Position)> = token.exact.iter().collect();
    for logs in exact.chunk_by(|(a, _), (b, _)| a.origin == b.origin) {
        number(&mut out, u64::from(logs[0].0.origin.0));
        number(&mut out, logs.len() as u64);
        logs.iter().fold(0, |last, (log, position)| {
            number(&mut out, u64::from(log.shard.0 - last));
            place(&mut out, **position, &epochs);
            log.shard.0
        });
    }
    out
}

fn number(out: &mut Vec<u8>, value: u64) {
    encode_varint(value, out);
}

fn place(out: &mut Vec<u8>, position: Position, epochs: &[u64]) {
    let (version, order) = position.commit.split_first_chunk::<8>().expect("a commit has 10 bytes");
    number(out, epochs.partition_point(|epoch| *epoch < position.epoch) as u64);
    number(out, u64::from_be_bytes(*version));
    number(out, u64::from(u16::from_be_bytes([order[0], order[1]])));
    number(out, u64::from(position.index));
}

/// `None` if these are no token's bytes.
pub(super) fn read(bytes: &[u8]) -> Option<Token> {
    let mut reader = Reader { bytes: bytes.strip_prefix(&[FORMAT])?, epochs: Vec::new() };
    let mut epoch = 0u64;
    for _ in 0..reader.number()? {
        epoch = epoch.checked_add(reader.number()?)?;
        reader.epochs.push(epoch);
    }
    let mut token = Token::default();
    for _ in 0..reader.number()? {
        let of = (RegionId(reader.short()?), reader.short()?);
        token.floors.insert(of, reader.place()?);
    }
    while !reader.bytes.is_empty() {
        let origin = RegionId(reader.short()?);
        let mut shard = 0u16;
        for _ in 0..reader.number()? {
            shard = shard.checked_add(reader.short()?)?;
            token.exact.insert(LogId { origin, shard: ShardId(shard) }, reader.place()?);
        }
    }
    (token.exact.len() <= Token::EXACT_MAX).then_some(token)
}

struct Reader<'a> {
    bytes: &'a [u8],
    epochs: Vec<u64>,
}

impl Reader<'_> {
    fn number(&mut self) -> Option<u64> {
        decode_varint(&mut self.bytes).ok()
    }

    fn short(&mut self) -> Option<u16> {
        self.number()?.try_into().ok()
    }

    fn place(&mut self) -> Option<Position> {
        let at = usize::try_from(self.number()?).ok()?;
        let epoch = *self.epochs.get(at)?;
        let (version, order) = (self.number()?, self.short()?);
        let mut commit = [0; 10];
        commit[..8].copy_from_slice(&version.to_be_bytes());
        commit[8..].copy_from_slice(&order.to_be_bytes());
        Some(Position::new(epoch, commit, self.short()?))
    }
}
