//! Faults, one after the other, from the seed; each ends by itself after a while, or when everything heals.

use crate::client::{Alone, Lag};
use crate::cluster::{CLIENTS, Cluster, REGIONS, store};
use crate::coverage::Coverage;
use crate::dice::Dice;
use crate::history::Shared;
use crate::logs;
use crate::monitor::Monitor;
use crate::plan::{Plan, Story};
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use sterna_checkers::{Dot, Event};
use sterna_log::{LogId, Position, ShardId};
use sterna_store::Memory;
use sterna_store::memory::Fault;
use sterna_stream::{Faults, Retention};

/// The shortest time that a model may keep keys for.
const WINDOW_MS_LEAST: u64 = 60_000;

/// A frozen process has lost its leases for certain after so long.
const LEASES_LOST_MS: u64 = 4_000;
/// How long a region is alone in a story of that: longer than anything that waits.
const ALONE_MS: (u64, u64) = (25_000, 35_000);

pub struct Chaos {
    dice: Dice,
    story: Story,
    pause_ms: u64,
    next_ms: u64,
    ended: bool,
    healing: Vec<(u64, Heal)>,
    /// By site.
    backups: Vec<Option<Backup>>,
    /// Events that went with the only disk that had them.
    lost: BTreeSet<(String, Dot)>,
}

struct Backup {
    write: Memory,
    /// Of a disk that is a copy itself, and was not started since.
    copied: bool,
    reads: Vec<Memory>,
}

/// Links and disks are those of sites; everything else is a machine's.
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
    /// Nor this: its disk is lost.
    Restore(usize),
    /// Nor this.
    Cut(usize, usize),
    /// Nor this: all clocks jump over a window, while a region is alone.
    Jump(u64),
}

/// What a fault touches beside the cluster.
pub struct Around<'a> {
    pub monitor: &'a mut Monitor,
    pub coverage: &'a mut Coverage,
    pub history: &'a Shared,
    pub windows_passed: &'a AtomicU64,
    pub alone: &'a Alone,
    pub lag: &'a Mutex<Option<Lag>>,
}

impl Chaos {
    pub fn new(seed: u64, plan: &Plan) -> Self {
        let backups = (0..plan.regions).map(|_| None).collect();
        Self {
            dice: Dice::new(seed, "chaos"),
            story: plan.story,
            pause_ms: plan.fault_ms,
            next_ms: 2_000,
            ended: false,
            healing: Vec::new(),
            backups,
            lost: BTreeSet::new(),
        }
    }

    /// Does what is due.
    pub fn step(&mut self, cluster: &mut Cluster, around: &mut Around<'_>) {
        let now = cluster.now_ms();
        let due: Vec<Heal> = self.healing.iter().filter(|(at, _)| *at <= now).map(|(_, heal)| *heal).collect();
        self.healing.retain(|(at, _)| *at > now);
        for heal in due {
            match heal {
                Heal::Crash(at) => self.crash_now(at, cluster, around),
                Heal::Restore(at) => self.restore(at, cluster, around),
                Heal::Jump(by_ms) => self.jump_all(by_ms, cluster, around),
                Heal::Cut(from, to) => self.cut_one(from, to, cluster),
                heal => self.heal(heal, cluster),
            }
        }
        if now >= self.next_ms && !self.ended {
            self.next_ms = now + self.dice.between(self.pause_ms / 4, 2 * self.pause_ms);
            self.fault(cluster, around);
        }
    }

    pub fn lost(&self) -> &BTreeSet<(String, Dot)> {
        &self.lost
    }

