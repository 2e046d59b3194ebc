//! Moves homes at an operator's word.

use crate::desk::{HAND_OVER, decode, encode, request};
use crate::limits::FORWARD_WAIT;
use crate::peers::Peers;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Weak};
use sterna_crdt::{Name, RegionId};
use sterna_log::ShardId;
use sterna_stream::{FollowError, Repair};
use sterna_write::{HomeRecord, Refused, Region, Writer};

/// Asks a home to give itself away.
#[derive(Serialize, Deserialize)]
struct Ask {
    kind: String,
    shard: u16,
    to: RegionId,
}

/// Where the home is now, or why it did not move.
#[derive(Serialize, Deserialize)]
enum Moved {
    Now(HomeRecord),
    Refused(String),
}

/// What came of moving one shard's home.
#[derive(Clone, Debug)]
pub struct HomeMoved {
    pub shard: ShardId,
    /// Where it is now, as far as is known; unchanged on an error.
    pub home: Name,
    pub term: u64,
    pub moved: bool,
    pub error: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MoveRefused {
    #[error("the model has no type `{0}` with a home")]
    NoHome(String),
    #[error("there is no region `{name}`; there are {}", .members.join(", "))]
    NoRegion { name: String, members: Vec<Name> },
    #[error("there is no shard {shard}; there are {shards}")]
    NoShard { shard: u16, shards: u16 },
    #[error("region {0} is not connected: nobody would accept commands until it is; heal the link first")]
    NotConnected(Name),
}

/// The part of a home that gives itself away.
pub(crate) struct HandOver {
    pub writer: Weak<Writer>,
    pub peers: Arc<Peers>,
}

/// The part of the operator.
pub(crate) struct Moves {
    pub writer: Arc<Writer>,
    pub repair: Arc<dyn Repair>,
    pub peers: Arc<Peers>,
}

impl HandOver {
    pub async fn answer(&self, request: &[u8]) -> Result<Bytes, FollowError> {
        let ask: Ask = decode(request)?;
        let writer = self.writer.upgrade().ok_or_else(|| FollowError::Unreachable("it is stopping".to_owned()))?;
        Ok(encode(&hand_over(&writer, &self.peers, &ask).await))
    }
}

async fn hand_over(writer: &Writer, peers: &Peers, ask: &Ask) -> Moved {
    let (region, shard) = (writer.region(), ShardId(ask.shard));
    if ask.to != region.me && !is_heard(region, peers, ask.to) {
        return Moved::Refused(MoveRefused::NotConnected(region.membership.name(ask.to)).to_string());
    }
    match writer.hand_over(&ask.kind, shard, ask.to).await {
        Ok(_) => match region.homes().get(&ask.kind, shard) {
            Some(home) => Moved::Now(home),
            None => Moved::Refused("the model has no such type".to_owned()),
        },
        Err(Refused::HomeAway { moved: Some(home), .. }) => Moved::Now(home),
        Err(refused) => Moved::Refused(refused.to_string()),
    }
}

fn is_heard(region: &Region, peers: &Peers, peer: RegionId) -> bool {
    peers.is_heard(region, peer)
}

impl Moves {
    /// Moves the homes of a type, of one shard or of all, one after the other. Each moves whole or not at all; what did not move can be
    /// moved by another call.
    pub async fn run(&self, kind: &str, to: &str, shard: Option<u16>) -> Result<Vec<HomeMoved>, MoveRefused> {
        let region = self.writer.region();
        let model = region.model();
        let of = model.aggregate(kind).filter(|of| of.home.is_some()).ok_or_else(|| MoveRefused::NoHome(kind.to_owned()))?;
        let members = || region.membership.regions().map(|r| region.membership.name(r)).collect();
        let target = region.membership.region(to).ok_or_else(|| MoveRefused::NoRegion { name: to.to_owned(), members: members() })?;
        if let Some(shard) = shard.filter(|shard| *shard >= region.shards()) {
            return Err(MoveRefused::NoShard { shard, shards: region.shards() });
        }
        let mut results = Vec::new();
        for at in region.board.shards().filter(|at| shard.is_none_or(|shard| shard == at.0)) {
            results.push(self.one(of.stored(), at, target).await);
        }
        Ok(results)
    }

    async fn one(&self, kind: &Name, shard: ShardId, to: RegionId) -> HomeMoved {
        let region = self.writer.region();
        let mut home = region.homes().get(kind, shard).unwrap_or(HomeRecord { term: 0, region: region.me });
        let before = home;
        // Each answer but the last names a later home, so this ends.
        for _ in 0..=region.membership.members.len() {
            if home.region == to {
                return self.result(shard, home, home != before, None);
            }
            let ask = Ask { kind: kind.to_string(), shard: shard.0, to };
            match self.ask(home.region, &ask).await {
                Ok(Moved::Now(now)) if now > home => home = now,
                Ok(Moved::Now(_)) => return self.result(shard, home, false, Some("it moves at this moment; try again".to_owned())),
                Ok(Moved::Refused(why)) => return self.result(shard, home, false, Some(why)),
                Err(error) => return self.result(shard, home, false, Some(error.to_string())),
            }
        }
        self.result(shard, home, false, Some("it moves all the time; try again".to_owned()))
    }

    async fn ask(&self, home: RegionId, ask: &Ask) -> Result<Moved, FollowError> {
        let region = self.writer.region();
        if home == region.me {
            return Ok(hand_over(&self.writer, &self.peers, ask).await);
        }
        let late = || FollowError::Unreachable("no answer in time; it may have moved all the same".to_owned());
        let answer = region.env.timeout(FORWARD_WAIT, self.repair.call(home, request(HAND_OVER, ask))).await.ok_or_else(late)??;
        decode(&answer)
    }

    fn result(&self, shard: ShardId, home: HomeRecord, moved: bool, error: Option<String>) -> HomeMoved {
        HomeMoved { shard, home: self.writer.region().membership.name(home.region), term: home.term, moved, error }
    }
}
