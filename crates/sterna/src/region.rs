//! One region, put together: the only place that knows the engines.

use crate::config::Config;
use crate::{store, stream};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use sterna_crdt::{Name, RegionId};
use sterna_env::{Env, Scope};
use sterna_http::{Limits, LinkState, Links, Metrics, Readiness, ServeOptions, Services, StreamInfo, UnknownPeer};
use sterna_log::{Membership, TokenKey};
use sterna_model::{Model, Severity};
use sterna_read::Reads;
use sterna_replicate::{Replication, Source};
use sterna_stream_direct::limits::STREAMS_PER_CONNECTION_MAX;
use sterna_stream_direct::{Direct, PeerAddress};
use sterna_write::{OpenError, OpenOptions, Region, Writer};

/// What is under way when a region is asked to stop has so long to end.
const DRAIN_MAX: Duration = Duration::from_secs(10);
/// How long a stopping region may take, with closing its stores.
const STOP_MAX: Duration = Duration::from_secs(20);

/// A region that runs until it is stopped.
pub struct RunningRegion {
    pub name: Name,
    /// Where it listens.
    pub address: String,
    pub writer: Arc<Writer>,
    pub reads: Arc<Reads>,
    pub replication: Arc<Replication>,
    direct: Arc<Direct>,
    readiness: Arc<Readiness>,
    /// Of the connections; it stops first.
    server: Scope,
    scope: Scope,
    stores: store::Opened,
}

/// What `dev` adds to a region.
#[derive(Clone, Copy, Default)]
pub struct Extras {
    /// Links can be cut and healed over HTTP.
    pub links: bool,
    /// The process takes commands, and neither projects nor answers queries.
    pub write_only: bool,
}

impl RunningRegion {
    /// Starts everything; it answers when this returns. Commands are taken once the region's gate opens.
    ///
    /// The model is the caller's, so that `config.model` is read in one place: [`load_model`].
    pub async fn start(config: &Config, model: Model, env: Env, extras: Extras) -> Result<Self> {
        store::check(config)?;
        store::check_role(config, extras.write_only)?;
        store::check_reactions(config, &model)?;
        stream::check(config)?;
        let members = members(config);
        let text = model.source().to_owned();
        let registry = registry(&model)?;
        // The port first: a second process on it should not touch the data.
        let listener =
            env.listen(&config.listen).await.with_context(|| format!("can't listen on {}; is another process using it?", config.listen))?;
        let stores = store::open(config, &env, &registry, extras.write_only).await?;
        let copied = stores.copied;
        let options = OpenOptions { name: config.region.as_str().into(), members, shards: config.shards, model: Arc::new(model), copied };
        let opened = Region::open(env.clone(), stores.write.clone(), options).await;
        let region = opened.map_err(|error| explained(error, config, &text))?;
        let path = config.store.path.display();
        if copied {
            tracing::warn!(%path, "the folder is a copy: a new incarnation of this region begins");
            stores.accept_copy()?;
        }
        let scope = Scope::new(env.clone());
        let writer = Writer::start(Arc::clone(&region), &scope, Some(&registry)).await?;
        let source = Source::new(Arc::clone(&region), Arc::clone(writer.logs()));
        let direct = direct(config, &env, &region.membership, region.me, &registry, Arc::clone(&source));
        let replication = Replication::start(sterna_replicate::Options {
            writer: Arc::clone(&writer),
            source,
            stream: stream::open(config, &env, &region.membership, region.me, &registry, &direct).await?,
            repair: direct.clone(),
            scope: &scope,
            registry: Some(&registry),
        });
        let reads = sterna_read::Options {
            region: Arc::clone(&region),
            logs: Arc::clone(writer.logs()),
            states: Arc::clone(writer.states()),
            store: stores.read(),
            scope: scope.clone(),
            registry: registry.clone(),
        };
        let reads = match (extras.write_only, stores.read_is_shared) {
            (true, _) => Reads::absent(reads)?,
            (false, true) => Reads::sharing(reads, region.leases.region())?,
            (false, false) => Reads::start(reads).await?,
        };
        let (server, readiness) = (Scope::new(env.clone()), Arc::new(Readiness::default()));
        let metrics = Metrics::register(&registry)?;
        let bound = |seconds: Option<u32>| seconds.map(|seconds| Duration::from_secs(seconds.into()));
        let limits = Arc::new(Limits {
            drain_max: DRAIN_MAX,
            streams_max: STREAMS_PER_CONNECTION_MAX,
            ready_lag_max: bound(config.ready.lag_seconds_max),
            ready_staleness_max: bound(config.ready.staleness_seconds_max),
            ..Limits::default()
        });
        let services = Services {
            writer: Arc::clone(&writer),
            reads: Arc::clone(&reads),
            replication: Arc::clone(&replication),
            store: stores.info(config, &env, &scope),
            stream: StreamInfo { engine: config.stream.engine.name(), endpoint: config.stream.endpoint.clone() },
            tokens: token_key(config, &region.membership),
            registry,
            metrics: metrics.clone(),
            scope: server.clone(),
            readiness: Arc::clone(&readiness),
            limits: Arc::clone(&limits),
            links: extras.links.then(|| {
                Arc::new(DevLinks { direct: Arc::clone(&direct), membership: Arc::clone(&region.membership), me: region.me })
                    as Arc<dyn Links>
            }),
        };
        let address = listener.local();
        let router = sterna_http::router(services).merge(direct.router());
        server.spawn(sterna_http::serve(listener, router, server.clone(), ServeOptions { limits, metrics: Some(metrics), date: true }));
        readiness.start();
        Ok(Self { name: region.name.clone(), address, writer, reads, replication, direct, readiness, server, scope, stores })
    }