    /// The last fault heals.
    pub fn end(&mut self, cluster: &mut Cluster) {
        self.ended = true;
        let healing = std::mem::take(&mut self.healing).into_iter();
        healing
            .filter(|(_, heal)| !matches!(heal, Heal::Crash(_) | Heal::Restore(_) | Heal::Jump(_) | Heal::Cut(..)))
            .for_each(|(_, heal)| self.heal(heal, cluster));
        // A version takes commands once all have it; a rolling update ends with all of them on it.
        let newest = cluster.sites.iter().map(|site| site.disk.lock().model).max().unwrap_or(1);
        for at in 0..cluster.sites.len() {
            (0..cluster.sites.len()).for_each(|to| self.heal(Heal::Link(at, to), cluster));
            self.heal(Heal::Disk(at), cluster);
            cluster.sites[at].disk.lock().model = newest;
        }
        for at in 0..cluster.machines.len() {
            if cluster.is_up(at) && cluster.machines[at].model.load(Ordering::Relaxed) < newest {
                cluster.crash(at, &mut self.dice);
            }
            self.heal(Heal::Start(at), cluster);
        }
        self.heal(Heal::Stream, cluster);
        cluster.say("chaos", format_args!("everything is healed"));
    }

    fn later(&mut self, cluster: &Cluster, low_ms: u64, high_ms: u64, heal: Heal) {
        let after = self.dice.between(low_ms, high_ms);
        self.healing.push((cluster.now_ms() + after, heal));
    }

    fn fault(&mut self, cluster: &mut Cluster, around: &mut Around<'_>) {
        let site = self.dice.below(cluster.sites.len());
        let machine = self.machine_of(site, cluster);
        let any_permille = if self.story == Story::Echoes { 150 } else { 400 };
        if self.story == Story::Mixed || self.dice.happens(any_permille) {
            let which = self.dice.below(100);
            self.any(which, site, machine, cluster, around);
        } else {
            self.told(site, machine, cluster, around);
        }
    }

    fn any(&mut self, which: usize, site: usize, machine: usize, cluster: &mut Cluster, around: &mut Around<'_>) {
        match which {
            0..20 => self.cut(site, cluster, around.coverage),
            20..25 => self.cut_from_clients(machine, cluster, around.coverage),
            25..34 => self.trouble_stream(cluster, around.coverage),
            34..46 => self.crash(machine, cluster, around),
            46..54 => self.slow_disk(site, cluster, around.coverage, 400),
            54..58 => self.no_disk(site, cluster, around.coverage),
            58..66 => self.unknown_commits(site, cluster, around.coverage),
            66..68 => self.expire(site, cluster, around.coverage),
            68..74 => self.freeze(machine, cluster, around.coverage),
            // What a story of a long cut asks of keys holds only if nothing else passes over windows, or takes disks.
            _ if self.story == Story::LongCut => self.cut_from_clients(machine, cluster, around.coverage),
            74..80 => self.jump(machine, cluster, around),
            80..88 => self.back_up(site, cluster),
            88..96 => self.restore(site, cluster, around),
            _ => self.roll_out(site, cluster, around),
        }
    }

    /// What the seed's story is about.
    fn told(&mut self, site: usize, machine: usize, cluster: &mut Cluster, around: &mut Around<'_>) {
        match (self.story, self.dice.below(100)) {
            (Story::LongCut, _) if around.alone.lock().is_none() => self.leave_alone(site, cluster, around),
            (Story::LongCut, 0..50) => self.slow_disk(site, cluster, around.coverage, 400),
            (Story::LongCut, _) => self.trouble_stream(cluster, around.coverage),
            (Story::Twins | Story::Bounds, 0..60) => {
                self.cut(site, cluster, around.coverage);
                self.slow_disk(site, cluster, around.coverage, 1_000);
            }
            (Story::Restores, 0..30) => self.back_up(site, cluster),
            (Story::Restores, 30..70) if self.backups[site].is_some() => {
                let others = (0..cluster.sites.len()).filter(|other| *other != site);
                others.for_each(|other| self.slow_disk(other, cluster, around.coverage, 1_500));
                self.later(cluster, 300, 1_500, Heal::Restore(site));
            }
            (Story::Versions, 0..40) => {
                let behind = cluster.sites.iter().position(|site| site.disk.lock().model == 1);
                self.roll_out(behind.unwrap_or(site), cluster, around);
            }
            (Story::Echoes, 0..85) => self.lag(cluster, around),
            (Story::Registers, 0..30) | (Story::Versions, 40..60) => {
                self.trouble_stream(cluster, around.coverage);
                self.silence(site, cluster, around.coverage);
            }
            (Story::Leases, 0..60) => {
                self.slow_disk(site, cluster, around.coverage, 1_500);
                self.freeze(machine, cluster, around.coverage);
            }
            (_, 0..90) => self.cut(site, cluster, around.coverage),
            _ => self.crash(machine, cluster, around),
        }
    }

