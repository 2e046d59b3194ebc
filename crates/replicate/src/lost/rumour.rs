//! Hears of fences from the other regions: of those that this region missed, and of its own.

use super::ask::{Answer, Ask};
use crate::desk::{LOST, decode, request};
use crate::gate::Gatekeeper;
use crate::limits::{FREEZE_WAIT, RUMOUR_EVERY};
use std::sync::Arc;
use sterna_crdt::RegionId;
use sterna_stream::{FollowError, Repair};
use sterna_write::{Fence, Writer};

pub(crate) struct Rumour {
    pub writer: Arc<Writer>,
    pub repair: Arc<dyn Repair>,
    pub gate: Arc<Gatekeeper>,
}

impl Rumour {
    pub async fn run(self) {
        let region = Arc::clone(self.writer.region());
        loop {
            for peer in region.peers() {
                for fence in self.ask(peer).await.unwrap_or_default() {
                    self.hear(peer, fence).await;
                }
            }
            region.env.sleep(RUMOUR_EVERY).await;
        }
    }

    async fn ask(&self, peer: RegionId) -> Result<Vec<Fence>, FollowError> {
        let late = || FollowError::Unreachable("no answer in time".to_owned());
        let call = self.repair.call(peer, request(LOST, &Ask::Fences));
        let answer = self.writer.region().env.timeout(FREEZE_WAIT, call).await.ok_or_else(late)??;
        let fences: Answer = decode(&answer)?;
        fences.iter().map(|bytes| Fence::decode(bytes).map_err(|e| FollowError::Malformed(e.to_string()))).collect()
    }

    async fn hear(&self, from: RegionId, fence: Fence) {
        let region = self.writer.region();
        if fence.region == region.me {
            let heir = region.membership.name(fence.heir);
            self.gate.close_for_good(&format!(
                "it was declared lost, and {heir} is its heir; what it wrote behind the fence does not count, and it can't come back, \
                 also with an empty folder. Stop it, and keep its folder to look into; the other regions go on without it, and keep it \
                 in their lists of peers"
            ));
        } else if !region.is_lost(fence.region)
            && !region.is_lost(from)
            && let Err(error) = self.writer.fence(fence).await
        {
            tracing::warn!(%error, "that a region was declared lost can't be written down; trying again");
        }
    }
}
