//! Opens and closes the region's gate.
//!
//! Closed until the region knows that it holds all of its own log, and until every member has named the membership that has it: an event
//! called settled could else meet a concurrent one. The second is remembered by the store, and asked only once. It closes again while this
//! region's clock runs ahead of the others'.

use crate::limits::{ADMIT_PAUSE_FIRST, ADMIT_PAUSE_MAX, GATE_LOOK_EVERY};
use crate::peers::Peers;
use parking_lot::Mutex;
use std::sync::Arc;
use sterna_crdt::RegionId;
use sterna_env::Backoff;
use sterna_write::{Gate, Region};
use tokio::sync::watch;

pub(crate) struct Gatekeeper {
    region: Arc<Region>,
    peers: Arc<Peers>,
    /// Why the region is not known to hold all of its own log.
    recovering: Mutex<Option<String>>,
    /// Why the region never opens again.
    ended: Mutex<Option<String>>,
    changed: watch::Sender<()>,
    asked: watch::Sender<bool>,
    opened: watch::Sender<bool>,
}

enum Step {
    Stay,
    /// Every member was heard of.
    Admit,
}

impl Gatekeeper {
    pub fn new(region: Arc<Region>, peers: Arc<Peers>) -> Self {
        let reason = "it is starting, and asks its peers whether it still has all of its own log".to_owned();
        region.set_gate(Gate::Closed(reason.clone()));
        Self {
            region,
            peers,
            recovering: Mutex::new(Some(reason)),
            ended: Mutex::default(),
            changed: watch::Sender::new(()),
            asked: watch::Sender::new(false),
            opened: watch::Sender::new(false),
        }
    }

    pub fn close(&self, reason: &str) {
        let mut recovering = self.recovering.lock();
        *recovering = Some(reason.to_owned());
        self.set(Gate::Closed(reason.to_owned()));
    }

    /// Nothing opens it again.
    pub fn close_for_good(&self, reason: &str) {
        let mut ended = self.ended.lock();
        if ended.is_none() {
            tracing::error!(reason, "this region takes no commands any more");
            *ended = Some(reason.to_owned());
        }
        drop(ended);
        self.set(Gate::Closed(reason.to_owned()));
    }

    pub fn recovered(&self) {
        *self.recovering.lock() = None;
        self.changed.send_modify(|()| {});
    }

    /// The peers were asked what this store may have lost.
    pub fn set_asked(&self) {
        self.asked.send_replace(true);
    }

    /// Resolves when the peers may be followed: an old copy does not know which of their frames it must not take before it has asked them.
    pub async fn asked(&self) {
        // The sender lives as long as this.
        _ = self.asked.subscribe().wait_for(|asked| *asked).await;
    }

    /// Resolves when the gate is open for the first time.
    pub async fn opened(&self) {
        // The sender lives as long as this.
        _ = self.opened.subscribe().wait_for(|open| *open).await;
    }

    pub async fn run(&self) {
        let (mut changed, mut heard) = (self.changed.subscribe(), self.peers.subscribe());
        let mut backoff = Backoff::new(ADMIT_PAUSE_FIRST, ADMIT_PAUSE_MAX);
        loop {
            changed.borrow_and_update();
            heard.borrow_and_update();
            self.peers.overhear(&self.region);
            let written = match self.evaluate() {
                Step::Stay => {
                    tokio::select! {
                        biased;
                        _ = changed.changed() => {}
                        _ = heard.changed() => {}
                        () = self.region.env.sleep(GATE_LOOK_EVERY) => {}
                    }
                    continue;
                }
                Step::Admit => self.region.admit().await,
            };
            match written {
                Ok(()) => backoff.reset(),
                Err(error) => {
                    tracing::warn!(%error, "what was heard of the other regions can't be written down; trying again");
                    backoff.pause(&self.region.env).await;
                }
            }
        }
    }

    /// Sets the gate.
    fn evaluate(&self) -> Step {
        let recovering = self.recovering.lock();
        if recovering.is_some() || self.region.life().restored {
            return Step::Stay;
        }
        let names = |regions: Vec<RegionId>| regions.into_iter().map(|region| self.peers.name(region)).collect::<Vec<_>>().join(", ");
        let unheard = self.peers.unheard();
        if !self.region.life().admitted {
            if !unheard.is_empty() {
                self.set(Gate::Closed(format!("waits until every region has been heard of once: missing {}", names(unheard))));
                return Step::Stay;
            }
            return Step::Admit;
        }
        if let Some(ahead_ms) = self.peers.clock_ahead_ms() {
            self.set(Gate::Closed(format!(
                "its clock is {} s ahead of every other region's that it hears of; set the clock",
                ahead_ms / 1000
            )));
            return Step::Stay;
        }
        self.set(Gate::Open);
        self.opened.send_replace(true);
        Step::Stay
    }

    fn set(&self, gate: Gate) {
        let gate = self.ended.lock().clone().map_or(gate, Gate::Closed);
        self.region.set_gate(gate);
    }
}
