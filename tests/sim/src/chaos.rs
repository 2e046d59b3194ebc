//! Faults, one after the other, from the seed; each ends by itself after a while, or when everything heals.

use crate::cluster::{CLIENTS, Cluster, REGIONS, store};
use crate::coverage::Coverage;
use crate::dice::Dice;
use crate::history::Shared;
use crate::logs;
use crate::monitor::Monitor;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use sterna_log::{LogId, Position, ShardId};
use sterna_store::Memory;
use sterna_store::memory::Fault;
use sterna_stream::{Faults, Retention};

/// The shortest time that a model may keep keys for.
const WINDOW_MS_LEAST: i64 = 60_000;

pub struct Chaos {
    dice: Dice,
    pause_ms: u64,
    next_ms: u64,
    healing: Vec<(u64, Heal)>,
    backups: Vec<Option<Backup>>,
}

struct Backup {
    write: Memory,
    read: Memory,
}

#[derive(Clone, Copy, Debug)]
enum Heal {
    Link(usize, usize),
    Clients(usize),
    Stream,
    Disk(usize),
    Thaw(usize),
    Start(usize),
    /// No mending: it dies with what its slow disk has under way.
    Crash(usize),
}

/// What a fault touches beside the cluster.
pub struct Around<'a> {
    pub monitor: &'a mut Monitor,
    pub coverage: &'a mut Coverage,
    pub history: &'a Shared,
    pub windows_passed: &'a AtomicU64,
}

impl Chaos {
    pub fn new(seed: u64, regions: usize, pause_ms: u64) -> Self {
        let backups = (0..regions).map(|_| None).collect();
        Self { dice: Dice::new(seed, "chaos"), pause_ms, next_ms: 2_000, healing: Vec::new(), backups }
    }

    /// Does what is due.
    pub fn step(&mut self, cluster: &mut Cluster, around: &mut Around<'_>) {
        let now = cluster.now_ms();
        let due: Vec<Heal> = self.healing.iter().filter(|(at, _)| *at <= now).map(|(_, heal)| *heal).collect();
        self.healing.retain(|(at, _)| *at > now);
        for heal in due {
            match heal {
                Heal::Crash(at) => self.crash_now(at, cluster, around),
                heal => self.heal(heal, cluster),
            }
        }
        if now >= self.next_ms {
            self.next_ms = now + self.dice.between(self.pause_ms / 4, 2 * self.pause_ms);
            self.fault(cluster, around);
        }
    }

    /// The last fault heals.
    pub fn end(&mut self, cluster: &mut Cluster) {
        let healing = std::mem::take(&mut self.healing).into_iter();
        healing.filter(|(_, heal)| !matches!(heal, Heal::Crash(_))).for_each(|(_, heal)| self.heal(heal, cluster));
        for at in 0..cluster.machines.len() {
            (0..cluster.machines.len()).for_each(|to| self.heal(Heal::Link(at, to), cluster));
            self.heal(Heal::Disk(at), cluster);
            // A version takes commands once all have it; a rolling update ends with all of them on it.
            let newest = cluster.machines.iter().map(|machine| machine.disk.lock().model).max();
            let old = cluster.machines[at].disk.lock().model;
            if newest > Some(old) {
                self.upgrade(at, cluster);
                self.heal(Heal::Start(at), cluster);
            }
        }
        self.heal(Heal::Stream, cluster);
        cluster.say("chaos", format_args!("everything is healed"));
    }

    fn later(&mut self, cluster: &Cluster, low_ms: u64, high_ms: u64, heal: Heal) {
        let after = self.dice.between(low_ms, high_ms);
        self.healing.push((cluster.now_ms() + after, heal));
    }

    fn fault(&mut self, cluster: &mut Cluster, around: &mut Around<'_>) {
        let at = self.dice.below(cluster.machines.len());
        match self.dice.below(100) {
            0..20 => self.cut(at, cluster, around.coverage),
            20..25 => self.cut_from_clients(at, cluster, around.coverage),
            25..34 => self.trouble_stream(cluster, around.coverage),
            34..46 => self.crash(at, cluster, around),
            46..54 => self.slow_disk(at, cluster, around.coverage, 400),
            54..58 => self.no_disk(at, cluster, around.coverage),
            58..66 => self.unknown_commits(at, cluster, around.coverage),
            66..68 => self.expire(at, cluster, around.coverage),
            68..74 => self.freeze(at, cluster, around.coverage),
            74..80 => self.jump(at, cluster, around),
            80..88 => self.back_up(at, cluster),
            88..96 => self.restore(at, cluster, around),
            _ => self.roll_out(at, cluster, around.coverage),
        }
    }

