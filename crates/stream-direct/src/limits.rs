//! Sizes, windows and waits.

/// One encoded frame. A commit writes at most 10 MB, and a frame has at least one whole commit.
pub const FRAME_BYTES_MAX: usize = 16 << 20;
/// About how many bytes of entries a frame has that was read for a follower.
pub const FOLLOW_READ_BYTES: usize = 256 << 10;
/// About how many bytes of entries a frame has that was read for a repair.
pub const FETCH_READ_BYTES: usize = 1 << 20;

/// One call between regions, or its answer.
pub const CALL_BYTES_MAX: usize = 8 << 20;
/// A call that is not answered for so long is given up.
pub const CALL_MS_MAX: u64 = 15_000;

/// Published frames kept for each shard, so that followers who keep up are served without reading the log.
pub const TAIL_BYTES_MAX: usize = 512 << 10;
pub const TAIL_FRAMES_MAX: usize = 256;

/// What a peer may send of one shard before this side has taken it.
pub const STREAM_WINDOW_BYTES: u32 = 1 << 20;
pub const CONNECTION_WINDOW_BYTES_MIN: u32 = 16 << 20;
pub const CONNECTION_WINDOW_BYTES_MAX: u32 = (1 << 31) - 1;
/// Repairs under way at once for which the connection's window has room, beside a follow of every shard.
pub const FETCHES_PER_PEER: u32 = 16;
pub const DATA_FRAME_BYTES: u32 = 64 << 10;
/// Streams that a server must admit on one connection (`max_concurrent_streams`).
pub const STREAMS_PER_CONNECTION_MAX: u32 = 4096;

/// A follower hears at least this often that the link is alive.
pub const HEARTBEAT_MS_MAX: u64 = 1_000;
/// Without a byte for this long a link is dead.
pub const SILENCE_MS_MAX: u64 = 3_000;
pub const PING_EVERY_MS: u64 = 1_000;
pub const PING_ANSWER_MS_MAX: u64 = 1_500;

pub const RECONNECT_MS_FIRST: u64 = 50;
pub const RECONNECT_MS_MAX: u64 = 1_000;

/// A refusal's text.
pub const PROBLEM_BYTES_MAX: usize = 4 << 10;
