//! How often each interesting thing happened. A check of what never happens checks nothing.

use prometheus::Registry;
use std::collections::BTreeMap;

/// Each must happen at least once in a run of many seeds.
pub const EVENTS: &[(&str, Source)] = &[
    ("command accepted", Source::Run),
    ("command replayed", Source::Run),
    ("command refused", Source::Run),
    ("outcome unknown to the client", Source::Run),
    ("retry of a key in the same region", Source::Run),
    ("retry of a key in another region", Source::Run),
    ("voided event", Source::Run),
    ("voided reaction", Source::Run),
    ("rights moved", Source::Run),
    ("bound refused a spend", Source::Run),
    ("read waited in vain for its token", Source::Run),
    ("token passed between clients", Source::Run),
    ("link cut one way", Source::Run),
    ("link cut both ways", Source::Run),
    ("region cut off", Source::Run),
    ("region not heard by others", Source::Run),
    ("region cut off for longer than keys are kept", Source::Run),
    ("key retried when it had expired, but not settled", Source::Run),
    ("key forgotten when it had expired and settled", Source::Run),
    ("process cut from its clients", Source::Run),
    ("frame lost", Source::Run),
    ("frame doubled", Source::Run),
    ("frame overtaken by later ones", Source::Run),
    ("frame delayed", Source::Run),
    ("stream forgot old frames", Source::Run),
    ("several processes of a region", Source::Run),
    ("process crashed", Source::Run),
    ("process crashed, and another one of its region went on", Source::Run),
    ("process paused for longer than its leases", Source::Run),
    ("lease taken over", Source::Run),
    ("batch tried again", Source::Metric("sterna_write_batch_retries_total")),
    ("commit lost by a crash", Source::Run),
    ("old copy restored", Source::Run),
    ("old copy restored and known as such", Source::Run),
    ("old copy restored below several processes", Source::Run),
    ("new life begun", Source::Metric("sterna_replicate_lives_begun_total")),
    ("own entries copied back", Source::Metric("sterna_replicate_recovered_entries_total")),
    ("command lost with a disk", Source::Run),
    ("disk was slow", Source::Run),
    ("disk was full", Source::Run),
    ("store was away", Source::Run),
    ("commit failed, and nobody knew", Source::Run),
    ("commit succeeded, and nobody knew", Source::Run),
    ("versions expired", Source::Run),
    ("process paused", Source::Run),
    ("clocks were skewed", Source::Run),
    ("clock jumped ahead", Source::Run),
    ("clock jumped back", Source::Run),
    ("keys expired", Source::Run),
    ("model version rolled out", Source::Run),
    ("sets of two versions of the model met", Source::Run),
    ("hole found", Source::Metric("sterna_replicate_holes_total")),
    ("hole repaired", Source::Metric("sterna_replicate_repairs_total")),
    ("entries carried by a third region", Source::Metric("sterna_replicate_carried_entries_total")),
    ("link followed anew", Source::Metric("sterna_replicate_reconnects_total")),
    ("entry waited for its cause", Source::Run),
    ("reaction delivered", Source::Metric("sterna_replicate_reactions_total")),
    ("ledger row made", Source::Run),
    ("row: latest", Source::Run),
    ("row: keep", Source::Run),
    ("row: prefer", Source::Run),
    ("row: max", Source::Run),
    ("row: true-wins", Source::Run),
    ("row: add-wins", Source::Run),
    ("row: delete", Source::Run),
    ("row: void", Source::Run),
    ("row: decided-on-void", Source::Run),
];

/// Where a count comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// Counted by the simulation.
    Run,
    /// Of the code under test.
    Metric(&'static str),
}

#[derive(Clone, Debug, Default)]
pub struct Coverage(BTreeMap<String, u64>);

impl Coverage {
    pub fn count(&mut self, what: &str) {
        self.add(what, 1);
    }

    pub fn count_if(&mut self, what: &str, happened: bool) {
        self.add(what, u64::from(happened));
    }

    pub fn add(&mut self, what: &str, n: u64) {
        debug_assert!(EVENTS.iter().any(|(name, _)| *name == what), "`{what}` is not in the list");
        if n > 0 {
            *self.0.entry(what.to_owned()).or_default() += n;
        }
    }

    /// A row of the ledger, by what decided.
    pub fn count_rule(&mut self, rule: &str) {
        if let Some((what, _)) = EVENTS.iter().find(|(what, _)| what.strip_prefix("row: ") == Some(rule)) {
            self.count(what);
        }
    }

    /// What a process has counted until now; it counts from zero after a restart.
    pub fn add_metrics(&mut self, registry: &Registry) {
        let families = registry.gather();
        for (what, source) in EVENTS {
            let Source::Metric(name) = source else { continue };
            let metrics = families.iter().filter(|family| family.name() == *name).flat_map(|family| family.get_metric());
            self.add(what, metrics.map(|metric| metric.get_counter().get_value() as u64).sum());
        }
    }

    pub fn join(&mut self, other: &Self) {
        for (what, n) in &other.0 {
            *self.0.entry(what.clone()).or_default() += n;
        }
    }

    pub(crate) fn to_json(&self) -> serde_json::Value {
        serde_json::json!(self.0)
    }

    pub(crate) fn from_json(value: &serde_json::Value) -> Self {
        let counts = value.as_object().into_iter().flatten();
        Self(counts.map(|(what, n)| (what.clone(), n.as_u64().unwrap_or(0))).collect())
    }

    pub fn get(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or(0)
    }

    /// What should have happened and never did.
    pub fn missing(&self) -> Vec<&'static str> {
        EVENTS.iter().filter(|(what, _)| self.get(what) == 0).map(|(what, _)| *what).collect()
    }
}
