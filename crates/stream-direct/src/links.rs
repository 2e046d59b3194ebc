//! Which links may be used: none after a shutdown, and none that is cut.

use std::collections::BTreeSet;
use sterna_crdt::RegionId;
use tokio::sync::watch;

pub(crate) struct Links(watch::Sender<State>);

#[derive(Default)]
struct State {
    stopped: bool,
    cut: BTreeSet<RegionId>,
}

/// Why a link may not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Closed {
    #[error("this region is shutting down")]
    Stopped,
    #[error("the link is cut")]
    Cut,
}

impl Links {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(State::default()))
    }

    pub(crate) fn cut(&self, peer: RegionId) {
        self.0.send_modify(|state| {
            state.cut.insert(peer);
        });
    }

    pub(crate) fn heal(&self, peer: RegionId) {
        self.0.send_modify(|state| {
            state.cut.remove(&peer);
        });
    }

    pub(crate) fn is_cut(&self, peer: RegionId) -> bool {
        self.0.borrow().cut.contains(&peer)
    }

    pub(crate) fn stop(&self) {
        self.0.send_modify(|state| state.stopped = true);
    }

    pub(crate) fn check(&self, peer: RegionId) -> Result<(), Closed> {
        self.0.borrow().closed(peer).map_or(Ok(()), Err)
    }

    /// Resolves when the link may no longer be used.
    pub(crate) async fn closed(&self, peer: RegionId) -> Closed {
        let mut states = self.0.subscribe();
        match states.wait_for(|state| state.closed(peer).is_some()).await {
            Ok(state) => state.closed(peer).unwrap_or(Closed::Stopped),
            Err(_) => Closed::Stopped,
        }
    }
}

impl State {
    fn closed(&self, peer: RegionId) -> Option<Closed> {
        if self.stopped {
            return Some(Closed::Stopped);
        }
        self.cut.contains(&peer).then_some(Closed::Cut)
    }
}
