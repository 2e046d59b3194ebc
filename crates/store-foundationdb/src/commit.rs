//! A transaction, as FoundationDB takes it.

use crate::error::{self, code};
use crate::metrics::Metrics;
use crate::subspace::Subspace;
use bytes::Bytes;
use foundationdb::options::{ConflictRangeType, MutationType, TransactionOption};
use foundationdb::{Database, FdbError, FdbResult};
use futures::future::BoxFuture;
use std::ops::Range;
use sterna_store::{CommitError, Committed, STAMP_BYTES, Stamp, StampAt, Transaction, Version, Write};

/// Written by a transaction that has no writes, or FoundationDB would not check it.
const CHECK: &str = "check";

/// The commit is under way when this returns; the future must be driven to its end.
pub(crate) fn begin(
    database: &Database,
    subspace: &Subspace,
    t: Transaction,
    metrics: &Metrics,
) -> BoxFuture<'static, Result<Committed, CommitError>> {
    let subspace = subspace.clone();
    let started = match build(database, &subspace, &t) {
        Ok(built) => built,
        Err(error) => return Box::pin(std::future::ready(Err(error::commit(error)))),
    };
    let metrics = metrics.clone();
    let bytes = t.bytes();
    let reads = t.reads;
    let stamp = started.get_versionstamp();
    let commit = started.commit();
    Box::pin(async move {
        match commit.await {
            Ok(_) => {
                let stamp = stamp.await.map_err(error::commit)?;
                let stamp = Stamp(<[u8; STAMP_BYTES]>::try_from(&*stamp).map_err(|_| CommitError::MaybeCommitted)?);
                metrics.committed(bytes);
                Ok(Committed { version: stamp.version(), stamp })
            }
            Err(failed) if failed.code() == code::NOT_COMMITTED => {
                let changed = failed.conflicting_keys().await.unwrap_or_default();
                let changed = changed.iter().map(|range| (subspace.strip(range.begin()), subspace.strip(range.end())));
                Err(CommitError::Conflict { keys: changed_reads(&reads, &changed.collect::<Vec<_>>()) })
            }
            Err(failed) => Err(error::commit(FdbError::from(failed))),
        }
    })
}

fn build(database: &Database, subspace: &Subspace, t: &Transaction) -> FdbResult<foundationdb::Transaction> {
    let built = database.create_trx()?;
    // Nothing is read through it, so it needs no view of its own writes.
    built.set_option(TransactionOption::ReadYourWritesDisable)?;
    built.set_option(TransactionOption::ReportConflictingKeys)?;
    let mut checked = false;
    for (start, end) in t.reads.iter().filter_map(|range| subspace.range(range)) {
        built.add_conflict_range(&start, &end, ConflictRangeType::Read)?;
        checked = true;
    }
    if checked {
        built.set_read_version(i64::try_from(t.read_version.0).unwrap_or(i64::MAX));
    }
    for write in &t.writes {
        match write {
            Write::Put { key, value } => built.set(&subspace.key(key), value),
            Write::Clear(range) => {
                if let Some((start, end)) = subspace.range(range) {
                    built.clear_range(&start, &end);
                }
            }
            Write::PutStamped { key, value, at: StampAt::Key(at) } => {
                let key = with_place(subspace.key(key), subspace.prefix().len() + at);
                built.atomic_op(&key, value, MutationType::SetVersionstampedKey);
            }
            Write::PutStamped { key, value, at: StampAt::Value(at) } => {
                built.atomic_op(&subspace.key(key), &with_place(value.to_vec(), *at), MutationType::SetVersionstampedValue);
            }
        }
    }
    let check = subspace.own(CHECK);
    let end = [&check[..], &[0]].concat();
    built.add_conflict_range(&check, &end, ConflictRangeType::Write)?;
    Ok(built)
}

/// The offset of the placeholder goes behind it, in four bytes, little-endian.
fn with_place(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    let at = u32::try_from(at).expect("keys and values have less than 4 GB");
    bytes.extend_from_slice(&at.to_le_bytes());
    bytes
}

/// The starts of the ranges that were read and changed. FoundationDB may not say which: then all of them may have.
fn changed_reads(reads: &[Range<Bytes>], changed: &[(Bytes, Bytes)]) -> Vec<Bytes> {
    let met = |range: &&Range<Bytes>| changed.iter().any(|(start, end)| range.start < *end && *start < range.end);
    let mut keys: Vec<Bytes> = reads.iter().filter(met).map(|range| range.start.clone()).collect();
    if keys.is_empty() {
        keys.extend(reads.iter().map(|range| range.start.clone()));
    }
    keys.dedup();
    keys
}

/// Whether FoundationDB can be asked to check a transaction that read at this version, the newest known being `newest`.
pub(crate) fn checkable(t: &Transaction, newest: Version) -> bool {
    t.reads.is_empty() || (Version(1)..=newest).contains(&t.read_version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sterna_store::key_range;

    #[test]
    fn the_reads_that_changed_are_named() {
        let reads = [key_range(b"a"), key_range(b"b"), "d".into().."f".into()];
        let changed = [("b".into(), "b\0".into()), ("e".into(), "e\0".into())];
        assert_eq!(changed_reads(&reads, &changed), ["b", "d"]);
        assert_eq!(changed_reads(&reads, &[]), ["a", "b", "d"]);
    }

    #[test]
    fn versions_that_were_never_handed_out_are_not_believed() {
        let mut t = Transaction::new(Version(7));
        t.read_key(b"a");
        assert!(checkable(&t, Version(7)) && !checkable(&t, Version(6)));
        t.read_version = Version(0);
        assert!(!checkable(&t, Version(7)) && checkable(&Transaction::blind(), Version(0)));
    }
}
