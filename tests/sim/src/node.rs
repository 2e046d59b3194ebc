//! One region's process, put together as the binary does it, on memory engines.

use crate::process::Process;
use crate::site::{Machine, Running};
use prometheus::Registry;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use sterna_crdt::Name;
use sterna_env::Scope;
use sterna_http::{Limits, Metrics, Readiness, ServeOptions, Services, StreamInfo};
use sterna_log::TokenKey;
use sterna_model::Model;
use sterna_read::Reads;
use sterna_replicate::{Replication, Source};
use sterna_stream::Hub;
use sterna_write::{OpenOptions, Region, Writer};

/// Where every process listens, on a host of its own.
pub const PORT: u16 = 7100;
const SECRET: &[u8] = b"the simulation's secret";

pub struct Setup {
    pub members: Vec<Name>,
    pub shards: u16,
    pub hub: Arc<Hub>,
    /// By version, from 1.
    pub models: Vec<Arc<Model>>,
}

/// Starts everything; returns only if that fails.
pub async fn serve(setup: &Setup, machine: &Machine, process: Arc<Process>) -> Result<(), String> {
    let env = process.env();
    let site = &machine.site;
    let (store, copied, version) = {
        let disk = site.disk.lock();
        let store = if site.is_shared() { Arc::new(disk.write.connect()) } else { Arc::clone(&disk.write) };
        (store, disk.copied, disk.model)
    };
    *machine.write.lock() = Some(Arc::clone(&store));
    machine.model.store(version, Ordering::Relaxed);
    let read_store = Arc::clone(&machine.read.lock());
    let model = Arc::clone(&setup.models[version as usize - 1]);
    let options = OpenOptions { name: site.name.clone(), members: setup.members.clone(), shards: setup.shards, model, copied };
    let registry = Registry::new();
    let scope = Scope::new(env.clone());
    let region = loop {
        match Region::open(env.clone(), store.clone(), options_again(&options)).await {
            Ok(region) => break region,
            // A process that can't start is started again by its supervisor.
            Err(error) if !permanent(&error) => env.sleep(std::time::Duration::from_millis(500)).await,
            Err(error) => return Err(format!("{} doesn't open: {error}", machine.host)),
        }
    };
    site.disk.lock().copied = false;
    let (writer, written) = loop {
        let written = Registry::new();
        match Writer::start(Arc::clone(&region), &scope, Some(&written)).await {
            Ok(writer) => break (writer, written),
            Err(_) => env.sleep(std::time::Duration::from_millis(500)).await,
        }
    };
    let source = Source::new(Arc::clone(&region), Arc::clone(writer.logs()));
    site.front.open(machine.host, source.clone(), Arc::clone(&process));
    let replication = Replication::start(sterna_replicate::Options {
        writer: Arc::clone(&writer),
        source,
        stream: if site.shares_stream { setup.hub.shared_region(site.me) } else { setup.hub.region(site.me) },
        repair: setup.hub.repair(site.me),
        scope: &scope,
        registry: Some(&registry),
    });
    let reads = loop {
        let options = sterna_read::Options {
            region: Arc::clone(&region),
            logs: Arc::clone(writer.logs()),
            states: Arc::clone(writer.states()),
            store: read_store.clone(),
            scope: scope.clone(),
            registry: Registry::new(),
        };
        match Reads::start(options).await {
            Ok(reads) => break reads,
            Err(_) => env.sleep(std::time::Duration::from_millis(500)).await,
        }
    };
    let readiness = Arc::new(Readiness::default());
    readiness.start();
    let metrics = Metrics::register(&registry).map_err(|error| error.to_string())?;
    let limits = Arc::new(Limits::default());
    let services = Services {
        store: sterna_http::StoreInfo::new("memory"),
        writer,
        reads,
        replication,
        stream: StreamInfo { engine: "memory", endpoint: None },
        tokens: TokenKey::derive(SECRET),
        registry: registry.clone(),
        metrics,
        scope: scope.clone(),
        readiness,
        limits: Arc::clone(&limits),
        links: None,
    };
    *machine.running.lock() = Some(Running { process, registries: [registry, written], region });
    let listener = env.listen(&format!("0.0.0.0:{PORT}")).await.map_err(|error| error.to_string())?;
    let options = ServeOptions { limits, metrics: None, date: false };
    sterna_http::serve(listener, sterna_http::router(services), scope, options).await;
    Err(format!("{} has stopped serving", machine.host))
}

fn options_again(options: &OpenOptions) -> OpenOptions {
    OpenOptions {
        name: options.name.clone(),
        members: options.members.clone(),
        shards: options.shards,
        model: Arc::clone(&options.model),
        copied: options.copied,
    }
}

fn permanent(error: &sterna_write::OpenError) -> bool {
    !matches!(error, sterna_write::OpenError::Read(_) | sterna_write::OpenError::Commit(_))
}
