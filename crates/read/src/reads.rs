//! The handle of a region's read side.

use crate::feed::{self, Hub};
use crate::fence::Fenced;
use crate::limits::{LOOK_EVERY, ORDERS_MAX, RETRY_FIRST, RETRY_MOST};
use crate::metrics::Metrics;
use crate::projector::{self, Identity, Projector};
use crate::query::suggest;
use crate::shared::{Order, Parts, Shared};
use crate::{Build, Cursor, FeedFilter, FeedItem, Found, Page, ReadRefused, StartError, Status, ViewStatus};
use futures::Stream;
use parking_lot::RwLock;
use std::sync::Arc;
use std::time::Duration;
use sterna_env::{Backoff, Scope};
use sterna_log::{Progress, Token};
use sterna_store::Store;
use sterna_write::{Logs, Region, States};
use tokio::sync::{mpsc, oneshot, watch};

/// What the read side works on.
#[derive(Clone)]
pub struct Options {
    pub region: Arc<Region>,
    pub logs: Arc<Logs>,
    pub states: Arc<States>,
    /// The read store.
    pub store: Arc<dyn Store>,
    pub scope: Scope,
    pub registry: prometheus::Registry,
}

/// Queries, the change feed and the projector behind them.
pub struct Reads {
    now: RwLock<Now>,
    metrics: Metrics,
}

/// What there is to read.
#[derive(Clone)]
struct Now {
    shared: Arc<Shared>,
    /// Why there is nothing.
    absent: Option<&'static str>,
}

const ABSENT: &str = "this process has the role `write` and keeps no projections; ask one that does";
const STANDBY: &str =
    "another process of this region keeps the projections, which are in FoundationDB; ask that one. This one takes over when it ends";

impl Reads {
    /// Opens the read store and starts the projector, which ends with the scope. The region's board must already say what the
    /// region has applied: a read store that is ahead of it is built again.
    pub async fn start(options: Options) -> Result<Arc<Self>, StartError> {
        let metrics = Metrics::new(&options.registry)?;
        let shared = begin(&options, &metrics).await?;
        Ok(Self::new(Now { shared, absent: None }, metrics))
    }

    /// For a process that keeps no projections: every query is refused, and nothing waits for a projector.
    pub fn absent(options: Options) -> Result<Arc<Self>, StartError> {
        let metrics = Metrics::new(&options.registry)?;
        Ok(Self::new(Now { shared: nothing(&options, &metrics), absent: Some(ABSENT) }, metrics))
    }

    /// On a read store that other processes of the region reach too: the one that holds the lease keeps it, and takes it over from a holder that
    /// died. While this one doesn't, its queries are refused.
    pub fn sharing(options: Options, lease: watch::Receiver<bool>) -> Result<Arc<Self>, StartError> {
        let metrics = Metrics::new(&options.registry)?;
        let standby = Now { shared: nothing(&options, &metrics), absent: Some(STANDBY) };
        let reads = Self::new(standby.clone(), metrics);
        let scope = options.scope.clone();
        scope.spawn_until_stop(keep(Arc::clone(&reads), options, standby, lease));
        Ok(reads)
    }

    fn new(now: Now, metrics: Metrics) -> Arc<Self> {
        Arc::new(Self { now: RwLock::new(now), metrics })
    }

    fn present(&self) -> Result<Arc<Shared>, ReadRefused> {
        let now = self.now.read();
        match now.absent {
            None => Ok(Arc::clone(&now.shared)),
            Some(why) => Err(ReadRefused::Unavailable(why.to_owned())),
        }
    }

    /// Refused where there is nothing to read.
    pub fn available(&self) -> Result<(), ReadRefused> {
        self.present().map(drop)
    }

    fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.now.read().shared)
    }

    /// A document, once what `token` has seen of its shard is projected; `wait` bounds that.
    pub async fn document(&self, kind: &str, id: &str, token: Option<&Token>, wait: Duration) -> Result<Found, ReadRefused> {
        self.count("document", self.present()?.document(kind, id, token, wait).await)
    }

    /// An aggregate's events from all regions, in their order, behind the cursor `after`.
    pub async fn history(
        &self,
        kind: &str,
        id: &str,
        limit: Option<usize>,
        after: Option<&str>,
        token: Option<&Token>,
        wait: Duration,
    ) -> Result<Page, ReadRefused> {
        self.count("history", self.present()?.history(kind, id, limit, after, token, wait).await)
    }

    /// Rows of a view behind the cursor `after`. `filters` are `column=value` and `column[gte|gt|lte|lt]=value`, as in the query
    /// string, without `limit` and `after`.
    pub async fn view(
        &self,
        name: &str,
        filters: &[(String, String)],
        limit: Option<usize>,
        after: Option<&str>,
        token: Option<&Token>,
        wait: Duration,
    ) -> Result<Page, ReadRefused> {
        self.count("view", self.present()?.view(name, filters, limit, after, token, wait).await)
    }

    /// Where the change feed ends now.
    pub fn feed_end(&self) -> Cursor {
        self.shared().feed.end()
    }

    /// Follows the change feed from a cursor, or from now on. Ends with the scope.
    pub fn changes(&self, from: Option<Cursor>, filter: FeedFilter) -> impl Stream<Item = FeedItem> + Send + 'static {
        feed::follow(self.shared(), from, filter)
    }

    /// Builds a view anew, beside the generation that answers until it is swapped. Returns the new generation at once.
    pub async fn rebuild(&self, view: &str) -> Result<u32, ReadRefused> {
        let shared = self.present()?;
        let plan = shared.plan();
        let unknown =
            || ReadRefused::UnknownView { view: view.into(), suggestion: suggest(view, plan.model.views().iter().map(|view| &view.name)) };
        let name = plan.model.view(view).ok_or_else(unknown)?.name.clone();
        let stopped = || ReadRefused::Unavailable("it is stopping".to_owned());
        let (reply, answer) = oneshot::channel();
        shared.orders.send(Order::Rebuild { view: name, reply }).await.map_err(|_| stopped())?;
        match answer.await.map_err(|_| stopped())? {
            Ok(Some(generation)) => Ok(generation),
            Ok(None) => Err(unknown()),
            Err(error) => Err(ReadRefused::Unavailable(error)),
        }
    }

    /// Resolves when fewer than `events_max` events wait to be projected: how a bulk load keeps views fresh.
    pub async fn room(&self, events_max: u64) {
        let Ok(shared) = self.present() else { return };
        if shared.backlog_events() < events_max {
            return;
        }
        let mut progress = shared.progress.subscribe();
        while shared.backlog_events() >= events_max && !shared.scope.is_stopping() {
            // Counts drift by what was committed without an answer, until the projector has caught up: so look now and then.
            if let Some(Err(_)) = shared.region.env.timeout(LOOK_EVERY, progress.changed()).await {
                return;
            }
        }
    }

    pub fn status(&self) -> Status {
        let shared = self.shared();
        let (plan, pulse) = (shared.plan(), shared.pulse());
        let staleness_seconds = shared.staleness_seconds();
        let views = plan.views.iter().map(|view| {
            let live = view.live.as_ref();
            ViewStatus {
                name: view.name.clone(),
                generation: live.map(|live| live.number),
                building: view
                    .building
                    .map(|generation| Build { generation, read: pulse.read.get(&generation).copied().unwrap_or_default() }),
                staleness_seconds,
                rows_failed: live.and_then(|live| pulse.failed.get(&live.number)).map_or(0, |count| count.unsigned_abs()),
                model_version: live.map(|live| live.model_version),
            }
        });
        Status { projected: shared.progress.borrow().clone(), views: views.collect() }
    }

    /// What documents, history, feed and live views stand for.
    pub fn projected(&self) -> Progress {
        self.shared().progress.borrow().clone()
    }

    fn count<T>(&self, kind: &str, answer: Result<T, ReadRefused>) -> Result<T, ReadRefused> {
        let outcome = answer.as_ref().map_or_else(ReadRefused::name, |_| "found");
        self.metrics.queries.with_label_values(&[kind, outcome]).inc();
        answer
    }
}