    fn heal(&mut self, heal: Heal, cluster: &mut Cluster) {
        let id = |cluster: &Cluster, at: usize| cluster.machines[at].me;
        match heal {
            Heal::Link(from, to) => cluster.setup.hub.heal(id(cluster, from), id(cluster, to)),
            Heal::Clients(at) => cluster.sim.repair(CLIENTS, REGIONS[at]),
            Heal::Stream => {
                cluster.setup.hub.set_faults(Faults::default());
                cluster.setup.hub.set_retention(Retention::default());
            }
            Heal::Disk(at) => {
                let faults = cluster.machines[at].disk.lock().write.faults();
                faults.unavailable(None);
                faults.full(false);
                faults.delay(None);
                faults.release();
            }
            Heal::Thaw(at) => {
                if let Some(running) = &*cluster.machines[at].running.lock() {
                    running.process.thaw();
                }
            }
            Heal::Crash(_) => {}
            Heal::Start(at) => {
                if !cluster.is_up(at) {
                    cluster.start(at);
                }
            }
        }
        if !matches!(heal, Heal::Link(from, to) if from == to) {
            cluster.say("chaos", format_args!("heals: {heal:?}"));
        }
    }

    fn cut(&mut self, at: usize, cluster: &Cluster, coverage: &mut Coverage) {
        let other = (at + 1 + self.dice.below(cluster.machines.len() - 1)) % cluster.machines.len();
        let both = self.dice.happens(600);
        // Now and then a region is alone.
        let others = if self.dice.happens(200) { (0..cluster.machines.len()).filter(|to| *to != at).collect() } else { vec![other] };
        for other in others {
            let ways = if both { vec![(at, other), (other, at)] } else { vec![(at, other)] };
            for (from, to) in ways {
                cluster.say("chaos", format_args!("cuts {} → {}", REGIONS[from], REGIONS[to]));
                cluster.setup.hub.cut(cluster.machines[from].me, cluster.machines[to].me);
                self.later(cluster, 500, 9_000, Heal::Link(from, to));
            }
        }
        coverage.count(if both { "link cut both ways" } else { "link cut one way" });
    }

    fn cut_from_clients(&mut self, at: usize, cluster: &Cluster, coverage: &mut Coverage) {
        cluster.say("chaos", format_args!("cuts {} from its clients", REGIONS[at]));
        cluster.sim.partition(CLIENTS, REGIONS[at]);
        self.later(cluster, 200, 4_000, Heal::Clients(at));
        coverage.count("region cut from its clients");
    }

    fn trouble_stream(&mut self, cluster: &Cluster, coverage: &mut Coverage) {
        let mut permille = |most: u64| self.dice.between(0, most) as u16;
        let faults = Faults {
            drop_permille: permille(300),
            duplicate_permille: permille(300),
            reorder_permille: permille(300),
            delay_ms: (0, u64::from(permille(300))),
            seed: self.dice.roll(),
        };
        cluster.say(
            "chaos",
            format_args!(
                "the stream loses {0}, doubles {1}, reorders {2} ‰",
                faults.drop_permille, faults.duplicate_permille, faults.reorder_permille
            ),
        );
        cluster.setup.hub.set_faults(faults);
        coverage.count("stream lost, doubled or reordered frames");
        if self.dice.happens(400) {
            let frames_max = self.dice.between(1, 8) as usize;
            cluster.say("chaos", format_args!("the stream keeps {frames_max} frames"));
            cluster.setup.hub.set_retention(Retention { frames_max, ..Retention::default() });
            coverage.count("stream forgot old frames");
        }
        self.later(cluster, 1_000, 8_000, Heal::Stream);
    }

    /// Often while its disk is slow, so that something is under way.
    fn crash(&mut self, at: usize, cluster: &mut Cluster, around: &mut Around<'_>) {
        if self.dice.happens(500) {
            self.slow_disk(at, cluster, around.coverage, 1_500);
            self.later(cluster, 100, 1_000, Heal::Crash(at));
        } else {
            self.crash_now(at, cluster, around);
        }
    }