    /// What clients are told.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn region(&self) -> &Arc<Region> {
        self.writer.region()
    }

    /// Takes nothing new, finishes what was accepted, and closes the stores.
    pub async fn stop(self) {
        let env = self.region().env.clone();
        let name = self.name.clone();
        let stopping = async {
            self.readiness.drain();
            self.direct.shutdown();
            self.server.stop().await;
            // The writer's tasks end when nobody can hand them commands any more, and all is answered.
            self.scope.ask_to_stop();
            drop((self.writer, self.reads, self.replication));
            self.scope.stop().await;
        };
        if env.timeout(STOP_MAX, stopping).await.is_none() {
            tracing::warn!(region = %name, "it did not stop in time; what was acknowledged is safe");
        }
        self.stores.close();
    }
}

/// Changes of the model that can't be are shown as `sterna model diff` shows them.
fn explained(error: OpenError, config: &Config, text: &str) -> anyhow::Error {
    let mut message = config.store.path.display().to_string();
    if let OpenError::UnsafeModel(why) = &error {
        let name = config.model.display().to_string();
        message = why.mistakes.iter().fold(message, |message, mistake| message + "\n" + &mistake.render(&name, text));
    }
    anyhow::Error::new(error).context(message)
}

/// All regions, sorted, so that each one's number is the same everywhere.
pub fn members(config: &Config) -> Vec<Name> {
    let mut members: Vec<Name> =
        config.peers.iter().map(|peer| peer.region.as_str()).chain([config.region.as_str()]).map(Name::from).collect();
    members.sort();
    members
}

/// Parses and checks a model; every mistake is in the error, as `sterna model check` shows it.
pub fn load_model(path: &Path, members: &[Name]) -> Result<Model> {
    let text = std::fs::read_to_string(path).with_context(|| format!("the model {} can't be read", path.display()))?;
    parse_model(&text, &path.display().to_string(), members)
}

pub fn parse_model(text: &str, name: &str, members: &[Name]) -> Result<Model> {
    let (model, diagnostics) = sterna_model::parse_with(text, Some(members));
    match model {
        Some(model) => Ok(model),
        None => {
            let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error);
            bail!("the model has mistakes\n{}", errors.map(|d| d.render(name, text)).collect::<Vec<_>>().join("\n"))
        }
    }
}

fn registry(model: &Model) -> Result<prometheus::Registry> {
    let registry = prometheus::Registry::new();
    let hash = hex(&model.hash);
    let build = sterna_telemetry::Build {
        version: env!("CARGO_PKG_VERSION"),
        commit: option_env!("BUILD_COMMIT").unwrap_or("unknown"),
        model_version: model.version,
        model_hash: &hash,
    };
    sterna_telemetry::register_build(&registry, &build)?;
    registry.register(Box::new(sterna_telemetry::ProcessCollector::new()?))?;
    Ok(registry)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn direct(
    config: &Config,
    env: &Env,
    membership: &Arc<Membership>,
    me: RegionId,
    registry: &prometheus::Registry,
    source: Arc<Source>,
) -> Arc<Direct> {
    let address = |peer: &crate::config::PeerConfig| {
        let region = membership.region(&peer.region).expect("members are made from the peers");
        PeerAddress { region, url: peer.url.clone() }
    };
    let options = sterna_stream_direct::Options {
        me,
        membership: Arc::clone(membership),
        peers: config.peers.iter().map(address).collect(),
        secret: config.secret.as_ref().map(|secret| secret.clone().into_bytes()),
        registry: Some(registry),
    };
    Direct::new(env.clone(), options, source)
}

/// Without a secret, tokens of another cluster are told, forged ones are not.
fn token_key(config: &Config, membership: &Membership) -> TokenKey {
    match &config.secret {
        Some(secret) => TokenKey::derive(secret.as_bytes()),
        None => TokenKey::derive(&membership.encode()),
    }
}

struct DevLinks {
    direct: Arc<Direct>,
    membership: Arc<Membership>,
    me: RegionId,
}

impl DevLinks {
    fn peer(&self, name: &str) -> Result<RegionId, UnknownPeer> {
        self.membership.region(name).filter(|peer| *peer != self.me).ok_or_else(|| UnknownPeer(name.to_owned()))
    }
}

impl Links for DevLinks {
    fn links(&self) -> Vec<LinkState> {
        let peers = self.membership.regions().filter(|peer| *peer != self.me);
        peers.map(|peer| LinkState { peer: self.membership.name(peer).to_string(), cut: self.direct.is_cut(peer) }).collect()
    }

    fn cut(&self, peer: &str) -> Result<(), UnknownPeer> {
        self.direct.cut(self.peer(peer)?);
        Ok(())
    }

    fn heal(&self, peer: &str) -> Result<(), UnknownPeer> {
        self.direct.heal(self.peer(peer)?);
        Ok(())
    }
}