    fn machine_of(&mut self, site: usize, cluster: &Cluster) -> usize {
        let machines = &cluster.sites[site].machines;
        machines.start + self.dice.below(machines.len())
    }

    fn heal(&mut self, heal: Heal, cluster: &mut Cluster) {
        let id = |cluster: &Cluster, at: usize| cluster.sites[at].me;
        match heal {
            Heal::Link(from, to) => cluster.setup.hub.heal(id(cluster, from), id(cluster, to)),
            Heal::Clients(at) => cluster.sim.repair(CLIENTS, cluster.machines[at].host),
            Heal::Stream => {
                cluster.setup.hub.set_faults(Faults::default());
                cluster.setup.hub.set_retention(Retention::default());
            }
            Heal::Disk(at) => {
                let faults = cluster.sites[at].disk.lock().write.faults();
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
            Heal::Crash(_) | Heal::Restore(_) | Heal::Jump(_) | Heal::Cut(..) => {}
            Heal::Start(at) if !cluster.is_up(at) => {
                let site = Arc::clone(&cluster.machines[at].site);
                let begun = site.machines.clone().any(|other| other != at && cluster.is_up(other));
                if site.disk.lock().copied && begun {
                    // One process deals with a copy.
                    self.healing.push((cluster.now_ms() + 200, heal));
                    return;
                }
                cluster.start(at);
            }
            Heal::Start(_) => return,
        }
        if !matches!(heal, Heal::Link(from, to) if from == to) {
            cluster.say("chaos", format_args!("heals: {heal:?}"));
        }
    }

    fn cut(&mut self, at: usize, cluster: &Cluster, coverage: &mut Coverage) {
        let other = (at + 1 + self.dice.below(cluster.sites.len() - 1)) % cluster.sites.len();
        let both = self.dice.happens(600);
        // Now and then a region is alone.
        let alone = self.dice.happens(200);
        let others = if alone { (0..cluster.sites.len()).filter(|to| *to != at).collect() } else { vec![other] };
        for other in others {
            let ways = if both { vec![(at, other), (other, at)] } else { vec![(at, other)] };
            for (from, to) in ways {
                self.cut_one(from, to, cluster);
                self.later(cluster, 500, 9_000, Heal::Link(from, to));
            }
        }
        coverage.count(match (alone, both) {
            (true, true) => "region cut off",
            (true, false) => "region not heard by others",
            (false, true) => "link cut both ways",
            (false, false) => "link cut one way",
        });
    }

    /// The region whose clock is furthest ahead and another one don't hear each other for a moment, and the one whose clock is furthest behind
    /// hears the first until then, and then for long no more. So what the first decides in that moment is concurrent with what everybody knows soon,
    /// and the last one can be asked the same again, with an earlier clock.
    fn lag(&mut self, cluster: &Cluster, around: &mut Around<'_>) {
        let mut by_clock: Vec<usize> = (0..cluster.sites.len()).collect();
        by_clock.sort_by_key(|site| cluster.machines[cluster.sites[*site].machines.start].skew_us.load(Ordering::Relaxed));
        let (last, between, first) = (by_clock[0], by_clock[1], by_clock[by_clock.len() - 1]);
        let now = cluster.now_ms();
        let (apart_ms, deaf_ms) = (now + self.dice.between(300, 500), now + self.dice.between(900, 1_300));
        self.cut_one(first, between, cluster);
        self.cut_one(between, first, cluster);
        let silent_ms = deaf_ms + self.dice.between(3_000, 6_000);
        self.healing.push((apart_ms, Heal::Link(first, between)));
        self.healing.push((apart_ms, Heal::Cut(first, last)));
        self.healing.push((deaf_ms, Heal::Link(between, first)));
        self.healing.push((silent_ms, Heal::Link(first, last)));
        *around.lag.lock() = Some(Lag { first, between, last, doubled: now..apart_ms, decided: apart_ms..deaf_ms });
        around.coverage.count("link cut one way");
    }

    /// It hears the others, and can ask none of them for what it misses.
    fn silence(&mut self, at: usize, cluster: &Cluster, coverage: &mut Coverage) {
        for other in (0..cluster.sites.len()).filter(|other| *other != at) {
            self.cut_one(at, other, cluster);
            self.later(cluster, 1_000, 9_000, Heal::Link(at, other));
        }
        coverage.count("region not heard by others");
    }

    fn cut_one(&self, from: usize, to: usize, cluster: &Cluster) {
        cluster.say("chaos", format_args!("cuts {} → {}", REGIONS[from], REGIONS[to]));
        cluster.setup.hub.cut(cluster.sites[from].me, cluster.sites[to].me);
    }

    /// A region is alone for long, and meanwhile all clocks pass over the time that keys are kept for.
    fn leave_alone(&mut self, at: usize, cluster: &Cluster, around: &mut Around<'_>) {
        let (now, long) = (cluster.now_ms(), self.dice.between(ALONE_MS.0, ALONE_MS.1));
        for other in (0..cluster.sites.len()).filter(|other| *other != at) {
            // What was said of other links does not end this.
            self.healing.retain(|(_, heal)| !matches!(heal, Heal::Link(from, to) if *from == at || *to == at));
            for (from, to) in [(at, other), (other, at)] {
                self.cut_one(from, to, cluster);
                self.healing.push((now + long, Heal::Link(from, to)));
            }
        }
        let jump_ms = self.dice.between(130_000, 200_000);
        self.later(cluster, 5_000, 10_000, Heal::Jump(jump_ms));
        *around.alone.lock() = Some((at, now..now + long));
        around.coverage.count("region cut off for longer than keys are kept");
    }

    fn cut_from_clients(&mut self, at: usize, cluster: &Cluster, coverage: &mut Coverage) {
        let host = cluster.machines[at].host;
        cluster.say("chaos", format_args!("cuts {host} from its clients"));
        cluster.sim.partition(CLIENTS, host);
        self.later(cluster, 200, 4_000, Heal::Clients(at));
        coverage.count("process cut from its clients");
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
            self.slow_disk(site_of(at, cluster), cluster, around.coverage, 1_500);
            self.later(cluster, 100, 1_000, Heal::Crash(at));
        } else {
            self.crash_now(at, cluster, around);
        }
    }