/// Opens the read store and starts the projector, until the scope of `options` stops.
async fn begin(options: &Options, metrics: &Metrics) -> Result<Arc<Shared>, StartError> {
    let Identity { record, contents } = projector::open(&options.region, &*options.store).await?;
    let (orders, inbox) = mpsc::channel(ORDERS_MAX);
    let shared = Arc::new(Shared::new(Parts {
        region: options.region.clone(),
        store: options.store.clone(),
        scope: options.scope.clone(),
        metrics: metrics.clone(),
        feed: Hub::new(record.life, contents.feed.tip()),
        orders,
        plan: projector::no_plan(&options.region),
        progress: contents.progress.clone(),
        failed: contents.failed.clone(),
    }));
    let mut projector = Projector::new(shared.clone(), options, contents, inbox);
    projector.adopt().await.map_err(projector::start_error)?;
    options.scope.spawn(projector.run());
    options.scope.spawn_until_stop(measure(shared.clone()));
    Ok(shared)
}

fn nothing(options: &Options, metrics: &Metrics) -> Arc<Shared> {
    let (orders, _) = mpsc::channel(ORDERS_MAX);
    Arc::new(Shared::new(Parts {
        region: options.region.clone(),
        store: options.store.clone(),
        scope: options.scope.clone(),
        metrics: metrics.clone(),
        feed: Hub::new(0, Default::default()),
        orders,
        plan: projector::no_plan(&options.region),
        progress: Progress::default(),
        failed: Default::default(),
    }))
}

/// Projects while this process holds the lease, and nobody has taken the store.
async fn keep(reads: Arc<Reads>, options: Options, standby: Now, mut lease: watch::Receiver<bool>) {
    let region = Arc::clone(&options.region);
    let mut backoff = Backoff::new(RETRY_FIRST, RETRY_MOST);
    while lease.wait_for(|held| *held).await.is_ok() {
        let scope = options.scope.child();
        match take_over(&options, &scope, &reads.metrics).await {
            Ok((store, shared)) => {
                tracing::info!(region = %region.name, "keeps the projections now");
                backoff.reset();
                *reads.now.write() = Now { shared, absent: None };
                tokio::select! {
                    biased;
                    () = store.lost() => {}
                    _ = lease.wait_for(|held| !*held) => {}
                }
                *reads.now.write() = standby.clone();
                tracing::info!(region = %region.name, "keeps the projections no more");
            }
            Err(error) => tracing::warn!(%error, "the projections can't be taken over; trying again"),
        }
        scope.ask_to_stop();
        // Who was paused learns in the meantime that the lease is not its own any more.
        backoff.pause(&region.env).await;
    }
}

async fn take_over(options: &Options, scope: &Scope, metrics: &Metrics) -> Result<(Arc<Fenced>, Arc<Shared>), StartError> {
    let store = Fenced::take(Arc::clone(&options.store), &options.region.env).await?;
    // Behind that: nothing is projected any more of what this process has not heard to be applied.
    options.region.catch_up().await.map_err(|error| sterna_store::ReadError::Unavailable(error.to_string()))?;
    let mine = Options { store: store.clone(), scope: scope.clone(), ..options.clone() };
    let shared = begin(&mine, metrics).await?;
    Ok((store, shared))
}

/// Keeps the gauges right, also when the projector doesn't move.
async fn measure(shared: Arc<Shared>) {
    let mut measured = shared.plan();
    loop {
        let (plan, pulse) = (shared.plan(), shared.pulse());
        if !Arc::ptr_eq(&plan, &measured) {
            shared.metrics.staleness_seconds.reset();
            shared.metrics.failed_rows.reset();
            measured = plan.clone();
        }
        let staleness = shared.staleness_seconds();
        for view in &plan.views {
            let failed = view.live.as_ref().and_then(|live| pulse.failed.get(&live.number)).copied();
            shared.metrics.staleness_seconds.with_label_values(&[&view.name]).set(staleness);
            shared.metrics.built.with_label_values(&[&view.name]);
            shared.metrics.failed_rows.with_label_values(&[&view.name]).set(failed.unwrap_or_default());
        }
        shared.region.env.sleep(LOOK_EVERY).await;
    }
}
