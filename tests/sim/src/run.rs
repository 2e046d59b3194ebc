//! One seed, from start to verdict.

use crate::audit::{self, Audit};
use crate::chaos::{Around, Chaos};
use crate::client::{Client, World};
use crate::cluster::{CLIENTS, Cluster, HOSTS, REGIONS};
use crate::coverage::Coverage;
use crate::dice::Dice;
use crate::history::Shared;
use crate::monitor::Monitor;
use crate::panics;
use crate::plan::Plan;
use crate::process::Process;
use crate::schema::schemas;
use crate::trace::Trace;
use crate::verdict::Verdict;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use sterna_checkers::{Copy, Event, Violation, against_reference, converged, effects, one_row_each, sessions, voids};

/// Between two looks at the stores.
const LOOK_EVERY_MS: u64 = 100;
/// All regions open at first within this.
const OPEN_WITHIN_MS: u64 = 30_000;
/// Clients end within this of being told to.
const CLIENTS_END_WITHIN_MS: u64 = 120_000;
const AUDIT_WITHIN_MS: u64 = 600_000;

struct Run {
    plan: Plan,
    cluster: Cluster,
    world: World,
    monitor: Monitor,
    coverage: Coverage,
    chaos: Chaos,
    /// Faults come from now on.
    started: bool,
    looked_ms: u64,
}

/// `show`: prints the trace as it comes.
pub fn run(seed: u64, show: bool) -> Verdict {
    panics::listen();
    sterna_env::seed_hashing(seed);
    let trace = Trace::new(show);
    let mut run = Run::new(seed, trace.clone());
    let mut found = match run.go(seed) {
        Ok(audit) => run.judge(audit),
        Err(violation) => vec![violation],
    };
    found.extend(std::mem::take(&mut run.monitor.found));
    let (simulated, coverage) = (run.cluster.sim.elapsed(), std::mem::take(&mut run.coverage));
    drop(run);
    found.extend(panics::take().into_iter().map(|what| Violation::new("panics", what)));
    found.iter().for_each(|violation| trace.say(simulated.as_millis() as u64, "checker", format_args!("{violation}")));
    Verdict {
        seed,
        found: found.iter().map(ToString::to_string).collect(),
        coverage,
        hash: format!("{:016x}", trace.hash()),
        simulated_s: simulated.as_secs_f64(),
    }
}

impl Run {
    fn new(seed: u64, trace: Trace) -> Self {
        let plan = Plan::of(seed);
        trace.say(0, "plan", format_args!("{plan:?}"));
        let cluster = Cluster::new(seed, &plan, trace.clone());
        let process = Process::new(Dice::new(seed, CLIENTS), Arc::default());
        let world = World {
            env: process.env(),
            regions: REGIONS[..plan.regions].to_vec(),
            hosts: plan.processes.iter().zip(HOSTS).map(|(count, hosts)| hosts[..*count].to_vec()).collect(),
            story: plan.story,
            ids: plan.ids,
            think_ms: plan.think_ms,
            history: Shared::default(),
            coverage: Arc::default(),
            trace,
            stop: Arc::new(AtomicBool::new(false)),
            windows_passed: Arc::default(),
            alone: Arc::default(),
            lag: Arc::default(),
            tokens: Arc::new(Mutex::new(vec![None; plan.clients])),
        };
        let chaos = Chaos::new(seed, &plan);
        Self { plan, cluster, world, monitor: Monitor::new(), coverage: Coverage::default(), chaos, started: false, looked_ms: 0 }
    }

    fn go(&mut self, seed: u64) -> Result<Audit, Violation> {
        let open = |run: &mut Self| {
            let open = |machine: &Arc<crate::site::Machine>| {
                machine.running.lock().as_ref().is_some_and(|running| running.region.gate() == sterna_write::Gate::Open)
            };
            run.cluster.machines.iter().all(open)
        };
        self.until("every region is open", OPEN_WITHIN_MS, open)?;
        let ended = self.start_clients(seed);
        self.started = true;
        let end_ms = self.cluster.now_ms() + self.plan.chaos.as_millis() as u64;
        self.until("time has passed", u64::MAX, |run| run.cluster.now_ms() >= end_ms)?;
        self.world.stop.store(true, Ordering::Relaxed);
        {
            let Self { cluster, chaos, .. } = self;
            chaos.end(cluster);
        }
        self.until("clients have ended", CLIENTS_END_WITHIN_MS, |_| ended.load(Ordering::Relaxed))?;
        let result = self.start_audit();
        self.until("the audit has ended", AUDIT_WITHIN_MS, |_| result.lock().is_some())?;
        self.coverage.join(&self.world.coverage.lock());
        for machine in &self.cluster.machines {
            if let Some(running) = &*machine.running.lock() {
                running.registries.iter().for_each(|registry| self.coverage.add_metrics(registry));
            }
        }
        let troubles = self.cluster.setup.hub.troubles();
        self.coverage.add("frame lost", troubles.dropped);
        self.coverage.add("frame doubled", troubles.duplicated);
        self.coverage.add("frame overtaken by later ones", troubles.reordered);
        self.coverage.add("frame delayed", troubles.delayed);
        self.coverage.count_if("clocks were skewed", self.plan.skew_ms > 0);
        self.coverage.count_if("several processes of a region", self.plan.processes.iter().any(|count| *count > 1));
        let audit = result.lock().take();
        Ok(audit.unwrap_or_default())
    }

