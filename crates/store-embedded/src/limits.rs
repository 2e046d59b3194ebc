//! Every bound of the engine.

use std::time::Duration;

/// Transactions that wait for the committer; one more is refused as unavailable.
pub const QUEUE_TRANSACTIONS_MAX: usize = 100_000;

/// Bytes of transactions that wait for the committer.
pub const QUEUE_BYTES_MAX: usize = 256 << 20;

/// Transactions of a batch. A stamp has room for 65,536.
pub const BATCH_TRANSACTIONS_MAX: usize = 10_000;

/// Bytes after which a batch takes no more transactions.
pub const BATCH_BYTES_MAX: usize = 16 << 20;

/// Keys that the range clears of one transaction may remove.
pub const CLEAR_KEYS_MAX: usize = 1_000_000;

/// The committer lingers this part of a sync at most.
pub const LINGER_SYNC_DIVISOR: u32 = 4;

/// And never longer than this.
pub const LINGER_MAX: Duration = Duration::from_millis(1);

/// Versions that are reserved at once: a start skips at most so many.
pub const VERSIONS_RESERVED: u64 = if cfg!(test) { 8 } else { 1 << 20 };

/// How long a measurement of free space is trusted.
pub const SPACE_TRUSTED: Duration = Duration::from_millis(100);

/// Bytes of fjall's journals, which a start replays.
pub const JOURNAL_BYTES_MAX: u64 = 256 << 20;

/// Tables of the newest level before they are merged into the next one: fewer merges of that whole level for more looks of a read.
pub const L0_TABLES_MAX: u8 = 8;

/// Bytes of a table.
pub const TABLE_BYTES: u64 = 32 << 20;
