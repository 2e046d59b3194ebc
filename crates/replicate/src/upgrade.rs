//! Takes the next model once every member holds it.

use crate::limits::{ADMIT_PAUSE_FIRST, ADMIT_PAUSE_MAX};
use crate::peers::Peers;
use crate::source::{held, of};
use std::sync::Arc;
use sterna_env::Backoff;
use sterna_write::Region;

pub(crate) struct Upgrade {
    pub region: Arc<Region>,
    pub peers: Arc<Peers>,
}

impl Upgrade {
    pub async fn run(self) {
        let (mut offered, mut heard) = (self.region.subscribe_models(), self.peers.subscribe());
        let mut backoff = Backoff::new(ADMIT_PAUSE_FIRST, ADMIT_PAUSE_MAX);
        loop {
            offered.borrow_and_update();
            heard.borrow_and_update();
            self.peers.hold(held(&self.region));
            if self.is_held_by_all() {
                match self.region.take_next_model().await {
                    Ok(()) => backoff.reset(),
                    Err(error) => {
                        tracing::warn!(%error, "the next model can't be written down; trying again");
                        backoff.pause(&self.region.env).await;
                    }
                }
                continue;
            }
            tokio::select! {
                biased;
                _ = offered.changed() => {}
                _ = heard.changed() => {}
            }
        }
    }

    /// An event of it says so too, where heartbeats have not come.
    fn is_held_by_all(&self) -> bool {
        let Some(next) = self.region.next_model() else { return false };
        self.region.has_met_next_model() || self.peers.lacking(of(&next)).into_iter().all(|peer| self.region.is_lost(peer))
    }
}
