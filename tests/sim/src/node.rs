//! One region's process, put together as the binary does it, on memory engines.

use crate::process::Process;
use bytes::Bytes;
use parking_lot::Mutex;
use prometheus::Registry;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use sterna_crdt::{Name, RegionId};
use sterna_env::{Boxed, Scope};
use sterna_http::{Limits, Metrics, Readiness, ServeOptions, Services, StreamInfo};
use sterna_log::{Frame, LogId, Position, TokenKey};
use sterna_model::Model;
use sterna_read::Reads;
use sterna_replicate::{Replication, Source};
use sterna_store::Memory;
use sterna_stream::{FollowError, Hub, LogSource};
use sterna_write::{OpenOptions, Region, Writer};

/// Where every region listens, on a host of its own.
pub const PORT: u16 = 7100;
const SECRET: &[u8] = b"the simulation's secret";

/// What a region's machine has: it outlives the process.
pub struct Machine {
    pub me: RegionId,
    pub name: Name,
    pub skew_us: Arc<std::sync::atomic::AtomicI64>,
    pub disk: Mutex<Disk>,
    /// Starts so far.
    pub starts: AtomicU64,
    pub running: Mutex<Option<Running>>,
}

pub struct Disk {
    pub write: Arc<Memory>,
    pub read: Arc<Memory>,
    /// The folder says that it was copied from another place.
    pub copied: bool,
    pub model: u32,
}

/// For whoever watches from outside.
pub struct Running {
    pub process: Arc<Process>,
    pub registry: Registry,
    pub region: Arc<Region>,
}

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
    let (store, read_store, copied, version) = {
        let disk = machine.disk.lock();
        (Arc::clone(&disk.write), Arc::clone(&disk.read), disk.copied, disk.model)
    };
    let model = Arc::clone(&setup.models[version as usize - 1]);
    let options = OpenOptions { name: machine.name.clone(), members: setup.members.clone(), shards: setup.shards, model, copied };
    let registry = Registry::new();
    let scope = Scope::new(env.clone());
    let region = loop {
        match Region::open(env.clone(), store.clone(), options_again(&options)).await {
            Ok(region) => break region,
            // A process that can't start is started again by its supervisor.
            Err(error) if !permanent(&error) => env.sleep(std::time::Duration::from_millis(500)).await,
            Err(error) => return Err(format!("{} doesn't open: {error}", machine.name)),
        }
    };
    machine.disk.lock().copied = false;
    let writer = loop {
        match Writer::start(Arc::clone(&region), &scope, Some(&Registry::new())).await {
            Ok(writer) => break writer,
            Err(_) => env.sleep(std::time::Duration::from_millis(500)).await,
        }
    };
    let source = Source::new(Arc::clone(&region), Arc::clone(writer.logs()));
    setup.hub.serve(machine.me, Arc::new(Gated { source: source.clone(), process: Arc::clone(&process) }));
    let replication = Replication::start(sterna_replicate::Options {
        writer: Arc::clone(&writer),
        source,
        stream: setup.hub.region(machine.me),
        repair: setup.hub.repair(machine.me),
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
    *machine.running.lock() = Some(Running { process, registry, region });
    let listener = env.listen(&format!("0.0.0.0:{PORT}")).await.map_err(|error| error.to_string())?;
    let options = ServeOptions { limits, metrics: None, date: false };
    sterna_http::serve(listener, sterna_http::router(services), scope, options).await;
    Err(format!("{} has stopped serving", machine.name))
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

/// A frozen process answers nobody.
struct Gated {
    source: Arc<Source>,
    process: Arc<Process>,
}

impl LogSource for Gated {
    fn read(&self, log: LogId, after: Position, bytes_max: usize) -> Boxed<'_, Result<Frame, FollowError>> {
        Box::pin(async move {
            self.process.awake().await;
            self.source.read(log, after, bytes_max).await
        })
    }

    fn answer(&self, from: RegionId, request: Bytes) -> Boxed<'_, Result<Bytes, FollowError>> {
        Box::pin(async move {
            self.process.awake().await;
            self.source.answer(from, request).await
        })
    }
}
