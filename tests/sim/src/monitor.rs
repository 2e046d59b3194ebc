//! Looks at every store while the cluster runs: what is durable where, and how far.

use crate::cluster::Cluster;
use crate::coverage::Coverage;
use crate::logs;
use crate::schema::schemas;
use std::collections::{BTreeMap, BTreeSet};
use sterna_checkers::{Dot, Event, ProgressWatch, Schema, ShippedWatch, StockWatch, Violation};
use sterna_log::{Applied, LogId, Position, ShardId};

pub struct Monitor {
    shipped: ShippedWatch,
    progress: ProgressWatch,
    stock: StockWatch,
    schemas: BTreeMap<String, Schema>,
    /// Up to where a store's copy of a log was looked at.
    cursors: BTreeMap<(usize, LogId), Position>,
    seen: BTreeSet<(String, Dot)>,
    /// Who held a site's lease of a shard.
    leases: BTreeMap<(usize, ShardId), u64>,
    /// All events that were ever durable in their origin.
    pub events: Vec<Event>,
    pub found: Vec<Violation>,
    /// Where each event is and when it was first seen, and those that not every region has applied yet.
    made: BTreeMap<(String, String), Vec<Made>>,
    under_way: Vec<UnderWay>,
}

/// One event of a key.
struct Made {
    dot: Dot,
    at_ms: u64,
    /// When every region was first seen to have applied it.
    everywhere_ms: Option<u64>,
}

struct UnderWay {
    log: LogId,
    position: Position,
    name: (String, String),
    dot: Dot,
}

impl Monitor {
    pub fn new() -> Self {
        Self {
            shipped: ShippedWatch::default(),
            progress: ProgressWatch::default(),
            stock: StockWatch::default(),
            schemas: schemas(2),
            cursors: BTreeMap::new(),
            seen: BTreeSet::new(),
            leases: BTreeMap::new(),
            events: Vec::new(),
            found: Vec::new(),
            made: BTreeMap::new(),
            under_way: Vec::new(),
        }
    }

    pub fn look(&mut self, cluster: &Cluster, coverage: &mut Coverage) {
        let at_ms = cluster.now_ms();
        let stores: Vec<_> = cluster.sites.iter().map(|site| site.disk.lock().write.clone()).collect();
        let snapshots: Vec<_> = stores.iter().map(|store| logs::snapshot(store)).collect();
        let shards = || (0..cluster.setup.shards).map(ShardId);
        for (at, snapshot) in snapshots.iter().enumerate() {
            let Some(snapshot) = snapshot else { continue };
            for shard in shards() {
                let log = LogId { origin: cluster.sites[at].me, shard };
                let after = self.cursors.get(&(at, log)).copied().unwrap_or_default();
                for (position, bytes) in logs::entries(&**snapshot, log, after).unwrap_or_default() {
                    self.shipped.durable(&name(log), &position.to_bytes());
                    self.cursors.insert((at, log), position);
                    self.add(log, position, &bytes, at_ms);
                }
            }
        }
        self.found.extend(self.stock.look(at_ms, &self.schemas));
        let mut all_applied = vec![BTreeMap::new(); snapshots.len()];
        for (at, snapshot) in snapshots.iter().enumerate() {
            let Some(snapshot) = snapshot else { continue };
            let holder = &cluster.sites[at].name;
            for shard in shards() {
                for (origin_at, origin) in cluster.sites.iter().enumerate().filter(|(origin_at, _)| *origin_at != at) {
                    let log = LogId { origin: origin.me, shard };
                    if snapshots[origin_at].is_none() {
                        continue;
                    }
                    let after = self.cursors.get(&(at, log)).copied().unwrap_or_default();
                    for (position, _) in logs::entries(&**snapshot, log, after).unwrap_or_default() {
                        self.found.extend(self.shipped.copied(&name(log), &position.to_bytes(), holder, at_ms));
                        self.cursors.insert((at, log), position);
                    }
                }
                if let Some(holder) = logs::lease(&**snapshot, shard) {
                    let before = self.leases.insert((at, shard), holder);
                    coverage.count_if("lease taken over", before.is_some_and(|before| before != holder));
                }
                let Some(progress) = logs::progress(&**snapshot, shard) else { continue };
                for (what, applied) in [("copied", &progress.copied), ("applied", &progress.applied)] {
                    for (origin, position) in &applied.0 {
                        let log = name(LogId { origin: *origin, shard });
                        self.found.extend(self.progress.look(holder, &format!("{what} {log}"), &position.to_bytes(), at_ms));
                    }
                }
                let waits = progress.copied.0.iter().any(|(origin, copied)| progress.applied.get(*origin) < *copied);
                coverage.count_if("entry waited for its cause", waits);
                all_applied[at].insert(shard, progress.applied);
            }
        }
        self.settle(&all_applied, at_ms);
    }

    /// An older copy took the place of this store.
    pub fn restored(&mut self, at: usize, name: &str) {
        self.progress.forget(name);
        self.cursors.retain(|(held, _), _| *held != at);
        self.leases.retain(|(held, _), _| *held != at);
    }

    /// Keys of which a later event was made when every region had applied an earlier one.
    pub fn used_again(&self) -> BTreeSet<String> {
        let again = |made: &Vec<Made>| {
            let late = |first: &Made| {
                made.iter().any(|second| second.dot != first.dot && first.everywhere_ms.is_some_and(|at| at <= second.at_ms))
            };
            made.iter().any(late)
        };
        self.made.iter().filter(|(_, made)| again(made)).map(|((_, key), _)| key.clone()).collect()
    }

    /// Notes which events every region has applied by now.
    fn settle(&mut self, applied: &[BTreeMap<ShardId, Applied>], at_ms: u64) {
        let made = &mut self.made;
        self.under_way.retain(|event| {
            let has = |(at, shards): (usize, &BTreeMap<ShardId, Applied>)| {
                at == usize::from(event.log.origin.0)
                    || shards.get(&event.log.shard).is_some_and(|a| a.get(event.log.origin) >= event.position)
            };
            let everywhere = applied.iter().enumerate().all(has);
            if everywhere {
                let of_key = made.get_mut(&event.name).into_iter().flatten();
                of_key.filter(|made| made.dot == event.dot).for_each(|made| made.everywhere_ms = Some(at_ms));
            }
            !everywhere
        });
    }

    fn add(&mut self, log: LogId, position: Position, bytes: &[u8], at_ms: u64) {
        for event in logs::events(bytes) {
            if self.seen.insert((event.aggregate.clone(), event.dot)) {
                let name = (event.aggregate.clone(), event.key.clone());
                self.made.entry(name.clone()).or_default().push(Made { dot: event.dot, at_ms, everywhere_ms: None });
                self.under_way.push(UnderWay { log, position, name, dot: event.dot });
                self.stock.add(event.clone(), &self.schemas);
                self.events.push(event);
            }
        }
    }
}

fn name(log: LogId) -> String {
    format!("{}/{}", log.origin.0, log.shard.0)
}
