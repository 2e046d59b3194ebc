//! What this process knows of its region.

use crate::keys::Unreadable;
use crate::keys::meta::{self, RegionRecord};
use crate::limits::{RECOVER_PAUSE, REGION_ATTEMPTS_MAX};
use crate::models::{self, Models, Unsafe};
use crate::touched::Touched;
use crate::{Board, Fence, Homes, Leases, Refused, RegionClock, Stores};
use bytes::Bytes;
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use sterna_crdt::{Incarnation, Name, RegionId};
use sterna_env::{Env, mutation};
use sterna_log::{DecodeError, LogId, Membership, Position, ShardId, Token};
use sterna_model::Model;
use sterna_store::{CommitError, ReadError, Retry, Snapshot, Store, Transaction};

/// A region of a cluster, open.
pub struct Region {
    pub me: RegionId,
    pub name: Name,
    pub membership: Arc<Membership>,
    pub env: Env,
    /// With what belongs to the region; the only one, unless shards are spread over several.
    pub store: Arc<dyn Store>,
    pub stores: Stores,
    pub leases: Leases,
    pub board: Arc<Board>,
    pub clock: RegionClock,
    life: RwLock<Life>,
    gate: RwLock<Gate>,
    pub(crate) models: Models,
    /// Peers that may hold events of this region which it has lost.
    unheard: RwLock<Vec<RegionId>>,
    /// The epoch before which this region's log has all that there will ever be of it.
    past_whole: AtomicU64,
    touched: Touched,
    homes: Homes,
    fences: RwLock<BTreeMap<RegionId, Fence>>,
    recalls: RwLock<BTreeMap<RegionId, Incarnation>>,
}

/// The current life of the region's store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Life {
    pub incarnation: Incarnation,
    pub epoch: u64,
    pub admitted: bool,
    /// The store is an old copy of itself. Nothing is written until the region knows again what it knew before: others count on that, and what is
    /// written without would be concurrent with what is settled.
    pub restored: bool,
}

/// Whether commands are taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Gate {
    Open,
    /// The reason, and what ends it, for the answer.
    Closed(String),
}

