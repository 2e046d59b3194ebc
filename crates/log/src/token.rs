//! The progress that a client has seen: opaque, signed, under 1 KB.
//!
//! At most [`Token::EXACT_MAX`] exact positions and a floor for each region and cluster of its store. Where there would be more, such a floor is
//! raised over the positions below it: a raised floor claims more than was seen, which only makes a read wait.

mod layout;

use crate::{LogId, Position, Progress, ShardId};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use std::borrow::Cow;
use std::collections::BTreeMap;
use sterna_crdt::RegionId;

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Token {
    exact: BTreeMap<LogId, Position>,
    floors: BTreeMap<Floor, Position>,
}

/// Of what a floor is: a region, and a cluster of its store, since positions of different clusters have no order.
type Floor = (RegionId, u16);

/// The floor of a log. A region's store is one cluster for now; with several, each owns a range of shards.
fn floor_of(log: LogId) -> Floor {
    (log.origin, 0)
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

const MAC_BYTES: usize = 16;
/// What base64 makes [`Token::BYTES_MAX`] of.
const RAW_BYTES_MAX: usize = Token::BYTES_MAX / 4 * 3;

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
    pub const BYTES_MAX: usize = 1024;

    pub fn at(log: LogId, position: Position) -> Self {
        let mut token = Self::default();
        token.raise(log, position);
        token
    }

    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.floors.is_empty()
    }

    pub fn raise(&mut self, log: LogId, position: Position) {
        if position == Position::ZERO || self.floors.get(&floor_of(log)).is_some_and(|floor| *floor >= position) {
            return;
        }
        let slot = self.exact.entry(log).or_default();
        *slot = position.max(*slot);
        if self.exact.len() > Self::EXACT_MAX {
            self.raise_floor();
        }
    }

    pub fn join(&mut self, other: &Self) {
        for (&of, &floor) in &other.floors {
            let slot = self.floors.entry(of).or_default();
            *slot = floor.max(*slot);
        }
        let floors = &self.floors;
        self.exact.retain(|log, position| floors.get(&floor_of(*log)).is_none_or(|floor| *floor < *position));
        other.exact.iter().for_each(|(&log, &position)| self.raise(log, position));
    }

    /// The position that a follower of `log` must have reached to have seen what this token's bearer saw.
    pub fn needs(&self, log: LogId) -> Position {
        let exact = self.exact.get(&log).copied().unwrap_or_default();
        self.floors.get(&floor_of(log)).copied().unwrap_or_default().max(exact)
    }

    /// The logs of one shard, of all `regions`, that `progress` is behind on.
    pub fn missing<'a>(
        &'a self,
        shard: ShardId,
        regions: impl Iterator<Item = RegionId> + 'a,
        progress: &'a Progress,
    ) -> impl Iterator<Item = LogId> + 'a {
        regions.map(move |origin| LogId { origin, shard }).filter(|&log| self.needs(log) > progress.get(log))
    }

    /// The region (and cluster) with the most exact positions gives them up for a floor at the greatest of them.
    fn raise_floor(&mut self) {
        let mut held: BTreeMap<Floor, (usize, Position)> = BTreeMap::new();
        for (log, &position) in &self.exact {
            let (count, greatest) = held.entry(floor_of(*log)).or_default();
            (*count, *greatest) = (*count + 1, position.max(*greatest));
        }
        if let Some((&of, &(_, greatest))) = held.iter().max_by_key(|(_, (count, _))| *count) {
            self.exact.retain(|log, _| floor_of(*log) != of);
            let slot = self.floors.entry(of).or_default();
            *slot = greatest.max(*slot);
        }
    }

    /// At most [`Self::BYTES_MAX`] bytes: what would be longer raises floors until it fits.
    pub fn encode(&self, key: &TokenKey) -> String {
        let mut body = layout::write(self);
        let mut token = Cow::Borrowed(self);
        while body.len() + MAC_BYTES > RAW_BYTES_MAX && !token.exact.is_empty() {
            token.to_mut().raise_floor();
            body = layout::write(&token);
        }
        let mac = key.mac(&body);
        body.extend_from_slice(&mac);
        BASE64.encode(body)
    }

    pub fn decode(text: &str, key: &TokenKey) -> Result<Self, TokenError> {
        let text = text.trim();
        if text.len() > Self::BYTES_MAX {
            return Err(TokenError::Garbage);
        }
        let bytes = BASE64.decode(text).map_err(|_| TokenError::Garbage)?;
        let (body, mac) = bytes.split_last_chunk::<MAC_BYTES>().ok_or(TokenError::Garbage)?;
        if body.first() != Some(&layout::FORMAT) {
            return Err(TokenError::Garbage);
        }
        if blake3::Hash::from_bytes(widen(key.mac(body))) != blake3::Hash::from_bytes(widen(*mac)) {
            return Err(TokenError::Foreign);
        }
        layout::read(body).ok_or(TokenError::Garbage)
    }
}

/// [`blake3::Hash`] compares in constant time.
fn widen(mac: [u8; MAC_BYTES]) -> [u8; 32] {
    let mut wide = [0; 32];
    wide[..MAC_BYTES].copy_from_slice(&mac);
    wide
}
