//! Opening the read store: whose it is, and what is in it.

use super::verdicts::Verdicts;
use super::{Followers, ProjectError, Projector, build, clear, new_documents};
use crate::feed::Writer;
use crate::keys::meta::{STORE, STORE_FORMAT, StoreRecord, VIEWS};
use crate::keys::{Unreadable, decode, encode, failed, feed, model, progress};
use crate::layouts::Layouts;
use crate::limits::{BATCH_EVENTS_MAX, BUILD_ROWS_MAX};
use crate::registry::Registry;
use crate::shared::{Order, Plan, Shared};
use crate::view::Groups;
use crate::{Options, StartError};
use std::sync::Arc;
use sterna_crdt::Name;
use sterna_env::HashMap;
use sterna_log::Progress;
use sterna_model::Model;
use sterna_store::{Page, Snapshot, Store, Transaction, get, scan_all};
use sterna_write::Region;
use tokio::sync::mpsc;

/// What the store is, and what everything in it stands for.
pub(crate) struct Identity {
    pub record: StoreRecord,
    pub contents: Contents,
}

/// What the projector keeps in memory.
pub(crate) struct Contents {
    pub progress: Progress,
    pub layouts: Layouts,
    pub registry: Registry,
    pub feed: Writer,
    pub failed: HashMap<u32, i64>,
}

/// Checks that the store is this region's and fits its logs; otherwise it is refused, or emptied to be built again.
pub(crate) async fn open(region: &Region, store: &dyn Store) -> Result<Identity, StartError> {
    let snapshot = store.snapshot().await?;
    let held = get(&*snapshot, &STORE).await?.map(|bytes| decode::<StoreRecord>("store record", &bytes)).transpose();
    let held = held.map_err(unreadable)?;
    let fresh = StoreRecord {
        format: STORE_FORMAT,
        region: region.name.to_string(),
        shards: region.shards(),
        incarnation: region.life().incarnation,
        life: region.env.random_u64(),
    };
    let record = match held {
        None => {
            clear::wipe(store).await?;
            fresh
        }
        Some(held) => match misfit(&held, region, &*snapshot).await? {
            Some(why) => {
                tracing::warn!(region = %region.name, why, "the read store is built again from the logs");
                clear::wipe(store).await?;
                fresh
            }
            None => StoreRecord { incarnation: fresh.incarnation, ..held },
        },
    };
    let mut t = Transaction::blind();
    t.put(STORE, encode(&record));
    store.commit(t).await?;
    let contents = Contents::load(region, &*store.snapshot().await?, true).await.map_err(start_error)?;
    Ok(Identity { record, contents })
}

/// Why the store can't be used as it is.
async fn misfit(held: &StoreRecord, region: &Region, snapshot: &dyn Snapshot) -> Result<Option<&'static str>, StartError> {
    if *held.region != *region.name {
        return Err(StartError::OtherRegion { stored: held.region.clone(), configured: region.name.clone() });
    }
    if held.shards != region.shards() {
        return Err(StartError::OtherShards { stored: held.shards, configured: region.shards() });
    }
    if held.format > STORE_FORMAT {
        return Err(StartError::Newer { stored: held.format });
    }
    if held.format < STORE_FORMAT {
        return Ok(Some("it was written by an older release"));
    }
    let progress = load_progress(region, snapshot).await.map_err(start_error)?;
    let ahead = region.board.shards().any(|shard| !region.board.applied(shard).covers(&progress.shard(shard)));
    Ok(ahead.then_some("it is ahead of the logs, which were restored from an older copy"))
}

impl Contents {
    pub async fn load(region: &Region, snapshot: &dyn Snapshot, started: bool) -> Result<Self, ProjectError> {
        let progress = load_progress(region, snapshot).await?;
        let layouts = Layouts::load(&scan_all(snapshot, Layouts::stored()).await?)?;
        let record = get(snapshot, &VIEWS).await?.map(|bytes| decode("views record", &bytes)).transpose()?.unwrap_or_default();
        let texts = model::join(&scan_all(snapshot, model::all()).await?)?;
        let members: Vec<Name> = region.membership.members.iter().map(|member| member.name.clone()).collect();
        let parse = |text: &str| sterna_model::parse_with(text, Some(&members)).0;
        let models = texts.into_iter().filter_map(|(hash, text)| Some((hash, Arc::new(parse(&text)?)))).collect();
        let last = snapshot.scan(feed::all(), Page::last(1)).await?;
        let feed = Writer::after(last.first(), snapshot.version(), started)?;
        let mut failures = HashMap::default();
        for (key, value) in scan_all(snapshot, sterna_store::prefix_range(&[failed::LETTER])).await? {
            if let Some(generation) = key.get(1..).and_then(|number| number.try_into().ok()) {
                failures.insert(u32::from_be_bytes(generation), failed::decode(&value));
            }
        }
        Ok(Self { progress, layouts, registry: Registry { record, models }, feed, failed: failures })
    }
}

