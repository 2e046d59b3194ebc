//! Homes: types whose commands one region accepts at a time, shard by shard.
//!
//! The record in the store decides, and each transaction that accepts a command of such a type conflicts with it; what this process
//! remembers only says where to send a command. A home moves by an entry in the old home's log: the new one accepts once it has merged that,
//! and with it everything that the old one accepted. In between nobody accepts.

use crate::keys::home::{HomeRecord, key};
use crate::stores::RecordError;
use crate::{Refused, Region};
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::sync::Arc;
use sterna_crdt::{Name, RegionId};
use sterna_log::{Membership, ShardId};
use sterna_model::{Home, Model};
use sterna_store::{CommitError, Store, Transaction};

/// Where this process believes homes to be.
#[derive(Default)]
pub struct Homes(RwLock<BTreeMap<(Name, ShardId), HomeRecord>>);

impl Homes {
    pub fn get(&self, kind: &str, shard: ShardId) -> Option<HomeRecord> {
        self.0.read().get(&(Name::from(kind), shard)).copied()
    }

    /// Of all homes known here, in order of type and shard.
    pub fn all(&self) -> Vec<(Name, ShardId, HomeRecord)> {
        self.0.read().iter().map(|((kind, shard), home)| (kind.clone(), *shard, *home)).collect()
    }

    /// What is older than what is known changes nothing.
    pub(crate) fn learn(&self, kind: &Name, shard: ShardId, home: HomeRecord) {
        let mut homes = self.0.write();
        let held = homes.entry((kind.clone(), shard)).or_insert(home);
        *held = home.max(*held);
    }
}

impl Region {
    /// Reads the homes of the model's types, and writes down those that have no record yet: once, since what a list of members gives
    /// may differ later.
    pub async fn settle_homes(&self, model: &Model) -> Result<(), RecordError> {
        for of in model.aggregates() {
            let Some(home) = &of.home else { continue };
            for (store, shards) in self.stores.parts(self.shards()) {
                self.settle_homes_in(store, of.stored(), home, shards.map(ShardId).collect()).await?;
            }
        }
        Ok(())
    }

    /// In the store that has these shards.
    async fn settle_homes_in(&self, store: &Arc<dyn Store>, kind: &Name, home: &Home, shards: Vec<ShardId>) -> Result<(), RecordError> {
        let snapshot = store.snapshot().await?;
        let keys: Vec<_> = shards.iter().map(|shard| key(kind, *shard)).collect();
        let found = snapshot.get_many(&keys).await?;
        let mut t = Transaction::new(snapshot.version());
        for (shard, (at, held)) in shards.into_iter().zip(keys.into_iter().zip(found)) {
            let record = match held {
                Some(bytes) => HomeRecord::decode(&bytes)?,
                None => {
                    let record = first_home(home, shard, &self.membership);
                    t.read_key(&at).put(at, record.encode());
                    record
                }
            };
            self.homes().learn(kind, shard, record);
        }
        if t.writes.is_empty() {
            return Ok(());
        }
        match store.commit(t).await {
            // Another process of this region has written the same.
            Ok(_) | Err(CommitError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// That this region, by this record, accepts commands of the type.
    pub(crate) fn check_home(&self, kind: &Name, home: HomeRecord) -> Result<(), Refused> {
        if home.region != self.me {
            return Err(Refused::not_home(kind, home, self));
        }
        // A store that may be an old copy does not know whether it has given its homes away.
        match self.unheard().first() {
            Some(peer) => {
                let reason = format!("it may have moved, which is not known before {} answers", self.membership.name(*peer));
                Err(Refused::HomeAway { kind: kind.clone(), home: self.name.clone(), moved: None, reason })
            }
            None => Ok(()),
        }
    }
}

/// A name that is no member's is refused with the model; the first region stands for it until an operator moves the home.
pub(crate) fn first_home(home: &Home, shard: ShardId, membership: &Membership) -> HomeRecord {
    let region = match home {
        Home::Region(name) => membership.region(name).unwrap_or(RegionId(0)),
        Home::ById => RegionId(shard.0 % membership.founders()),
    };
    HomeRecord { term: 1, region }
}