    fn crash_now(&mut self, at: usize, cluster: &mut Cluster, around: &mut Around<'_>) {
        if !cluster.is_up(at) {
            return;
        }
        let site = Arc::clone(&cluster.machines[at].site);
        let others = site.machines.clone().any(|other| other != at && cluster.is_up(other));
        around.coverage.count_if("process crashed, and another one of its region went on", others);
        self.stop(at, cluster, around);
        self.later(cluster, 50, 5_000, Heal::Start(at));
    }

    fn stop(&mut self, at: usize, cluster: &mut Cluster, around: &mut Around<'_>) {
        around.monitor.look(cluster, around.coverage);
        if let Some(running) = &*cluster.machines[at].running.lock() {
            running.registries.iter().for_each(|registry| around.coverage.add_metrics(registry));
        }
        let lost = cluster.crash(at, &mut self.dice);
        around.coverage.count("process crashed");
        around.coverage.count_if("commit lost by a crash", lost > 0);
        around.monitor.look(cluster, around.coverage);
    }

    fn slow_disk(&mut self, at: usize, cluster: &Cluster, coverage: &mut Coverage, most_ms: u64) {
        let site = &cluster.sites[at];
        let (most, dice) = (self.dice.between(5, most_ms), Mutex::new(Dice::new(self.dice.roll(), "disk")));
        cluster.say("chaos", format_args!("{}'s disk takes up to {most} ms", site.name));
        let env = cluster.outside.env();
        let pause = move || {
            let (env, pause) = (env.clone(), Duration::from_millis(dice.lock().between(0, most)));
            Box::pin(async move { env.sleep(pause).await }) as sterna_env::Boxed<'static, ()>
        };
        site.disk.lock().write.faults().delay(Some(Arc::new(pause)));
        coverage.count("disk was slow");
        self.later(cluster, 500, 8_000, Heal::Disk(at));
    }

