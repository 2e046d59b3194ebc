//! The Fluvio lane: everything here runs against real clusters, started for it from the folder `FLUVIO_BIN` or from `PATH`.
//!
//! Without them nothing is run, and nothing counts as passed.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::disallowed_methods, reason = "a test's own main")]

mod cluster;
mod conformance;
mod expiry;
mod faults;
mod format;
mod load;
mod region;
mod regions;
mod relays;
mod secure;
mod topic;

use cluster::{Binaries, Cluster};
use libtest_mimic::Arguments;
use std::sync::{Arc, OnceLock};
use sterna_test_engines::fluvio::SKIPPED;
use sterna_test_engines::{block_on, trial};

/// The two clusters that tests share which break nothing; each test has topics of its own.
pub struct Lane {
    pub binaries: Binaries,
    shared: OnceLock<[Cluster; 2]>,
}

impl Lane {
    pub fn shared(&self) -> &[Cluster; 2] {
        self.shared.get_or_init(|| [Cluster::start(&self.binaries), Cluster::start(&self.binaries)])
    }

    pub fn own_cluster(&self) -> Cluster {
        Cluster::start(&self.binaries)
    }
}

pub type Test = fn(&Lane);

fn main() {
    let mut arguments = Arguments::from_args();
    // Clusters are processes: few at a time, so that what is measured is the engine.
    arguments.test_threads.get_or_insert(2);
    let binaries = Binaries::find();
    if binaries.is_none() {
        eprintln!("\n{SKIPPED}\n");
    }
    let tests = [
        conformance::tests(),
        format::tests(),
        topic::tests(),
        secure::tests(),
        expiry::tests(),
        faults::tests(),
        regions::tests(),
        relays::tests(),
    ];
    let ignored = binaries.is_none();
    let asked = arguments.filter.as_ref().is_none_or(|filter| format::PYTHON.contains(filter.as_str()));
    let no_python = !ignored && !arguments.list && asked && format::Python::find().is_none();
    if no_python {
        eprintln!("\n{}\n", format::SKIPPED);
    }
    let lane = binaries.map(|binaries| Arc::new(Lane { binaries, shared: OnceLock::new() }));
    let trials = tests
        .into_iter()
        .flatten()
        .map(|(name, test)| trial(name, test, lane.clone(), ignored || no_python && name == format::PYTHON))
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !ignored && !arguments.list {
        eprintln!("Fluvio lane: {} passed, {} failed", conclusion.num_passed, conclusion.num_failed);
    }
    // The trials are gone, and with the lane go the clusters that they shared.
    drop(lane);
    conclusion.exit();
}