pub struct OpenOptions {
    pub name: Name,
    /// All regions of the cluster, this one included.
    pub members: Vec<Name>,
    pub shards: u16,
    /// If the data was written with an earlier version, that one goes on until every member holds this one.
    pub model: Arc<Model>,
    /// The store says that its folder was copied from another place: a new life begins.
    pub copied: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("region `{region}` is not among the members {members:?}; name it once, and every other region as a [[peer]]")]
    NotAMember { region: Name, members: Vec<Name> },
    #[error("this store belongs to region `{stored}`, not to `{configured}`; set `region`, or use another `store.path`")]
    OtherRegion { stored: String, configured: Name },
    #[error(
        "this store has {stored} shards, the configuration says {configured}; shards are fixed for the life of the cluster: set `shards = {stored}`"
    )]
    OtherShards { stored: u16, configured: u16 },
    #[error(
        "this store belongs to a cluster of {stored:?}, the configuration names {configured:?}; members are fixed for now: restore the [[peer]] list"
    )]
    OtherMembers { stored: Vec<Name>, configured: Vec<Name> },
    #[error(
        "the data was written with version {stored} of the model, and this is version {given}; start with version {stored} or a later one"
    )]
    OlderModel { stored: u32, given: u32 },
    #[error("the model is version {version}, like the one the data was written with, but says something else; give it the next `version`")]
    ChangedModel { version: u32 },
    #[error(transparent)]
    UnsafeModel(#[from] Unsafe),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("the membership record: {0}")]
    Membership(#[from] DecodeError),
    #[error("the store can't be read: {0}")]
    Read(#[from] ReadError),
    #[error("the store can't be written: {0}")]
    Commit(#[from] CommitError),
}

impl Region {
    /// Creates the region's records in empty stores, or checks that those in them fit. Several processes may do so at once.
    pub async fn open(env: Env, stores: impl Into<Stores>, options: OpenOptions) -> Result<Arc<Self>, OpenError> {
        let stores = stores.into();
        let configured = Membership::first(options.members.iter().cloned(), options.shards);
        let me = configured
            .region(&options.name)
            .ok_or_else(|| OpenError::NotAMember { region: options.name.clone(), members: options.members.clone() })?;
        let mut attempts = 0;
        let (record, models) = loop {
            match settle(&env, &stores, &options, &configured, me).await {
                Err(OpenError::Commit(error)) if error.retry() != Retry::Never && attempts < REGION_ATTEMPTS_MAX => attempts += 1,
                settled => break settled?,
            }
            env.sleep(RECOVER_PAUSE).await;
        };
        let life = Life::of(&record);
        let gate = Gate::Closed("it is starting".to_owned());
        Ok(Arc::new(Self {
            me,
            name: options.name,
            membership: Arc::new(configured),
            board: Arc::new(Board::new(env.clone(), options.shards)),
            leases: Leases::new(options.shards, stores.sole_writer()),
            env,
            store: Arc::clone(stores.first()),
            stores,
            clock: RegionClock::default(),
            life: RwLock::new(life),
            gate: RwLock::new(gate),
            models,
            unheard: RwLock::default(),
            past_whole: AtomicU64::new(0),
            touched: Touched::default(),
            homes: Homes::default(),
            fences: RwLock::default(),
            recalls: RwLock::default(),
        }))
    }

    /// The store with this shard.
    pub fn store_of(&self, shard: ShardId) -> &Arc<dyn Store> {
        self.stores.of(shard)
    }

    pub fn shards(&self) -> u16 {
        self.membership.shards
    }

    pub fn peers(&self) -> impl Iterator<Item = RegionId> + '_ {
        self.membership.regions().filter(|r| *r != self.me)
    }

    pub fn alone(&self) -> bool {
        self.peers().next().is_none()
    }

    pub fn life(&self) -> Life {
        *self.life.read()
    }

    pub fn gate(&self) -> Gate {
        match self.gate.read().clone() {
            Gate::Open if self.life().restored => {
                Gate::Closed("its store is an old copy of itself, and gets back what it has lost".to_owned())
            }
            gate => gate,
        }
    }

    pub fn set_gate(&self, gate: Gate) {
        if *self.gate.read() != gate {
            tracing::info!(region = %self.name, ?gate, "gate");
            *self.gate.write() = gate;
        }
    }

    /// These peers have not said yet whether they hold events of this region that its store has lost. Until they have, it spends no
    /// rights: it may have spent them before.
    pub fn set_unheard(&self, peers: Vec<RegionId>) {
        *self.unheard.write() = peers;
    }

    /// This store is an old copy of itself and lacks what its log had here, and a peer may still have it, or it is copied back and waits for
    /// what it depends on. Entries of a later life say nothing of that.
    pub fn may_lack(&self, log: LogId, position: Position) -> bool {
        let epoch = self.life().epoch;
        let here = self.board.epoch(log, position.epoch);
        if log.origin != self.me || position.epoch >= epoch || position <= here.merged {
            return false;
        }
        let may_come = !self.is_past_whole(epoch) && (self.gate() != Gate::Open || !self.unheard.read().is_empty());
        position <= here.copied || may_come
    }

    /// Waits until this region has all that `token` has seen of a shard; after `wait`, the origins that it lacks.
    pub(crate) async fn wait_for(&self, shard: ShardId, token: &Token, wait: Duration) -> Result<(), Vec<RegionId>> {
        let mut changed = self.board.subscribe(shard);
        let is_lacking = |origin: &RegionId| {
            let log = LogId { origin: *origin, shard };
            let need = token.needs(log);
            need > self.board.reached(log) || self.may_lack(log, need)
        };
        let lacking = || -> Vec<RegionId> { self.membership.regions().filter(is_lacking).collect() };
        let waiting = async {
            while !lacking().is_empty() {
                if changed.changed().await.is_err() {
                    return;
                }
            }
        };
        self.env.timeout(wait, waiting).await.ok_or_else(lacking)
    }

    /// No peer has anything of this region's log before `epoch` that is not here, nor will it copy any: what is missing is gone. Then whatever depends on
    /// that waits for it no longer, as everywhere else, where an entry of this epoch covers it.
    pub fn set_past_whole(&self, epoch: u64) {
        self.past_whole.fetch_max(epoch, Ordering::Relaxed);
    }

    pub fn is_past_whole(&self, epoch: u64) -> bool {
        self.past_whole.load(Ordering::Relaxed) == epoch
    }

    pub(crate) fn knows_its_rights(&self, field: &Name) -> Result<(), Refused> {
        let unheard = self.unheard.read();
        if unheard.is_empty() {
            return Ok(());
        }
        Err(Refused::RightsUnknown { field: field.clone(), missing: unheard.iter().map(|peer| self.membership.name(*peer)).collect() })
    }

    /// Peers that may hold what this region has lost.
    pub fn unheard(&self) -> Vec<RegionId> {
        self.unheard.read().clone()
    }

    pub(crate) fn recalls(&self) -> &RwLock<BTreeMap<RegionId, Incarnation>> {
        &self.recalls
    }

    pub(crate) fn fences(&self) -> &RwLock<BTreeMap<RegionId, Fence>> {
        &self.fences
    }

    /// The other members that were not declared lost.
    pub fn living_peers(&self) -> impl Iterator<Item = RegionId> + '_ {
        self.peers().filter(|peer| !self.is_lost(*peer))
    }

    /// Where commands of types with a home are accepted.
    pub fn homes(&self) -> &Homes {
        &self.homes
    }

    /// Aggregates with bounded counters that were written lately.
    pub fn touched(&self) -> &Touched {
        &self.touched
    }

    /// Remembers that every member has heard of this region.
    pub async fn admit(&self) -> Result<(), CommitError> {
        self.change_life(|life| life.admitted = true).await
    }

    /// Begins a new life: what follows has a new incarnation, and an epoch behind `behind`. The gate must be closed and nothing in flight.
    pub(crate) async fn begin_new_life(&self, restored: bool, behind: u64) -> Result<(), CommitError> {
        if mutation::on("restore-keeps-incarnation") {
            return Ok(());
        }
        let opened_ms = self.env.wall_ms();
        self.change_life(|life| {
            life.epoch = opened_ms.max(life.epoch.max(behind) + 1);
            life.incarnation = Incarnation::new(self.me, life.epoch);
            life.restored |= restored;
        })
        .await
    }

    /// A restored region knows again what it knew.
    pub async fn end_restore(&self) -> Result<(), CommitError> {
        self.change_life(|life| life.restored = false).await
    }

    /// Another process changed the region's life, perhaps. True if that is news.
    pub(crate) fn adopt(&self, record: &RegionRecord) -> bool {
        let life = Life::of(record);
        let mut held = self.life.write();
        let news = *held != life && life.epoch >= held.epoch;
        if news {
            *held = life;
        }
        news
    }

    /// Another process of the region may have begun a new life.
    pub async fn look_again(&self) -> Result<(), ReadError> {
        let snapshot = self.store.snapshot().await?;
        if let Some(bytes) = sterna_store::get(&*snapshot, &meta::REGION).await? {
            self.adopt(&RegionRecord::decode(&bytes).map_err(|e| ReadError::Unavailable(e.to_string()))?);
        }
        Ok(())
    }

    /// Of the stored life; other processes of the region may do so too.
    async fn change_life(&self, change: impl Fn(&mut Life)) -> Result<(), CommitError> {
        let unreadable = |error: ReadError| CommitError::Unavailable(error.to_string());
        let mut attempts = 0;
        loop {
            let snapshot = self.store.snapshot().await.map_err(unreadable)?;
            let stored = sterna_store::get(&*snapshot, &meta::REGION).await.map_err(unreadable)?;
            if let Some(Ok(record)) = stored.map(|bytes| RegionRecord::decode(&bytes)) {
                self.adopt(&record);
            }
            let mut life = self.life();
            change(&mut life);
            let record = RegionRecord {
                name: self.name.to_string(),
                shards: self.shards(),
                incarnation: life.incarnation,
                epoch: life.epoch,
                admitted: life.admitted,
                restored: life.restored,
            };
            let mut t = Transaction::new(snapshot.version());
            t.read_key(&meta::REGION).put(meta::REGION, record.encode());
            match self.store.commit(t).await {
                Ok(_) => {
                    copy_record(&self.stores, &[(meta::REGION, record.encode())]).await?;
                    self.adopt(&record);
                    return Ok(());
                }
                Err(CommitError::Conflict { .. }) if attempts < REGION_ATTEMPTS_MAX => attempts += 1,
                Err(error) => return Err(error),
            }
        }
    }
}

impl Life {
    fn of(record: &RegionRecord) -> Self {
        let RegionRecord { incarnation, epoch, admitted, restored, .. } = *record;
        Self { incarnation, epoch, admitted, restored }
    }
}

/// The region's record, as all stores have it after this.
async fn settle(
    env: &Env,
    stores: &Stores,
    options: &OpenOptions,
    configured: &Membership,
    me: RegionId,
) -> Result<(RegionRecord, Models), OpenError> {
    let snapshot = stores.first().snapshot().await?;
    let held = sterna_store::get(&*snapshot, &meta::REGION).await?.map(|bytes| RegionRecord::decode(&bytes)).transpose()?;
    let fresh = |wall_ms: u64| RegionRecord {
        name: options.name.to_string(),
        shards: options.shards,
        incarnation: Incarnation::new(me, wall_ms),
        epoch: wall_ms,
        admitted: configured.members.len() == 1,
        restored: false,
    };
    let record = match &held {
        None => fresh(env.wall_ms()),
        Some(record) => {
            check(record, options)?;
            check_members(&*snapshot, configured).await?;
            if options.copied && !mutation::on("restore-keeps-incarnation") {
                RegionRecord { admitted: record.admitted, restored: true, ..fresh(env.wall_ms().max(record.epoch + 1)) }
            } else {
                record.clone()
            }
        }
    };
    let members: Vec<Name> = configured.members.iter().map(|member| member.name.clone()).collect();
    let (models, model_changed) = models::open(&*snapshot, Arc::clone(&options.model), &members).await?;
    let records = [(meta::REGION, record.encode()), (meta::MEMBERSHIP, configured.encode().into()), (meta::MODEL, models.text().into())];
    if model_changed || held.as_ref() != Some(&record) {
        let mut t = Transaction::new(snapshot.version());
        records.iter().for_each(|(key, value)| _ = t.read_key(key).put(key.clone(), value.clone()));
        stores.first().commit(t).await?;
    }
    copy_record(stores, &records).await?;
    Ok((record, models))
}

/// To the stores beside the first one, which check their shards' transactions against it. Who is interrupted does it at the next start.
async fn copy_record(stores: &Stores, records: &[(Bytes, Bytes)]) -> Result<(), CommitError> {
    for store in stores.all().skip(1) {
        let unreadable = |error: ReadError| CommitError::Unavailable(error.to_string());
        let keys: Vec<Bytes> = records.iter().map(|(key, _)| key.clone()).collect();
        let snapshot = store.snapshot().await.map_err(unreadable)?;
        let found = snapshot.get_many(&keys).await.map_err(unreadable)?;
        let mut t = Transaction::new(snapshot.version());
        for ((key, value), _) in records.iter().zip(found).filter(|((_, value), held)| held.as_ref() != Some(value)) {
            t.read_key(key).put(key.clone(), value.clone());
        }
        if !t.writes.is_empty() {
            store.commit(t).await?;
        }
    }
    Ok(())
}

fn check(record: &RegionRecord, options: &OpenOptions) -> Result<(), OpenError> {
    if record.name != *options.name {
        return Err(OpenError::OtherRegion { stored: record.name.clone(), configured: options.name.clone() });
    }
    if record.shards != options.shards {
        return Err(OpenError::OtherShards { stored: record.shards, configured: options.shards });
    }
    Ok(())
}

async fn check_members(snapshot: &dyn Snapshot, configured: &Membership) -> Result<(), OpenError> {
    let Some(bytes) = sterna_store::get(snapshot, &meta::MEMBERSHIP).await? else { return Ok(()) };
    let stored = Membership::decode(&bytes)?;
    let names = |m: &Membership| m.members.iter().map(|member| member.name.clone()).collect();
    if stored.members != configured.members {
        return Err(OpenError::OtherMembers { stored: names(&stored), configured: names(configured) });
    }
    Ok(())
}