async fn load_progress(region: &Region, snapshot: &dyn Snapshot) -> Result<Progress, ProjectError> {
    let shards: Vec<_> = region.board.shards().collect();
    let keys: Vec<_> = shards.iter().map(|&shard| progress::key(shard)).collect();
    let mut all = Progress::default();
    for (shard, value) in shards.into_iter().zip(snapshot.get_many(&keys).await?) {
        if let Some(value) = value {
            all.raise_shard(shard, &progress::decode(&value)?);
        }
    }
    Ok(all)
}

impl Projector {
    /// `contents` are what the store has. [`Self::adopt`] follows before anything else.
    pub fn new(shared: Arc<Shared>, options: &Options, contents: Contents, orders: mpsc::Receiver<Order>) -> Self {
        let Contents { progress, layouts, registry, feed, failed } = contents;
        Self {
            model: shared.region.model(),
            shared,
            logs: options.logs.clone(),
            states: options.states.clone(),
            orders,
            layouts,
            registry,
            tracked: Vec::new(),
            followers: Followers::default(),
            progress,
            failed,
            feed,
            documents: new_documents(),
            groups: Groups::new(),
            clearing: clear::Clearing::default(),
            verdicts: Verdicts::default(),
            under_way: None,
            turn: 0,
            events_max: BATCH_EVENTS_MAX,
            build_rows_max: BUILD_ROWS_MAX,
        }
    }

    /// Takes up the region's model: layouts and generations that it needs are there afterwards.
    pub async fn adopt(&mut self) -> Result<(), ProjectError> {
        let model = self.shared.region.model();
        let snapshot = self.snapshot().await?;
        let mut t = self.transaction(snapshot.version());
        let (mut layouts, mut registry) = (self.layouts.clone(), self.registry.clone());
        layouts.adopt(&model, &mut t);
        let mut changed = registry.adopt(&model);
        for view in self.built_of_nothing(&registry, &model, &*snapshot).await? {
            registry.built(&view, None);
            changed = true;
        }
        if changed {
            t.put(VIEWS, encode(&registry.record));
        }
        for hash in self.registry.models.keys().filter(|hash| !registry.models.contains_key(*hash)) {
            t.clear(model::of(hash));
        }
        if !self.registry.models.contains_key(&model.hash) {
            model::put(&model.hash, model.source(), &mut t);
        }
        self.shared.store.commit(t).await?;
        (self.layouts, self.registry, self.model) = (layouts, registry, model);
        self.documents = new_documents();
        self.replan();
        Ok(())
    }

    /// Views to build whose sources have nothing: they are built already.
    async fn built_of_nothing(&self, registry: &Registry, model: &Model, snapshot: &dyn Snapshot) -> Result<Vec<Name>, ProjectError> {
        let mut built = Vec::new();
        for tracked in registry.tracked(model).iter().filter(|tracked| tracked.built.is_some()) {
            let mut empty = true;
            for range in build::sources(&tracked.generation.view().source) {
                empty &= snapshot.scan(range, Page::first(1)).await?.is_empty();
            }
            if empty {
                built.push(tracked.view.clone());
            }
        }
        Ok(built)
    }

    /// After a failure: what is in memory may not be what was committed.
    pub(super) async fn reload(&mut self) -> Result<(), ProjectError> {
        // What is under way may still be committed: whatever becomes of it, the store is read after it.
        _ = self.settle().await;
        self.states.give_up_changes();
        self.documents = new_documents();
        self.verdicts = Verdicts::default();
        self.groups.forget();
        let snapshot = self.shared.store.snapshot().await?;
        let mut contents = Contents::load(&self.shared.region, &*snapshot, false).await?;
        // Pages of this process that are not there were never committed, so that their numbers are free.
        contents.feed.not_before(self.feed.first());
        contents.registry.models.insert(self.model.hash, self.model.clone());
        self.progress = contents.progress;
        self.layouts = contents.layouts;
        self.registry = contents.registry;
        self.failed = contents.failed;
        self.feed = contents.feed;
        self.shared.with_pulse(|pulse| pulse.failed.clone_from(&self.failed));
        self.shared.feed.correct(self.feed.tip());
        self.shared.progress.send_replace(self.progress.clone());
        self.replan();
        Ok(())
    }
}

/// A plan for before the projector has one.
pub(crate) fn no_plan(region: &Region) -> Plan {
    Plan { model: region.model(), layouts: Layouts::default(), views: Vec::new() }
}

fn unreadable(error: Unreadable) -> StartError {
    StartError::Unreadable { what: error.what, why: error.why }
}

pub(crate) fn start_error(error: ProjectError) -> StartError {
    match error {
        ProjectError::Read(error) => StartError::Read(error),
        ProjectError::Commit(error) => StartError::Commit(error),
        ProjectError::Unreadable(error) => unreadable(error),
    }
}