    fn no_disk(&mut self, at: usize, cluster: &Cluster, coverage: &mut Coverage) {
        let full = self.dice.happens(500);
        let faults = cluster.sites[at].disk.lock().write.faults();
        cluster.say("chaos", format_args!("{}'s disk is {}", cluster.sites[at].name, if full { "full" } else { "away" }));
        if full {
            faults.full(true)
        } else {
            faults.unavailable(Some("the simulation says so"))
        }
        coverage.count(if full { "disk was full" } else { "store was away" });
        self.later(cluster, 200, 3_000, Heal::Disk(at));
    }

    fn unknown_commits(&mut self, at: usize, cluster: &Cluster, coverage: &mut Coverage) {
        let faults = cluster.sites[at].disk.lock().write.faults();
        for _ in 0..self.dice.between(1, 4) {
            let fault = if self.dice.happens(500) { Fault::Lost } else { Fault::Applied };
            cluster.say("chaos", format_args!("{}'s next commit is {fault:?}, and its result unknown", cluster.sites[at].name));
            faults.next_commit(fault);
            coverage.count(match fault {
                Fault::Lost => "commit failed, and nobody knew",
                Fault::Applied => "commit succeeded, and nobody knew",
            });
        }
    }

    fn expire(&mut self, at: usize, cluster: &Cluster, coverage: &mut Coverage) {
        cluster.say("chaos", format_args!("{}'s store forgets old versions", cluster.sites[at].name));
        cluster.sites[at].disk.lock().write.faults().expire();
        coverage.count("versions expired");
    }

    fn freeze(&mut self, at: usize, cluster: &Cluster, coverage: &mut Coverage) {
        let machine = &cluster.machines[at];
        let long = self.dice.between(200, 12_000);
        if let Some(running) = &*machine.running.lock() {
            cluster.say("chaos", format_args!("{} stands still for {long} ms", machine.host));
            running.process.freeze();
            coverage.count("process paused");
            coverage.count_if("process paused for longer than its leases", machine.site.is_shared() && long > LEASES_LOST_MS);
        }
        self.healing.push((cluster.now_ms() + long, Heal::Thaw(at)));
    }

    fn jump(&mut self, at: usize, cluster: &Cluster, around: &mut Around<'_>) {
        let (most_ms, everybody) = *self.dice.pick(&[(2_000, false), (2_000, false), (20_000, false), (150_000, true)]);
        let by_ms = self.dice.between(0, most_ms);
        if everybody {
            return self.jump_all(by_ms, cluster, around);
        }
        let by_ms = by_ms as i64 * if self.dice.happens(600) { 1 } else { -1 };
        cluster.say("chaos", format_args!("the clock of {} jumps by {by_ms} ms", cluster.machines[at].host));
        cluster.machines[at].skew_us.fetch_add(by_ms * 1000, Ordering::Relaxed);
        around.coverage.count(if by_ms < 0 { "clock jumped back" } else { "clock jumped ahead" });
    }

    fn jump_all(&mut self, by_ms: u64, cluster: &Cluster, around: &mut Around<'_>) {
        cluster.say("chaos", format_args!("every clock jumps by {by_ms} ms"));
        cluster.machines.iter().for_each(|machine| _ = machine.skew_us.fetch_add(by_ms as i64 * 1000, Ordering::Relaxed));
        around.windows_passed.fetch_add(u64::from(by_ms > WINDOW_MS_LEAST), Ordering::Relaxed);
        around.coverage.count("clock jumped ahead");
        around.coverage.count_if("keys expired", by_ms > 2 * WINDOW_MS_LEAST);
    }

    fn back_up(&mut self, at: usize, cluster: &Cluster) {
        let site = &cluster.sites[at];
        cluster.say("chaos", format_args!("{}'s disk is copied", site.name));
        let reads = cluster.machines[site.machines.clone()].iter().map(|machine| machine.read.lock().copy()).collect();
        let disk = site.disk.lock();
        self.backups[at] = Some(Backup { write: disk.write.copy(), copied: disk.copied, reads });
    }