    /// Steps until `done`.
    fn until(&mut self, what: &str, within_ms: u64, mut done: impl FnMut(&mut Self) -> bool) -> Result<(), Violation> {
        let start_ms = self.cluster.now_ms();
        while !done(self) {
            if self.started {
                let Self { cluster, chaos, monitor, coverage, world, .. } = self;
                let World { history, windows_passed, alone, lag, .. } = &*world;
                chaos.step(cluster, &mut Around { monitor, coverage, history, windows_passed, alone, lag });
            }
            if let Err(error) = self.cluster.sim.step() {
                return Err(Violation::new("liveness", format!("a process ended: {error}")));
            }
            let now_ms = self.cluster.now_ms();
            if now_ms >= self.looked_ms + LOOK_EVERY_MS {
                self.looked_ms = now_ms;
                self.monitor.look(&self.cluster, &mut self.coverage);
            }
            if panics::any() {
                return Err(Violation::new("panics", "a task panicked"));
            }
            if now_ms.saturating_sub(start_ms) > within_ms {
                return Err(Violation::new("liveness", format!("within {within_ms} ms it did not come that {what}")));
            }
        }
        Ok(())
    }

    fn start_clients(&mut self, seed: u64) -> Arc<AtomicBool> {
        let ended = Arc::new(AtomicBool::new(false));
        let (world, clients, told) = (self.world.clone(), self.plan.clients, Arc::clone(&ended));
        self.cluster.sim.client(CLIENTS, async move {
            let mut tasks = Vec::new();
            for number in 0..clients {
                let dice = Dice::new(seed, &format!("client {number}"));
                let client = Client {
                    number,
                    name: format!("client-{number}"),
                    world: world.clone(),
                    dice,
                    made: 0,
                    unsettled: Vec::new(),
                    echoes: VecDeque::new(),
                };
                tasks.push(world.env.spawn(client.run()));
            }
            for task in tasks {
                task.await?;
            }
            told.store(true, Ordering::Relaxed);
            Ok(())
        });
        ended
    }

    fn start_audit(&mut self) -> Arc<Mutex<Option<Audit>>> {
        let result = Arc::new(Mutex::new(None));
        let (world, slot) = (self.world.clone(), Arc::clone(&result));
        self.cluster.sim.client("audit", async move {
            let audit = audit::audit(world).await;
            *slot.lock() = Some(audit);
            Ok(())
        });
        result
    }

    fn judge(&mut self, audit: Audit) -> Vec<Violation> {
        let Audit { copies, mut found } = audit;
        let mut history = self.world.history.take();
        if self.world.windows_passed.load(Ordering::Relaxed) > 0 && self.plan.window == "1m" {
            history.forgotten = self.monitor.used_again();
            self.coverage.add("key forgotten when it had expired and settled", history.forgotten.len() as u64);
        }
        let shards = self.plan.shards;
        let shard_of = |aggregate: &str| {
            let (kind, id) = aggregate.split_once('/').unwrap_or_default();
            sterna_log::shard_of(kind, id, shards).0
        };
        found.extend(sessions(&history, &shard_of));
        found.extend(effects(&history, &copies.iter().map(|copy| (copy.region.clone(), audit::tallies(copy))).collect()));
        found.extend(converged(&copies));
        let version = self.cluster.sites.iter().map(|site| site.disk.lock().model).max().unwrap_or(1);
        let events = self.surviving_events();
        for copy in &copies {
            found.extend(against_reference(&copy.region, &events, self.chaos.lost(), &audit::told(copy), &schemas(version)));
            found.extend(views(copy));
            found.extend(money(copy));
        }
        if found.iter().any(|violation| violation.checker == "reactions") {
            found.extend(unanswered(&events));
        }
        self.count(&events, &copies);
        self.world.trace.say(self.cluster.now_ms(), "result", format_args!("{}", digest(&copies)));
        found
    }

    /// What the logs of all regions hold in the end.
    fn surviving_events(&self) -> Vec<Event> {
        let mut events = BTreeMap::new();
        for site in &self.cluster.sites {
            let store = site.disk.lock().write.clone();
            let Some(snapshot) = crate::logs::snapshot(&store) else { continue };
            for shard in (0..self.plan.shards).map(sterna_log::ShardId) {
                let log = sterna_log::LogId { origin: site.me, shard };
                for (_, bytes) in crate::logs::entries(&*snapshot, log, sterna_log::Position::ZERO).unwrap_or_default() {
                    for event in crate::logs::events(&bytes) {
                        events.entry((event.aggregate.clone(), event.dot)).or_insert(event);
                    }
                }
            }
        }
        events.into_values().collect()
    }

