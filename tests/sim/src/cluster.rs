//! The simulated machines, and what can be done to them from outside.

use crate::dice::Dice;
use crate::node::{self, Disk, Machine, Setup};
use crate::plan::Plan;
use crate::process::Process;
use crate::schema::model_text;
use crate::trace::Trace;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use sterna_crdt::{Name, RegionId};
use sterna_store::{Limits, Memory};
use sterna_stream::Hub;
use turmoil::Sim;

/// Hosts of turmoil and regions of the cluster, in the cluster's order.
pub const REGIONS: [&str; 5] = ["ap", "br", "eu", "uk", "us"];
/// Where all clients are.
pub const CLIENTS: &str = "clients";
const TICK: Duration = Duration::from_millis(5);
const VERSIONS_KEPT: u64 = 2_000;
/// Longer than any run.
const LONGEST: Duration = Duration::from_secs(100_000);

pub struct Cluster {
    pub sim: Sim<'static>,
    pub setup: Arc<Setup>,
    pub machines: Vec<Arc<Machine>>,
    pub trace: Trace,
    /// Added to every machine's wall clock.
    pub skews: Vec<Arc<AtomicI64>>,
}

pub fn store(sole_writer: bool) -> Arc<Memory> {
    Arc::new(Memory::new(Limits { sole_writer, ..Limits::default() }, VERSIONS_KEPT))
}

impl Cluster {
    pub fn new(seed: u64, plan: &Plan, trace: Trace) -> Self {
        let mut dice = Dice::new(seed, "cluster");
        let mut sim = turmoil::Builder::new()
            .rng_seed(dice.roll())
            .tick_duration(TICK)
            .simulation_duration(LONGEST)
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(Duration::from_millis(dice.between(5, 60)))
            .tcp_capacity(4096)
            .enable_random_order()
            .build();
        let names: Vec<Name> = REGIONS[..plan.regions].iter().map(|name| Name::from(*name)).collect();
        let model = |version| {
            let (model, diagnostics) = sterna_model::parse_with(&model_text(version, plan.window), Some(&names));
            Arc::new(model.unwrap_or_else(|| panic!("{diagnostics:?}")))
        };
        // The hub's own clock is that of whoever calls it.
        let carrier = Process::new(Dice::new(seed, "hub"), Arc::default());
        let setup = Arc::new(Setup {
            hub: Hub::with_shards(carrier.env(), plan.shards),
            members: names.clone(),
            shards: plan.shards,
            models: vec![model(1), model(2)],
        });
        let mut machines = Vec::new();
        for (at, name) in names.iter().enumerate() {
            let skew_us = (dice.between(0, 2 * plan.skew_ms) as i64 - plan.skew_ms as i64) * 1000;
            let machine = Arc::new(Machine {
                me: RegionId(at as u16),
                name: name.clone(),
                skew_us: Arc::new(AtomicI64::new(skew_us)),
                disk: Mutex::new(Disk { write: store(dice.happens(700)), read: store(true), copied: false, model: 1 }),
                starts: AtomicU64::new(0),
                running: Mutex::new(None),
            });
            sim.host(REGIONS[at], software(seed, Arc::clone(&setup), Arc::clone(&machine), trace.clone()));
            machines.push(machine);
        }
        let skews = machines.iter().map(|machine| Arc::clone(&machine.skew_us)).collect();
        Self { sim, setup, machines, trace, skews }
    }

    pub fn now_ms(&self) -> u64 {
        self.sim.elapsed().as_millis() as u64
    }

    pub fn say(&self, who: &str, what: std::fmt::Arguments<'_>) {
        self.trace.say(self.now_ms(), who, what);
    }

    /// The process dies: of what its disks have under way the first few are synced, and the rest is lost.
    /// Gives how many were lost.
    pub fn crash(&mut self, at: usize, dice: &mut Dice) -> usize {
        let machine = Arc::clone(&self.machines[at]);
        self.setup.hub.unserve(machine.me);
        let lost = {
            let mut disk = machine.disk.lock();
            let pending = disk.write.faults().pending();
            let kept = dice.below(pending + 1);
            self.say(&machine.name, format_args!("crashes; {kept} of {pending} commits under way were synced"));
            disk.write.faults().crash(kept);
            disk.write = Arc::new(disk.write.copy());
            // The read store may lose anything; it can be rebuilt.
            disk.read.faults().crash(dice.below(disk.read.faults().pending() + 1));
            disk.read = if dice.happens(150) { store(true) } else { Arc::new(disk.read.copy()) };
            pending - kept
        };
        *machine.running.lock() = None;
        self.sim.crash(&*machine.name);
        lost
    }

    pub fn start(&mut self, at: usize) {
        self.say(&self.machines[at].name.clone(), format_args!("starts"));
        let name = self.machines[at].name.clone();
        self.sim.bounce(&*name);
    }

    /// Its process is there, perhaps still starting.
    pub fn is_up(&mut self, at: usize) -> bool {
        self.sim.is_host_running(REGIONS[at])
    }
}

/// What a region's host runs each time it starts.
fn software(
    seed: u64,
    setup: Arc<Setup>,
    machine: Arc<Machine>,
    trace: Trace,
) -> impl Fn() -> std::pin::Pin<Box<dyn Future<Output = turmoil::Result>>> {
    move || {
        let (setup, machine, trace) = (Arc::clone(&setup), Arc::clone(&machine), trace.clone());
        let start = machine.starts.fetch_add(1, Ordering::Relaxed);
        let dice = Dice::new(seed, &format!("{}/{start}", machine.name));
        let process = Process::new(dice, Arc::clone(&machine.skew_us));
        Box::pin(async move {
            let env = process.env();
            let (ended, outcome) = tokio::sync::oneshot::channel();
            env.spawn(async move {
                let result = node::serve(&setup, &machine, process).await;
                _ = ended.send(result);
            });
            let error = match outcome.await {
                Ok(Err(error)) => error,
                Ok(Ok(())) => "it ended".to_owned(),
                Err(_) => "it panicked".to_owned(),
            };
            trace.say(0, "node", format_args!("{error}"));
            Err(error.into())
        })
    }
}