    fn crash_now(&mut self, at: usize, cluster: &mut Cluster, around: &mut Around<'_>) {
        if !cluster.is_up(at) {
            return;
        }
        self.stop(at, cluster, around);
        self.later(cluster, 50, 5_000, Heal::Start(at));
    }

    fn stop(&mut self, at: usize, cluster: &mut Cluster, around: &mut Around<'_>) {
        around.monitor.look(cluster, around.coverage);
        if let Some(running) = &*cluster.machines[at].running.lock() {
            around.coverage.add_metrics(&running.registry);
        }
        let lost = cluster.crash(at, &mut self.dice);
        around.coverage.count("process crashed");
        around.coverage.count_if("commit lost by a crash", lost > 0);
        around.monitor.look(cluster, around.coverage);
    }

    fn slow_disk(&mut self, at: usize, cluster: &Cluster, coverage: &mut Coverage, most_ms: u64) {
        let machine = &cluster.machines[at];
        let Some(process) = machine.running.lock().as_ref().map(|running| Arc::clone(&running.process)) else { return };
        let (most, dice) = (self.dice.between(5, most_ms), parking_lot::Mutex::new(Dice::new(self.dice.roll(), "disk")));
        cluster.say("chaos", format_args!("{}'s disk takes up to {most} ms", machine.name));
        let env = process.env();
        let pause = move || {
            let (env, pause) = (env.clone(), Duration::from_millis(dice.lock().between(0, most)));
            Box::pin(async move { env.sleep(pause).await }) as sterna_env::Boxed<'static, ()>
        };
        machine.disk.lock().write.faults().delay(Some(Arc::new(pause)));
        coverage.count("disk was slow");
        self.later(cluster, 500, 8_000, Heal::Disk(at));
    }

    fn no_disk(&mut self, at: usize, cluster: &Cluster, coverage: &mut Coverage) {
        let full = self.dice.happens(500);
        let faults = cluster.machines[at].disk.lock().write.faults();
        cluster.say("chaos", format_args!("{}'s disk is {}", cluster.machines[at].name, if full { "full" } else { "away" }));
        if full {
            faults.full(true)
        } else {
            faults.unavailable(Some("the simulation says so"))
        }
        coverage.count(if full { "disk was full" } else { "store was away" });
        self.later(cluster, 200, 3_000, Heal::Disk(at));
    }

    fn unknown_commits(&mut self, at: usize, cluster: &Cluster, coverage: &mut Coverage) {
        let faults = cluster.machines[at].disk.lock().write.faults();
        for _ in 0..self.dice.between(1, 4) {
            let fault = if self.dice.happens(500) { Fault::Lost } else { Fault::Applied };
            cluster.say("chaos", format_args!("{}'s next commit is {fault:?}, and its result unknown", cluster.machines[at].name));
            faults.next_commit(fault);
            coverage.count("commit's result was unknown");
        }
    }

    fn expire(&mut self, at: usize, cluster: &Cluster, coverage: &mut Coverage) {
        cluster.say("chaos", format_args!("{}'s store forgets old versions", cluster.machines[at].name));
        cluster.machines[at].disk.lock().write.faults().expire();
        coverage.count("versions expired");
    }

    fn freeze(&mut self, at: usize, cluster: &Cluster, coverage: &mut Coverage) {
        if let Some(running) = &*cluster.machines[at].running.lock() {
            cluster.say("chaos", format_args!("{} stands still", cluster.machines[at].name));
            running.process.freeze();
            coverage.count("process paused");
        }
        self.later(cluster, 200, 12_000, Heal::Thaw(at));
    }

    fn jump(&mut self, at: usize, cluster: &Cluster, around: &mut Around<'_>) {
        let (most_ms, everybody) = *self.dice.pick(&[(2_000, false), (2_000, false), (20_000, false), (150_000, true)]);
        let by_ms = self.dice.between(0, most_ms) as i64 * if everybody || self.dice.happens(600) { 1 } else { -1 };
        let whose = if everybody { cluster.skews.clone() } else { vec![Arc::clone(&cluster.skews[at])] };
        let name = if everybody { "every" } else { REGIONS[at] };
        cluster.say("chaos", format_args!("{name} clock jumps by {by_ms} ms"));
        whose.iter().for_each(|skew| _ = skew.fetch_add(by_ms * 1000, Ordering::Relaxed));
        around.windows_passed.fetch_add(u64::from(by_ms > WINDOW_MS_LEAST), Ordering::Relaxed);
        around.coverage.count("clock jumped");
        around.coverage.count_if("keys expired", everybody && by_ms > 2 * WINDOW_MS_LEAST);
    }

