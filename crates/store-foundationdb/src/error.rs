//! What FoundationDB's errors mean.

use foundationdb::FdbError;
use std::path::PathBuf;
use sterna_store::{CommitError, ReadError};
use thiserror::Error;

/// Why a store can't be opened. Each message says what to do.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error(
        "the engine `foundationdb` needs FoundationDB's client library {library}, which can't be loaded: {why}; install \
         foundationdb-clients 7.3 of your cluster's release, or name the file in `store.library`"
    )]
    Library { library: String, why: String },
    #[error("the cluster file {} can't be read: {why}; give the path of the file that every client of the cluster has", path.display())]
    ClusterFile { path: PathBuf, why: String },
    #[error("{} is no cluster file: {why}; it is one line like description:id@10.1.0.5:4500,10.1.0.6:4500", path.display())]
    Malformed { path: PathBuf, why: String },
    #[error(
        "the cluster of {} does not answer ({why}); is it up, are its coordinators {coordinators} to be reached from here, and is it of \
         release 7.3 like the client?",
        path.display()
    )]
    Unreachable { path: PathBuf, coordinators: String, why: String },
    #[error("the store's name `{name}` can't be part of a key; use 1 to 64 of a-z 0-9 -")]
    Name { name: String },
    #[error("the cluster of {} holds {stored} of this region, and the configuration says {configured}; restore the `clusters` list", path.display())]
    OtherPart { path: PathBuf, stored: String, configured: String },
    #[error("the cluster of {} has data of format {found}, and this version of sterna knows formats up to {known}", path.display())]
    Newer { path: PathBuf, found: u8, known: u8 },
    #[error("the cluster of {} can't be written: {error}", path.display())]
    Commit { path: PathBuf, error: CommitError },
    #[error("the store's metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

pub(crate) mod code {
    pub const TIMED_OUT: i32 = 1031;
    pub const TRANSACTION_TOO_OLD: i32 = 1007;
    pub const NOT_COMMITTED: i32 = 1020;
    pub const TRANSACTION_TOO_LARGE: i32 = 2101;
    pub const KEY_TOO_LARGE: i32 = 2102;
    pub const VALUE_TOO_LARGE: i32 = 2103;
}

pub(crate) fn read(error: FdbError) -> ReadError {
    match error.code() {
        code::TRANSACTION_TOO_OLD => ReadError::TooOld,
        code::TIMED_OUT => ReadError::Unavailable("FoundationDB does not answer; is the cluster up?".to_owned()),
        _ => ReadError::Unavailable(format!("FoundationDB: {error}")),
    }
}

/// For all errors but a conflict, whose keys are asked for first.
pub(crate) fn commit(error: FdbError) -> CommitError {
    match error.code() {
        code::TRANSACTION_TOO_OLD => CommitError::TooOld,
        code::TRANSACTION_TOO_LARGE | code::KEY_TOO_LARGE | code::VALUE_TOO_LARGE => CommitError::TooLarge,
        _ if error.is_maybe_committed() || error.code() == code::TIMED_OUT => CommitError::MaybeCommitted,
        _ => CommitError::Unavailable(format!("FoundationDB: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sterna_store::Retry;

    /// The predicates are the library's: those errors are tried against a cluster.
    #[test]
    fn errors_say_whether_to_try_again() {
        assert_eq!(read(FdbError::from_code(code::TRANSACTION_TOO_OLD)), ReadError::TooOld);
        assert_eq!(commit(FdbError::from_code(code::TRANSACTION_TOO_OLD)).retry(), Retry::Safe);
        assert_eq!(commit(FdbError::from_code(code::VALUE_TOO_LARGE)).retry(), Retry::Never);
    }
}