    fn count(&mut self, events: &[Event], copies: &[Copy]) {
        let void = voids(events);
        self.coverage.add("voided event", void.len() as u64);
        let reactions = events.iter().filter(|event| event.cause.is_some() && void.contains(&(event.aggregate.clone(), event.dot)));
        self.coverage.add("voided reaction", reactions.count() as u64);
        let gives = events.iter().flat_map(|event| &event.ops).filter(|op| matches!(op.action, sterna_checkers::Action::Give { .. }));
        self.coverage.add("rights moved", gives.count() as u64);
        let versions: BTreeMap<(&str, &str), u32> = events.iter().map(|event| ((&*event.aggregate, &*event.name), event.version)).collect();
        for (of, told) in copies.first().map(audit::told).iter().flatten() {
            for row in told.rows.iter().filter(|row| row.field == "note") {
                let (loser, winner) = (versions.get(&(&**of, &*row.loser)), versions.get(&(&**of, &*row.winner)));
                self.coverage.count_if("sets of two versions of the model met", loser.is_some() && winner.is_some() && loser != winner);
            }
        }
        let rows = copies.first().and_then(|copy| copy.answers.get("conflicts")).and_then(Value::as_array);
        for row in rows.into_iter().flatten() {
            self.coverage.count("ledger row made");
            self.coverage.count_rule(row["rule"].as_str().unwrap_or("?"));
        }
    }
}

/// Views are functions of the documents.
fn views(copy: &Copy) -> Vec<Violation> {
    let rows = |view: &str| copy.answers.get(&format!("view {view}")).and_then(Value::as_array).cloned().unwrap_or_default();
    let of = |kind: &'static str| audit::documents(copy).filter(move |(path, _)| path.starts_with(kind)).map(|(_, document)| document);
    let things = of("thing/").map(|d| json!({"thing": d["id"], "total": d["state"]["total"], "note": d["state"]["note"]})).collect();
    let balances = of("account/").map(|d| json!({"account": d["id"], "balance": d["state"]["balance"]})).collect();
    let mut groups: BTreeMap<bool, (i64, i64)> = BTreeMap::new();
    for document in of("thing/") {
        let (sum, count) = groups.entry(document["state"]["on"] == true).or_default();
        *sum += document["state"]["total"].as_i64().unwrap_or(0);
        *count += 1;
    }
    let switched = groups.into_iter().map(|(on, (total, things))| json!({"on": on, "total": total, "things": things})).collect();
    let mut found = one_row_each(copy, "things", &rows("things"), things);
    found.extend(one_row_each(copy, "balances", &rows("balances"), balances));
    found.extend(one_row_each(copy, "switched", &rows("switched"), switched));
    found
}

/// Reactions move money and make none.
fn money(copy: &Copy) -> Vec<Violation> {
    let balances = audit::documents(copy).filter(|(path, _)| path.starts_with("account/"));
    let sum: i64 = balances.map(|(_, document)| document["state"]["balance"].as_i64().unwrap_or(0)).sum();
    if sum == 0 { Vec::new() } else { vec![Violation::new("reactions", format!("the balances of {} sum to {sum}, not to 0", copy.region))] }
}

/// Debits with an effect that caused nothing with an effect, and what their twins caused.
fn unanswered(events: &[Event]) -> Vec<Violation> {
    let void = voids(events);
    let live = |event: &Event| !void.contains(&(event.aggregate.clone(), event.dot));
    let caused_by = |cause: &Event| {
        let (aggregate, dot) = (cause.aggregate.clone(), cause.dot);
        events.iter().filter(move |event| event.cause.as_ref() == Some(&(aggregate.clone(), dot)))
    };
    let debits = events.iter().filter(|event| event.aggregate.starts_with("account/") && event.cause.is_none() && live(event));
    let lonely = debits.filter(|debit| !caused_by(debit).any(live));
    let tell = |debit: &Event| {
        let twins = events.iter().filter(|twin| twin.aggregate == debit.aggregate && twin.key == debit.key);
        let told = twins.map(|twin| {
            let caused: Vec<String> = caused_by(twin).map(|r| format!("{} {} live {}", r.aggregate, r.name, live(r))).collect();
            format!("{} {} live {} caused {caused:?}", twin.aggregate, twin.name, live(twin))
        });
        Violation::new("reactions", format!("a debit has no effect elsewhere; it and its twins: {:?}", told.collect::<Vec<_>>()))
    };
    lonely.map(tell).collect()
}

/// Short and the same for equal results.
fn digest(copies: &[Copy]) -> String {
    use std::hash::Hasher;
    let mut hash = crate::trace::Fnv(0xcbf2_9ce4_8422_2325);
    for copy in copies {
        hash.write(copy.region.as_bytes());
        copy.answers.iter().for_each(|(path, body)| hash.write(format!("{path} {body}").as_bytes()));
    }
    format!("{:016x}", hash.finish())
}
