//! Every bound of this crate.

use std::time::Duration;

/// Commands that wait in one shard's queue; more are answered with 429.
pub const QUEUED_COMMANDS_MAX: usize = 4_096;
/// Frames that wait in one shard's queue to be merged.
pub const QUEUED_MERGES_MAX: usize = 16;
/// Commands in one transaction.
pub const BATCH_COMMANDS_MAX: usize = 256;
/// Merged events in one transaction.
pub const BATCH_MERGES_MAX: usize = 1_024;
/// Bytes of writes after which a transaction takes no more.
pub const BATCH_BYTES_MAX: usize = 1_000_000;
/// Transactions of one shard under way at once: while one is made durable, the next is prepared.
pub const BATCHES_IN_FLIGHT_MAX: usize = 2;
/// Attempts at one batch that conflicts, before its commands are answered 503.
pub const BATCH_ATTEMPTS_MAX: u32 = 16;
/// Aggregates of one batch that get batches of their own after a conflict.
pub const HOT_AGGREGATES_MAX: usize = 32;
/// A value's bytes in the store; larger records are chunked.
pub const CHUNK_BYTES: usize = 64_000;
/// Events of a tail that are kept in the aggregate's record; beyond it the older ones of them become a chunk.
pub const TAIL_INLINE_EVENTS_MAX: usize = 10;
pub const TAIL_CHUNK_EVENTS: usize = 8;
/// A busy shard closes longer tails too, as they are written with each command.
pub const TAIL_PRESSING_EVENTS: usize = 8;
/// Causes of events whose aggregates are looked at at once, to learn whether they are settled.
pub const CAUSES_MAX: usize = 1_024;
/// Of how many events in tails.
pub const TAILS_CAUSES_MAX: usize = 8_192;
/// Notices of void causes looked at in one batch.
pub const NOTICES_MAX: usize = 256;
/// An aggregate's state.
pub const AGGREGATE_BYTES_MAX: usize = 1_000_000;
/// By how much its size is guessed too high at most, while it is small.
pub const UNCOUNTED_BYTES_MAX: usize = 4_000;
/// An aggregate's id, in characters.
pub const ID_CHARS_MAX: usize = 128;
/// An idempotency key, in bytes.
pub const KEY_BYTES_MAX: usize = 255;
/// Idempotency keys that an aggregate's own record has, and their bytes; others have records of their own.
pub const RECENT_KEYS_MAX: usize = 4;
pub const RECENT_KEYS_BYTES_MAX: usize = 480;
/// A command's arguments, in bytes of JSON.
pub const ARGS_BYTES_MAX: usize = 64_000;
/// Decoded aggregates kept by one shard.
pub const CACHE_AGGREGATES_MAX: usize = 384;
/// One that was written so often is kept longest.
pub const CACHE_USES_MAX: u8 = 4;
/// Changed aggregates of one shard that wait for the projector; with more it reads documents until it has caught up.
pub const CHANGES_MAX: usize = 1_024;
/// Recent entries of one log kept in memory.
pub const LOG_CACHE_BYTES_MAX: usize = 128_000;
/// Aggregates with bounded counters remembered to have their rights moved.
pub const TOUCHED_MAX: usize = 10_000;
/// How long a command waits for rights that other regions are asked for.
pub const RIGHTS_WAIT: Duration = Duration::from_secs(1);
/// Places of a shard's own log where it is known how many events lie behind; more are told roughly.
pub const TALLY_MARKS_MAX: usize = 2_048;
/// Reactions may cause reactions this many times.
pub const REACTION_DEPTH_MAX: u32 = 8;
/// How far the region's clock may be lifted over its wall by others' events.
pub const CLOCK_AHEAD_MAX: Duration = Duration::from_secs(60);
/// How long a command waits for what its token has seen.
pub const TOKEN_WAIT: Duration = Duration::from_secs(2);
/// Between attempts to read a store that is away.
pub const RECOVER_PAUSE: Duration = Duration::from_millis(200);
/// Between attempts to merge while the disk is full or the store away.
pub const MERGE_PAUSE: Duration = Duration::from_millis(500);
/// Entries read at once to be merged, in bytes.
pub const MERGE_READ_BYTES: usize = 256_000;
/// Events of one log that a parked aggregate is given at once when it is tried again; about so many.
pub const UNPARK_EVENTS_MAX: usize = 256;
/// Between looks at what other processes of the region have parked.
pub const PARKED_LOOK: Duration = Duration::from_secs(5);
/// Records read at once, and the pause after it, to count what tails had when the process began.
pub const TAILS_PAGE: usize = 500;
pub const TAILS_PAUSE: Duration = Duration::from_millis(10);
/// Aggregates with a tail that one shard remembers to close; more are searched for in quiet times.
pub const SWEEP_AGGREGATES_MAX: usize = 1_024;
/// Of these, how many are looked at in one batch.
pub const SWEEP_BATCH_MAX: usize = 256;
/// Between looks at tails with conflicts; doubled while nothing can be closed.
pub const SWEEP_PAUSE_FIRST: Duration = Duration::from_millis(500);
/// Between pages of a search.
pub const SWEEP_PAUSE_SEARCH: Duration = Duration::from_millis(10);
/// A shard that did nothing for so long closes other tails too. While it works, that would be one more write for each aggregate.
pub const SWEEP_QUIET: Duration = Duration::from_secs(3);
pub const SWEEP_PAUSE_MAX: Duration = Duration::from_secs(30);
/// A busy shard closes tails too when it is so late.
pub const SWEEP_LATE: Duration = Duration::from_secs(2);
/// Between looks for expired idempotency records.
pub const EXPIRE_EVERY: Duration = Duration::from_secs(60);
/// Records cleared in one transaction.
pub const EXPIRE_KEYS_MAX: usize = 2_000;
/// Who has not renewed a lease for so long is taken to be dead.
pub const LEASE_TTL: Duration = Duration::from_secs(3);
pub const LEASE_RENEW: Duration = Duration::from_millis(700);
/// A holder that could not renew for so long stops: before others take over.
pub const LEASE_HELD_MAX: Duration = Duration::from_millis(2_200);
/// What other processes commit is looked for at least this often, and watched between.
pub const TAIL_POLL: Duration = Duration::from_millis(250);
/// After a watch fired: what comes close behind is read together.
pub const TAIL_PAUSE: Duration = Duration::from_millis(3);
/// How often what was heard of other regions is written down for the other processes.
pub const SHARE_EVERY: Duration = Duration::from_millis(500);
/// Attempts to change the region's record when others do so too.
pub const REGION_ATTEMPTS_MAX: u32 = 16;
