//! The operator's part.

use super::ask::{Answer, Ask, carry_out};
use crate::desk::{LOST, decode, request};
use crate::limits::FREEZE_WAIT;
use crate::peers::Peers;
use std::sync::Arc;
use sterna_crdt::{Name, RegionId};
use sterna_log::Position;
use sterna_stream::{FollowError, Repair};
use sterna_write::{Fence, Region, Writer};

/// A region is lost; what follows is done by the others on their own.
#[derive(Clone, Debug)]
pub struct Declared {
    pub lost: Name,
    /// Takes over its rights and its homes.
    pub heir: Name,
    /// It was declared lost before, with this heir.
    pub before: bool,
    /// Regions that have not confirmed yet; they hear of it from the others.
    pub unconfirmed: Vec<Name>,
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DeclareRefused {
    #[error("there is no region `{name}`; there are {}", .members.join(", "))]
    NoRegion { name: String, members: Vec<Name> },
    #[error("region {0} can't be its own heir, nor can a region that is lost")]
    Heir(Name),
    #[error("region {0} is this one; ask another region")]
    Myself(Name),
    #[error("region {0} was heard of a moment ago: it is not lost. Stop it first, or cut its links; what it accepts from then on is lost")]
    Alive(Name),
    /// Nothing has changed.
    #[error("every other region has to take part, and {region} does not: {why}. Nothing has changed")]
    Absent { region: Name, why: String },
}

pub(crate) struct Declare {
    pub writer: Arc<Writer>,
    pub repair: Arc<dyn Repair>,
    pub peers: Arc<Peers>,
}

impl Declare {
    /// Safe to repeat: after a failure in the middle the same call goes on where it stopped.
    pub async fn run(&self, lost: &str, heir: Option<&str>) -> Result<Declared, DeclareRefused> {
        let region = self.region();
        let (lost, heir) = (self.member(lost)?, heir.map_or(Ok(region.me), |heir| self.member(heir))?);
        if lost == region.me {
            return Err(DeclareRefused::Myself(region.name.clone()));
        }
        if heir == lost || region.is_lost(heir) {
            return Err(DeclareRefused::Heir(region.membership.name(heir)));
        }
        let (fence, before) = match region.fence(lost).filter(|fence| fence.ends.is_some()) {
            Some(fence) => (fence, true),
            None => (self.freeze(lost, heir).await?, false),
        };
        tracing::warn!(region = %self.name(lost), heir = %self.name(fence.heir), "declared lost: what it has behind the fence never counts");
        let mut unconfirmed = Vec::new();
        for survivor in self.survivors(lost) {
            if let Err(error) = self.ask(survivor, Ask::Fence(fence.encode().to_vec())).await {
                tracing::warn!(survivor = %self.name(survivor), %error, "has not confirmed the fence yet");
                unconfirmed.push(self.name(survivor));
            }
        }
        Ok(Declared { lost: self.name(lost), heir: self.name(fence.heir), before, unconfirmed })
    }

    /// Stops every other region from copying more, and finds out how much they have.
    async fn freeze(&self, lost: RegionId, heir: RegionId) -> Result<Fence, DeclareRefused> {
        if self.is_heard(lost) {
            return Err(DeclareRefused::Alive(self.name(lost)));
        }
        let mut ends = vec![Position::ZERO; usize::from(self.region().shards())];
        for survivor in self.survivors(lost) {
            let answer = self.ask(survivor, Ask::Freeze { lost: lost.0, heir: heir.0 }).await;
            let fence = answer.and_then(|mut answer| {
                let bytes = answer.pop().ok_or_else(|| FollowError::Malformed("no fence".to_owned()))?;
                Fence::decode(&bytes).map_err(|e| FollowError::Malformed(e.to_string()))
            });
            match fence {
                Ok(fence) => {
                    for (end, theirs) in ends.iter_mut().zip(fence.ends.unwrap_or_default()) {
                        *end = theirs.max(*end);
                    }
                }
                Err(error) => {
                    for frozen in self.survivors(lost) {
                        _ = self.ask(frozen, Ask::Thaw { lost: lost.0 }).await;
                    }
                    return Err(DeclareRefused::Absent { region: self.name(survivor), why: error.to_string() });
                }
            }
        }
        Ok(Fence { region: lost, heir, ends: Some(ends) })
    }

    /// This region last: it has decided once the others have.
    fn survivors(&self, lost: RegionId) -> Vec<RegionId> {
        let region = self.region();
        region.living_peers().filter(|peer| *peer != lost).chain([region.me]).collect()
    }

    async fn ask(&self, of: RegionId, ask: Ask) -> Result<Answer, FollowError> {
        if of == self.region().me {
            return carry_out(&self.writer, ask).await;
        }
        let late = || FollowError::Unreachable("no answer in time".to_owned());
        let answer = self.region().env.timeout(FREEZE_WAIT, self.repair.call(of, request(LOST, &ask))).await.ok_or_else(late)??;
        decode(&answer)
    }

    fn is_heard(&self, peer: RegionId) -> bool {
        self.peers.is_heard(self.region(), peer)
    }

    fn member(&self, name: &str) -> Result<RegionId, DeclareRefused> {
        let membership = &self.region().membership;
        let members = || membership.regions().map(|region| membership.name(region)).collect();
        membership.region(name).ok_or_else(|| DeclareRefused::NoRegion { name: name.to_owned(), members: members() })
    }

    fn name(&self, region: RegionId) -> Name {
        self.region().membership.name(region)
    }

    fn region(&self) -> &Arc<Region> {
        self.writer.region()
    }
}
