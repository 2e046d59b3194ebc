//! Every bound of this crate.

use std::time::Duration;

/// Rows of a page, unless the query says less.
pub const PAGE_ROWS_DEFAULT: usize = 50;
/// The most that a query may ask for.
pub const PAGE_ROWS_MAX: usize = 1_000;
/// Bytes after which a page ends early; it then has a `next`.
pub const PAGE_BYTES_MAX: usize = 4_000_000;

/// Events that one transaction projects.
pub const BATCH_EVENTS_MAX: usize = 4_096;
/// Void events whose history and views are corrected in one transaction.
pub const VERDICTS_MAX: usize = 256;
/// Bytes of a log that are read at once.
pub const LOG_READ_BYTES: usize = 512_000;
/// Bytes of entries that one transaction projects.
pub const BATCH_BYTES_MAX: usize = 2_000_000;
/// Bytes of documents and rows after which a batch goes on in another transaction.
pub const PART_BYTES_MAX: usize = 4_000_000;
/// After a batch that caught up the projector rests for as long as the batch took, within these: many small commits then share
/// one. An idle projector begins at once.
pub const BATCH_PAUSE_MIN: Duration = Duration::from_millis(1);
pub const BATCH_PAUSE_MAX: Duration = Duration::from_millis(10);
/// Aggregates after which the projector lets other tasks run.
pub const YIELD_AGGREGATES: usize = 128;
/// Pauses after a failed transaction.
pub const RETRY_FIRST: Duration = Duration::from_millis(20);
pub const RETRY_MOST: Duration = Duration::from_secs(1);
/// A projector that nobody woke looks by itself.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A value's bytes in the read store; larger documents are chunked.
pub const CHUNK_BYTES: usize = 64_000;
/// Bytes of a text that take part in a key; of longer ones a hash decides between equal beginnings.
pub const KEY_TEXT_BYTES: usize = 256;
/// Orders of a table that are kept: its number is a byte.
pub const PATHS_MAX: usize = 256;
/// The values of a table's row, or of a group's key. A larger one counts as failed.
pub const ROW_BYTES_MAX: usize = 16_000;
/// All rows of one aggregate in one view. With more, all of them count as failed.
pub const ROWS_BYTES_MAX: usize = 1_000_000;
/// What a `min` or `max` looks at. With a larger value, the row counts as failed.
pub const EXTREME_BYTES_MAX: usize = 1_000;
/// Different values that a `min` or `max` keeps inside its group's record; more have their own keys.
pub const EXTREMES_INLINE_MAX: usize = 256;
/// Bytes of these values in one group's record, all aggregations together.
pub const EXTREMES_INLINE_BYTES_MAX: usize = 32_000;

/// Documents kept decoded by the projector, by bytes of their encoding.
pub const DOCUMENT_CACHE_BYTES: usize = 8 << 20;
/// Groups of rollups kept decoded by the projector.
pub const GROUP_CACHE_MAX: usize = 8_192;

/// Documents or events that one transaction of a rebuild reads.
pub const BUILD_ROWS_MAX: usize = 1_000;
pub const BUILD_BYTES_MAX: usize = 1_000_000;
/// Keys that one transaction clears.
pub const CLEAR_KEYS_MAX: usize = 2_000;
/// An old generation is cleared no sooner than this after the swap, so that queries under way end on it.
pub const CLEAR_AFTER: Duration = Duration::from_secs(10);
/// Commands to the projector that wait.
pub const ORDERS_MAX: usize = 64;

/// Bytes of a page of the feed.
pub const FEED_PAGE_BYTES: usize = 60_000;
/// Pages kept in memory for those who follow closely.
pub const FEED_RECENT_PAGES: usize = 128;
/// The feed goes back this far: the strictest of the three decides.
pub const FEED_PAGES_MAX: u64 = 100_000;
pub const FEED_BYTES_MAX: u64 = 64 << 20;
pub const FEED_AGE_MAX: Duration = Duration::from_secs(24 * 3600);
/// Page numbers that a start skips.
pub const FEED_SKIPPED_PAGES: u64 = 1 << 16;
/// The feed is trimmed once in so many pages.
pub const FEED_TRIM_EVERY: u64 = 64;
/// A follower of the feed hears something at least this often.
pub const FEED_KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A read waits at most this long for what its token has seen.
pub const WAIT_MAX: Duration = Duration::from_secs(60);
