//! Every bound and wait of this engine.

use std::time::Duration;
use sterna_store::Limits;

/// FoundationDB's own.
const KEY_BYTES_MAX: usize = 10_000;
const VALUE_BYTES_MAX: usize = 100_000;
/// The place of a stamp goes behind a key or a value, and counts.
const STAMP_PLACE_BYTES: usize = 4;
/// Of FoundationDB's 10 MB, which also count each write's conflict range and about a hundred bytes for every write. Above a
/// megabyte its latency suffers, so callers stay well below.
const TRANSACTION_BYTES_MAX: usize = 4_000_000;
/// FoundationDB keeps versions for so long.
const TRANSACTION_MS_MAX: u64 = 5_000;

/// A snapshot or a read that takes longer fails: the cluster is away.
pub const READ_WAIT: Duration = Duration::from_secs(5);
/// How long opening waits for a cluster's answer.
pub const OPEN_WAIT: Duration = Duration::from_secs(15);
/// The prefix of a store's keys.
pub const PREFIX_BYTES_MAX: usize = 100;
/// Bytes of the name of a store.
pub const NAME_BYTES_MAX: usize = 64;
/// Rows asked for at once.
pub(crate) const ROWS_MAX: usize = 10_000;
/// A cluster file is a line.
pub(crate) const CLUSTER_FILE_BYTES_MAX: u64 = 64 << 10;
/// Attempts to write down which shards a cluster holds.
pub(crate) const ASSIGN_ATTEMPTS_MAX: u32 = 8;

/// What a store takes whose keys all get a prefix of so many bytes.
pub(crate) fn limits(prefix_bytes: usize) -> Limits {
    Limits {
        key_bytes_max: KEY_BYTES_MAX - prefix_bytes - STAMP_PLACE_BYTES,
        value_bytes_max: VALUE_BYTES_MAX - STAMP_PLACE_BYTES,
        transaction_bytes_max: TRANSACTION_BYTES_MAX,
        transaction_ms_max: TRANSACTION_MS_MAX,
        sole_writer: false,
    }
}
