//! The simulated machines, and what can be done to them from outside.

use crate::dice::Dice;
use crate::node::{self, Setup};
use crate::plan::Plan;
use crate::process::Process;
use crate::schema::model_text;
use crate::site::{Disk, Front, Machine, Site};
use crate::trace::Trace;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;
use sterna_crdt::{Name, RegionId};
use sterna_store::{Limits, Memory};
use sterna_stream::{Hub, LogSource};
use turmoil::Sim;

/// Regions, in the cluster's order.
pub const REGIONS: [&str; 5] = ["ap", "br", "eu", "uk", "us"];
/// The hosts of their processes.
pub const HOSTS: [[&str; 2]; 5] = [["ap", "ap-2"], ["br", "br-2"], ["eu", "eu-2"], ["uk", "uk-2"], ["us", "us-2"]];
/// Where all clients are.
pub const CLIENTS: &str = "clients";
const TICK: Duration = Duration::from_millis(5);
const VERSIONS_KEPT: u64 = 2_000;
/// Longer than any run.
const LONGEST: Duration = Duration::from_secs(100_000);

pub struct Cluster {
    pub sim: Sim<'static>,
    pub setup: Arc<Setup>,
    pub sites: Vec<Arc<Site>>,
    /// Of all sites, one behind the other.
    pub machines: Vec<Arc<Machine>>,
    /// Its clock is nobody's: what happens outside of all machines waits by it.
    pub outside: Arc<Process>,
    pub trace: Trace,
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
        let outside = Process::new(Dice::new(seed, "hub"), Arc::default());
        let setup = Arc::new(Setup {
            hub: Hub::with_shards(outside.env(), plan.shards),
            members: names.clone(),
            shards: plan.shards,
            models: vec![model(1), model(2)],
        });
        let (mut sites, mut machines) = (Vec::new(), Vec::new());
        for (at, name) in names.iter().enumerate() {
            let processes = plan.processes[at];
            let site = Arc::new(Site {
                me: RegionId(at as u16),
                name: name.clone(),
                disk: Mutex::new(Disk { write: store(processes == 1 && dice.happens(700)), copied: false, model: 1 }),
                front: Arc::new(Front::default()),
                machines: machines.len()..machines.len() + processes,
                shares_stream: processes > 1 && dice.happens(500),
            });
            setup.hub.serve(site.me, Arc::clone(&site.front) as Arc<dyn LogSource>);
            for host in &HOSTS[at][..processes] {
                let skew_us = (dice.between(0, 2 * plan.skew_ms) as i64 - plan.skew_ms as i64) * 1000;
                let machine = Arc::new(Machine {
                    site: Arc::clone(&site),
                    host,
                    skew_us: Arc::new(AtomicI64::new(skew_us)),
                    write: Mutex::new(None),
                    read: Mutex::new(store(true)),
                    starts: AtomicU64::new(0),
                    model: AtomicU32::new(1),
                    running: Mutex::new(None),
                });
                sim.host(*host, software(seed, Arc::clone(&setup), Arc::clone(&machine), trace.clone()));
                machines.push(machine);
            }
            sites.push(site);
        }
        Self { sim, setup, sites, machines, outside, trace }
    }

    pub fn now_ms(&self) -> u64 {
        self.sim.elapsed().as_millis() as u64
    }

    pub fn say(&self, who: &str, what: std::fmt::Arguments<'_>) {
        self.trace.say(self.now_ms(), who, what);
    }

    /// A process dies: of what it has under way some is lost. Gives how much.
    pub fn crash(&mut self, at: usize, dice: &mut Dice) -> usize {
        let machine = Arc::clone(&self.machines[at]);
        machine.site.front.close(machine.host);
        let handle = machine.write.lock().take();
        let lost = if machine.site.is_shared() {
            let mut lost = 0;
            if let Some(handle) = handle {
                handle.disconnect(|| {
                    let gone = dice.happens(500);
                    lost += usize::from(gone);
                    gone
                });
            }
            self.say(machine.host, format_args!("crashes; {lost} commits under way are lost, and the store goes on"));
            lost
        } else {
            // The disk is its own: the first few are synced.
            let mut disk = machine.site.disk.lock();
            let pending = disk.write.faults().pending();
            let kept = dice.below(pending + 1);
            self.say(machine.host, format_args!("crashes; {kept} of {pending} commits under way were synced"));
            disk.write.faults().crash(kept);
            disk.write = Arc::new(disk.write.copy());
            pending - kept
        };
        // The read store may lose anything; it can be rebuilt.
        let mut read = machine.read.lock();
        read.faults().crash(dice.below(read.faults().pending() + 1));
        *read = if dice.happens(150) { store(true) } else { Arc::new(read.copy()) };
        drop(read);
        *machine.running.lock() = None;
        self.sim.crash(machine.host);
        lost
    }

    pub fn start(&mut self, at: usize) {
        let host = self.machines[at].host;
        self.say(host, format_args!("starts"));
        self.sim.bounce(host);
    }

    /// The process is there, perhaps still starting.
    pub fn is_up(&mut self, at: usize) -> bool {
        self.sim.is_host_running(self.machines[at].host)
    }
}

/// What a process's host runs each time it starts.
fn software(
    seed: u64,
    setup: Arc<Setup>,
    machine: Arc<Machine>,
    trace: Trace,
) -> impl Fn() -> std::pin::Pin<Box<dyn Future<Output = turmoil::Result>>> {
    move || {
        let (setup, machine, trace) = (Arc::clone(&setup), Arc::clone(&machine), trace.clone());
        let start = machine.starts.fetch_add(1, Ordering::Relaxed);
        let dice = Dice::new(seed, &format!("{}/{start}", machine.host));
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
