use crate::error;
use crate::limits::READ_WAIT;
use crate::scan::scan;
use crate::subspace::Subspace;
use bytes::Bytes;
use foundationdb::{FdbResult, Transaction};
use futures::future::try_join_all;
use std::future::Future;
use std::ops::Range;
use sterna_env::Env;
use sterna_store::{Boxed, Page, Pair, ReadError, Snapshot, Version};

/// A read version, and the transaction that reads at it; never committed.
pub(crate) struct FdbSnapshot {
    pub env: Env,
    pub subspace: Subspace,
    pub version: Version,
    pub t: Transaction,
}

impl Snapshot for FdbSnapshot {
    fn version(&self) -> Version {
        self.version
    }

    /// All at once.
    fn get_many<'a>(&'a self, keys: &'a [Bytes]) -> Boxed<'a, Result<Vec<Option<Bytes>>, ReadError>> {
        Box::pin(async move {
            let values = keys.iter().map(|key| self.t.get(&self.subspace.key(key), true));
            let values = within(&self.env, try_join_all(values)).await?;
            Ok(values.into_iter().map(|value| value.map(|bytes| Bytes::copy_from_slice(&bytes))).collect())
        })
    }

    fn scan<'a>(&'a self, range: Range<Bytes>, page: Page) -> Boxed<'a, Result<Vec<Pair>, ReadError>> {
        Box::pin(async move { within(&self.env, scan(&self.t, &self.subspace, range, page)).await })
    }
}

/// A cluster that is away answers nothing, however long one waits.
pub(crate) async fn within<T>(env: &Env, reading: impl Future<Output = FdbResult<T>>) -> Result<T, ReadError> {
    match env.timeout(READ_WAIT, reading).await {
        Some(read) => read.map_err(error::read),
        None => Err(ReadError::Unavailable(format!("FoundationDB has not answered within {READ_WAIT:?}; is the cluster up?"))),
    }
}
