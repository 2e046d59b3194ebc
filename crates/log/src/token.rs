//! The progress that a client has seen: opaque, signed, under 1 KB.
//!
//! At most [`Token::EXACT_MAX`] exact positions and a floor for each region. Where there would be more, the floor of a region is
//! raised over its positions: a raised floor claims more than was seen, which only makes a read wait.

use crate::{LogId, Position, Progress, ShardId};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use std::collections::BTreeMap;
use sterna_crdt::RegionId;

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Token {
    exact: BTreeMap<LogId, Position>,
    floors: BTreeMap<RegionId, Position>,
}

/// Signs tokens. The same in every region of a cluster, and in no other.
#[derive(Clone)]
pub struct TokenKey([u8; 32]);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("this is no token of Sterna; send the value of a Sterna-Token header unchanged, or none")]
    Garbage,
    #[error("this token was made by another cluster, or under another secret")]
    Foreign,
}

const FORMAT: u8 = 1;
const MAC_BYTES: usize = 16;

impl TokenKey {
    /// From the configured secret, or, without one, from the first membership (which tells foreign tokens, not forged ones).
    pub fn derive(secret: &[u8]) -> Self {
        Self(blake3::derive_key("sterna 2026-11 session token", secret))
    }

    fn mac(&self, body: &[u8]) -> [u8; MAC_BYTES] {
        let hash = blake3::keyed_hash(&self.0, body);
        *hash.as_bytes().first_chunk().expect("a hash has 32 bytes")
    }
}

impl Token {
    pub const EXACT_MAX: usize = 32;

    pub fn at(log: LogId, position: Position) -> Self {
        let mut token = Self::default();
        token.raise(log, position);
        token
    }

    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.floors.is_empty()
    }

    pub fn raise(&mut self, log: LogId, position: Position) {
        if position == Position::ZERO || self.floors.get(&log.origin).is_some_and(|floor| *floor >= position) {
            return;
        }
        let slot = self.exact.entry(log).or_default();
        *slot = position.max(*slot);
        if self.exact.len() > Self::EXACT_MAX {
            self.raise_floor();
        }
    }

    pub fn join(&mut self, other: &Self) {
        for (&origin, &floor) in &other.floors {
            let slot = self.floors.entry(origin).or_default();
            *slot = floor.max(*slot);
        }
        let floors = &self.floors;
        self.exact.retain(|log, position| floors.get(&log.origin).is_none_or(|floor| *floor < *position));
        other.exact.iter().for_each(|(&log, &position)| self.raise(log, position));
    }

    /// The position that a follower of `log` must have reached to have seen what this token's bearer saw.
    pub fn needs(&self, log: LogId) -> Position {
        let exact = self.exact.get(&log).copied().unwrap_or_default();
        self.floors.get(&log.origin).copied().unwrap_or_default().max(exact)
    }

    /// The logs of one shard, of all `regions`, that `progress` is behind on.
    pub fn missing<'a>(&'a self, shard: ShardId, regions: impl Iterator<Item = RegionId> + 'a, progress: &'a Progress) -> impl Iterator<Item = LogId> + 'a {
        regions.map(move |origin| LogId { origin, shard }).filter(|&log| self.needs(log) > progress.get(log))
    }

    /// The region with the most exact positions gives them up for a floor at the greatest of them.
    fn raise_floor(&mut self) {
        let mut held: BTreeMap<RegionId, (usize, Position)> = BTreeMap::new();
        for (log, &position) in &self.exact {
            let (count, greatest) = held.entry(log.origin).or_default();
            (*count, *greatest) = (*count + 1, position.max(*greatest));
        }
        if let Some((&origin, &(_, greatest))) = held.iter().max_by_key(|(_, (count, _))| *count) {
            self.exact.retain(|log, _| log.origin != origin);
            let slot = self.floors.entry(origin).or_default();
            *slot = greatest.max(*slot);
        }
    }

    pub fn encode(&self, key: &TokenKey) -> String {
        let mut body = vec![FORMAT];
        for (origin, floor) in &self.floors {
            body.push(0);
            body.extend_from_slice(&origin.0.to_be_bytes());
            body.extend_from_slice(&floor.to_bytes());
        }
        let mut last = None;
        for (log, position) in &self.exact {
            let group = (log.origin, position.epoch);
            if last != Some(group) {
                body.push(1);
                body.extend_from_slice(&log.origin.0.to_be_bytes());
                body.extend_from_slice(&position.epoch.to_be_bytes());
                last = Some(group);
            }
            body.push(2);
            body.extend_from_slice(&log.shard.0.to_be_bytes());
            body.extend_from_slice(&position.to_bytes()[8..]);
        }
        let mac = key.mac(&body);
        body.extend_from_slice(&mac);
        BASE64.encode(body)
    }

    pub fn decode(text: &str, key: &TokenKey) -> Result<Self, TokenError> {
        let bytes = BASE64.decode(text.trim()).map_err(|_| TokenError::Garbage)?;
        let (body, mac) = bytes.split_last_chunk::<MAC_BYTES>().ok_or(TokenError::Garbage)?;
        if body.first() != Some(&FORMAT) {
            return Err(TokenError::Garbage);
        }
        if blake3::Hash::from_bytes(widen(key.mac(body))) != blake3::Hash::from_bytes(widen(*mac)) {
            return Err(TokenError::Foreign);
        }
        Self::parse(&body[1..]).ok_or(TokenError::Garbage)
    }

    fn parse(mut body: &[u8]) -> Option<Self> {
        let mut token = Self::default();
        let mut group = None;
        while let Some((&tag, rest)) = body.split_first() {
            let (number, rest) = rest.split_first_chunk::<2>()?;
            let number = u16::from_be_bytes(*number);
            body = match tag {
                0 => {
                    let (floor, rest) = rest.split_first_chunk::<{ Position::BYTES }>()?;
                    token.floors.insert(RegionId(number), Position::from_bytes(floor)?);
                    rest
                }
                1 => {
                    let (epoch, rest) = rest.split_first_chunk::<8>()?;
                    group = Some((RegionId(number), *epoch));
                    rest
                }
                2 => {
                    let (origin, epoch) = group?;
                    let (place, rest) = rest.split_first_chunk::<12>()?;
                    let position = Position::from_bytes(&[&epoch[..], &place[..]].concat())?;
                    token.exact.insert(LogId { origin, shard: ShardId(number) }, position);
                    rest
                }
                _ => return None,
            };
        }
        (token.exact.len() <= Self::EXACT_MAX).then_some(token)
    }
}

/// [`blake3::Hash`] compares in constant time.
fn widen(mac: [u8; MAC_BYTES]) -> [u8; 32] {
    let mut wide = [0; 32];
    wide[..MAC_BYTES].copy_from_slice(&mac);
    wide
}