    fn back_up(&mut self, at: usize, cluster: &Cluster) {
        cluster.say("chaos", format_args!("{}'s disk is copied", cluster.machines[at].name));
        let disk = cluster.machines[at].disk.lock();
        self.backups[at] = Some(Backup { write: disk.write.copy(), read: disk.read.copy() });
    }

    /// The disk is lost, and an older copy takes its place.
    fn restore(&mut self, at: usize, cluster: &mut Cluster, around: &mut Around<'_>) {
        let Some(backup) = self.backups[at].take() else { return };
        if cluster.is_up(at) {
            self.stop(at, cluster, around);
        }
        let lost = lost_keys(at, cluster, &backup.write);
        // A copy that nobody told from the original is found out by what others hold. What only the stream holds is a known gap.
        let marked = self.dice.happens(500) || !lost.is_empty();
        cluster.say(
            "chaos",
            format_args!(
                "{} is restored from an old copy{}; lost with the disk: {lost:?}",
                REGIONS[at],
                if marked { ", and knows it" } else { "" }
            ),
        );
        around.coverage.add("command lost with a disk", lost.len() as u64);
        around.coverage.count(if marked { "old copy restored and known as such" } else { "old copy restored" });
        around.history.excuse(lost);
        {
            let mut disk = cluster.machines[at].disk.lock();
            disk.write = Arc::new(backup.write);
            disk.read = if self.dice.happens(200) { store(true) } else { Arc::new(backup.read) };
            disk.copied = marked;
        }
        around.monitor.restored(at, REGIONS[at]);
        self.later(cluster, 100, 3_000, Heal::Start(at));
    }

    fn roll_out(&mut self, at: usize, cluster: &mut Cluster, coverage: &mut Coverage) {
        if cluster.is_up(at) && cluster.machines[at].disk.lock().model == 1 {
            self.upgrade(at, cluster);
            self.later(cluster, 50, 1_000, Heal::Start(at));
            coverage.count("model version rolled out");
        }
    }

    fn upgrade(&mut self, at: usize, cluster: &mut Cluster) {
        cluster.say("chaos", format_args!("{} gets version 2 of the model", REGIONS[at]));
        if cluster.is_up(at) {
            cluster.crash(at, &mut self.dice);
        }
        cluster.machines[at].disk.lock().model = 2;
    }
}

/// Keys of events that are durable only on this disk, and not in its copy: they go with it. Also those that it alone holds of others that
/// were lost before.
fn lost_keys(at: usize, cluster: &Cluster, backup: &Memory) -> BTreeSet<String> {
    let mut lost = BTreeSet::new();
    let disk = cluster.machines[at].disk.lock().write.clone();
    disk.faults().unavailable(None);
    let held = |store: &Memory, log: LogId| -> BTreeSet<Position> {
        let snapshot = logs::snapshot(store);
        let entries = snapshot.and_then(|snapshot| logs::entries(&*snapshot, log, Position::ZERO));
        entries.into_iter().flatten().map(|(position, _)| position).collect()
    };
    for origin in &cluster.machines {
        for shard in (0..cluster.setup.shards).map(ShardId) {
            let log = LogId { origin: origin.me, shard };
            let mut kept = held(backup, log);
            for other in cluster.machines.iter().filter(|other| other.me != cluster.machines[at].me) {
                kept.extend(held(&other.disk.lock().write, log));
            }
            let snapshot = logs::snapshot(&disk);
            let entries = snapshot.and_then(|snapshot| logs::entries(&*snapshot, log, Position::ZERO)).unwrap_or_default();
            let gone = entries.into_iter().filter(|(position, _)| !kept.contains(position));
            lost.extend(gone.flat_map(|(_, bytes)| logs::events(&bytes)).map(|event| event.key));
        }
    }
    lost
}
