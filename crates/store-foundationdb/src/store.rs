use crate::metrics::Metrics;
use crate::options::Options;
use crate::snapshot::{FdbSnapshot, within};
use crate::status::Health;
use crate::subspace::Subspace;
use crate::{OpenError, Part, assignment, cluster, commit, limits, network, status};
use bytes::Bytes;
use foundationdb::Database;
use futures::channel::oneshot;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use sterna_env::Env;
use sterna_store::{Boxed, CommitError, Committed, Limits, ReadError, Snapshot, Store, Transaction, Version};

/// A store in a part of a cluster's keys, for any number of processes.
pub struct FoundationDb {
    env: Env,
    limits: Limits,
    cluster_file: PathBuf,
    part: Part,
    subspace: Subspace,
    database: Database,
    metrics: Metrics,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// The greatest version that the cluster has named here.
    newest: AtomicU64,
    closed: AtomicBool,
}

impl FoundationDb {
    /// Loads libfdb_c, connects, and waits until the cluster has answered.
    pub async fn open(options: Options) -> Result<Arc<Self>, OpenError> {
        let named = (1..=limits::NAME_BYTES_MAX).contains(&options.name.len())
            && options.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !named {
            return Err(OpenError::Name { name: options.name });
        }
        network::start(options.library.as_deref())?;
        let coordinators = cluster::coordinators(&options.cluster_file)?;
        let subspace = Subspace::new(&options.name, options.kind.name());
        let malformed = |error: foundationdb::FdbError| OpenError::Malformed { path: options.cluster_file.clone(), why: error.to_string() };
        let path = options.cluster_file.to_str().filter(|path| !path.contains('\0'));
        let path =
            path.ok_or_else(|| OpenError::ClusterFile { path: options.cluster_file.clone(), why: "its path is no text".to_owned() })?;
        let database = Database::from_path(path).map_err(malformed)?;
        assignment::settle(&database, &subspace, &options, &coordinators).await?;
        Ok(Arc::new(Self {
            limits: limits::limits(subspace.prefix().len()),
            env: options.env,
            cluster_file: options.cluster_file,
            part: options.part,
            subspace,
            database,
            metrics: options.metrics,
            shared: Arc::default(),
        }))
    }

    /// Which shards of the store are here.
    pub fn part(&self) -> Part {
        self.part
    }

    pub fn cluster_file(&self) -> &PathBuf {
        &self.cluster_file
    }

    /// How the cluster does, by its own account.
    pub async fn health(&self) -> Health {
        status::health(&self.env, &self.database).await
    }

    /// Refuses new commits and snapshots. What is under way ends by itself.
    pub fn close(&self) {
        self.shared.closed.store(true, Ordering::Release);
    }

    fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Acquire)
    }
}

impl Shared {
    fn saw(&self, version: Version) {
        self.newest.fetch_max(version.0, Ordering::AcqRel);
    }
}

impl Store for FoundationDb {
    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn snapshot(&self) -> Boxed<'_, Result<Box<dyn Snapshot>, ReadError>> {
        Box::pin(async move {
            if self.is_closed() {
                return Err(ReadError::Closed);
            }
            let began = self.env.now();
            let t = self.database.create_trx().map_err(crate::error::read)?;
            let version = within(&self.env, t.get_read_version()).await?;
            let version = Version(u64::try_from(version).map_err(|_| ReadError::Unavailable("a version below 0".to_owned()))?);
            self.shared.saw(version);
            self.metrics.read_version_seconds.observe((self.env.now() - began).as_secs_f64());
            Ok(Box::new(FdbSnapshot { env: self.env.clone(), subspace: self.subspace.clone(), version, t }) as Box<dyn Snapshot>)
        })
    }

    fn commit(&self, t: Transaction) -> Boxed<'static, Result<Committed, CommitError>> {
        let newest = Version(self.shared.newest.load(Ordering::Acquire));
        let checked = match t.check(&self.limits) {
            _ if self.is_closed() => Err(CommitError::Closed),
            Ok(()) if !commit::checkable(&t, newest) => Err(CommitError::TooOld),
            checked => checked,
        };
        if let Err(error) = checked {
            self.metrics.refused(&error);
            return Box::pin(std::future::ready(Err(error)));
        }
        let began = self.env.now();
        let committing = commit::begin(&self.database, &self.subspace, t, &self.metrics);
        let (metrics, env, shared) = (self.metrics.clone(), self.env.clone(), Arc::clone(&self.shared));
        let (answer, answered) = oneshot::channel();
        // A task of its own: who drops the answer cancels nothing.
        self.env.spawn(async move {
            let result = committing.await;
            match &result {
                Ok(committed) => shared.saw(committed.version),
                Err(error) => metrics.refused(error),
            }
            metrics.commit_seconds.observe((env.now() - began).as_secs_f64());
            _ = answer.send(result);
        });
        Box::pin(async move { answered.await.unwrap_or(Err(CommitError::MaybeCommitted)) })
    }

    fn watch(&self, key: Bytes, seen: Version) -> Boxed<'static, Result<(), ReadError>> {
        if self.is_closed() {
            return Box::pin(std::future::ready(Err(ReadError::Closed)));
        }
        // It compares with what the key had at the version it reads at, so nothing is missed between that and now.
        let Ok(seen) = i64::try_from(seen.0) else { return Box::pin(std::future::pending()) };
        let prepared = self.database.create_trx().map(|t| {
            if seen > 0 {
                t.set_read_version(seen);
            }
            (t.watch(&self.subspace.key(&key)), t.commit())
        });
        Box::pin(async move {
            if seen == 0 {
                return Ok(());
            }
            let (watch, committing) = prepared.map_err(crate::error::read)?;
            let told = match committing.await {
                Ok(_) => watch.await,
                Err(failed) => Err(foundationdb::FdbError::from(failed)),
            };
            match told.map_err(crate::error::read) {
                // Too long ago to compare: perhaps it changed.
                Err(ReadError::TooOld) => Ok(()),
                told => told,
            }
        })
    }
}
