//! Sizes, counts and waits.

use std::time::Duration;

/// One encoded frame. A commit writes at most 10 MB, and a frame has at least one whole commit.
pub const FRAME_BYTES_MAX: usize = 16 << 20;
/// What one record carries of a frame. The server takes batches of up to 2 MiB, and each record is a batch of its own.
pub const RECORD_BYTES_MAX: usize = 1 << 20;
/// Frames of which some parts have come; two relays at once can interleave theirs.
pub const FRAMES_IN_PARTS_MAX: usize = 4;

/// What is asked for at once; larger than any batch of this release.
pub const FETCH_BYTES: i32 = 4 << 20;
/// Where a batch is larger than what was asked for, more is asked for, up to this: the server takes no larger request either.
pub const FETCH_BYTES_MAX: i32 = 32 << 20;
/// A search looks at this much first, since most frames are small.
pub const PEEK_BYTES: i32 = 64 << 10;
/// Frames read and not yet taken; more are left in the cluster.
pub const FRAMES_AHEAD_MAX: usize = 16;
/// Known places of each log in its partition.
pub const HINTS_MAX: usize = 256;

/// Records that say how complete a shard's log is are at least this far apart, unless they carry entries.
pub const HEARTBEAT_GAP: Duration = Duration::from_millis(250);

pub const CONNECT_WAIT: Duration = Duration::from_secs(3);
/// Connecting to a cluster's controller. Less than a publish or a follow may take, since without it what is known of leaders still serves.
pub const ADMIN_WAIT: Duration = Duration::from_secs(2);
/// One question to a storage unit.
pub const ANSWER_WAIT: Duration = Duration::from_secs(3);
/// What a storage unit may take to append. The relay waits 5 s.
pub const APPEND_WAIT: Duration = Duration::from_secs(2);
/// How often one publish is tried before the relay has its say.
pub const APPEND_ATTEMPTS_MAX: u32 = 2;
/// When nothing has come for this long, a follower asks where the partition ends.
pub const CHECK_EVERY: Duration = Duration::from_secs(1);
/// After a controller could not be reached, others who ask get the same answer for this long.
pub const REFUSAL_KEPT: Duration = Duration::from_secs(1);
/// What a controller may take to answer then; a created topic needs some time until it has leaders. Together with [`ADMIN_WAIT`] less than
/// a publish or a follow may take, 5 s: what the controller said would be lost with them, and that it did not answer too.
pub const TOPIC_WAIT: Duration = Duration::from_secs(2);
/// How often a created topic is looked at.
pub const TOPIC_PAUSE: Duration = Duration::from_millis(100);

pub const RETENTION_SECONDS_MIN: u32 = 10;
pub const SEGMENT_BYTES_MIN: u32 = 4 << 20;
/// A partition is kept in about this many segments: the oldest goes when there is no room.
pub const SEGMENTS: u64 = 16;