    /// The disk is lost, and an older copy takes its place.
    fn restore(&mut self, at: usize, cluster: &mut Cluster, around: &mut Around<'_>) {
        let Some(backup) = self.backups[at].take() else { return };
        let site = Arc::clone(&cluster.sites[at]);
        for machine in site.machines.clone() {
            if cluster.is_up(machine) {
                self.stop(machine, cluster, around);
            }
        }
        let events = lost_events(at, cluster, &backup.write);
        let lost = keys(&events);
        self.lost.extend(events.into_iter().map(|event| (event.aggregate, event.dot)));
        // A copy that nobody told from the original is found out by what others hold. What only the stream holds is a known gap.
        let marked = self.dice.happens(500) || !lost.is_empty() || backup.copied;
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
        around.coverage.count_if("old copy restored below several processes", site.is_shared());
        around.history.excuse(lost);
        {
            let mut disk = site.disk.lock();
            disk.write = Arc::new(backup.write);
            disk.copied = marked;
        }
        for (machine, read) in site.machines.clone().zip(backup.reads) {
            *cluster.machines[machine].read.lock() = if self.dice.happens(200) { store(true) } else { Arc::new(read) };
            self.later(cluster, 100, 3_000, Heal::Start(machine));
        }
        around.monitor.restored(at, REGIONS[at]);
    }

    /// One process after the other gets the next version.
    fn roll_out(&mut self, at: usize, cluster: &mut Cluster, around: &mut Around<'_>) {
        let site = Arc::clone(&cluster.sites[at]);
        if std::mem::replace(&mut site.disk.lock().model, 2) == 2 {
            return;
        }
        cluster.say("chaos", format_args!("{} gets version 2 of the model", site.name));
        around.coverage.count("model version rolled out");
        let mut machines = site.machines.clone();
        machines.next().into_iter().for_each(|first| self.crash_now(first, cluster, around));
        machines.for_each(|next| self.later(cluster, 200, 4_000, Heal::Crash(next)));
    }
}

fn site_of(machine: usize, cluster: &Cluster) -> usize {
    usize::from(cluster.machines[machine].site.me.0)
}

/// Events that are durable only on this disk, and not in its copy: they go with it. Also those that it alone holds of others that
/// were lost before.
fn lost_events(at: usize, cluster: &Cluster, backup: &Memory) -> Vec<Event> {
    let mut lost = Vec::new();
    let disk = cluster.sites[at].disk.lock().write.clone();
    disk.faults().unavailable(None);
    let held = |store: &Memory, log: LogId| -> BTreeSet<Position> {
        let snapshot = logs::snapshot(store);
        let entries = snapshot.and_then(|snapshot| logs::entries(&*snapshot, log, Position::ZERO));
        entries.into_iter().flatten().map(|(position, _)| position).collect()
    };
    for origin in &cluster.sites {
        for shard in (0..cluster.setup.shards).map(ShardId) {
            let log = LogId { origin: origin.me, shard };
            let mut kept = held(backup, log);
            for other in cluster.sites.iter().filter(|other| other.me != cluster.sites[at].me) {
                kept.extend(held(&other.disk.lock().write, log));
            }
            let snapshot = logs::snapshot(&disk);
            let entries = snapshot.and_then(|snapshot| logs::entries(&*snapshot, log, Position::ZERO)).unwrap_or_default();
            let gone = entries.into_iter().filter(|(position, _)| !kept.contains(position));
            lost.extend(gone.flat_map(|(_, bytes)| logs::events(&bytes)));
        }
    }
    lost
}

/// By which clients know these events. Who made no key is known by the mark.
fn keys(events: &[Event]) -> BTreeSet<String> {
    let marks = |event: &Event| -> Vec<String> {
        let ops = event.ops.iter().filter(|op| op.field == "marks");
        ops.filter_map(|op| op.key.as_ref()?.as_str().map(str::to_owned)).collect()
    };
    events.iter().flat_map(|event| marks(event).into_iter().chain([event.key.clone()])).collect()
}
