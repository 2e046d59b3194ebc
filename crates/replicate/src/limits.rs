//! Every bound and wait of this crate.

use std::time::Duration;

/// Entries in one published frame, in bytes; a single larger entry still goes alone.
pub const FRAME_BYTES: usize = 256 << 10;
/// Frames of one shard published before the other shards have their turn.
pub const FRAMES_PER_TURN_MAX: usize = 8;
/// A publish that takes longer is tried again.
pub const PUBLISH_WAIT: Duration = Duration::from_secs(5);
pub const PUBLISH_PAUSE_FIRST: Duration = Duration::from_millis(50);
pub const PUBLISH_PAUSE_MAX: Duration = Duration::from_secs(2);
/// Each shard's heartbeat. Followers are promised one a second.
pub const HEARTBEAT_EVERY: Duration = Duration::from_millis(900);
/// After others' entries were applied here, the peers hear of it this soon.
pub const SETTLE_WITHIN: Duration = Duration::from_millis(50);
/// Frames with entries name a seal this often, since naming one looks into the store.
pub const SEAL_EVERY: Duration = Duration::from_millis(100);

/// Without a frame for this long an origin is silent, and its log is sought elsewhere.
pub const SILENCE_MAX: Duration = Duration::from_secs(3);
pub const FOLLOW_WAIT: Duration = Duration::from_secs(5);
pub const FOLLOW_PAUSE_FIRST: Duration = Duration::from_millis(50);
pub const FOLLOW_PAUSE_MAX: Duration = Duration::from_secs(2);
/// A peer that disagrees about the cluster is asked again this often.
pub const REFUSED_PAUSE: Duration = Duration::from_secs(5);
/// Entries handed to the writer at once, in bytes: frames that are here already are joined up to this.
pub const MERGE_BYTES: usize = 1 << 20;
/// One request to a peer's copy of a log.
pub const FETCH_WAIT: Duration = Duration::from_secs(2);
/// How often each region is asked for a silent origin's log: first, and while there is nothing new.
pub const CARRY_PAUSE_FIRST: Duration = Duration::from_millis(200);
pub const CARRY_PAUSE_MAX: Duration = Duration::from_secs(1);

/// How long a starting region waits for its peers to say what they hold of its logs.
pub const RECOVERY_WAIT: Duration = Duration::from_secs(2);
/// Pauses between questions to a peer that has not answered yet.
pub const RECOVERY_PAUSE_FIRST: Duration = Duration::from_millis(100);
pub const RECOVERY_PAUSE_MAX: Duration = Duration::from_secs(5);
/// Suspicions that wait to be looked into; more add nothing.
pub const CLAIMS_MAX: usize = 16;
pub const ADMIT_PAUSE_FIRST: Duration = Duration::from_millis(100);
pub const ADMIT_PAUSE_MAX: Duration = Duration::from_secs(2);

/// Reactions of one shard's log under way at once.
pub const REACTIONS_IN_FLIGHT_MAX: usize = 128;
/// Bytes of the log read at once for reactions.
pub const REACTOR_READ_BYTES: usize = 256 << 10;
pub const REACTION_PAUSE_FIRST: Duration = Duration::from_millis(10);
pub const REACTION_PAUSE_MAX: Duration = Duration::from_secs(1);
/// How often the reactor's progress is written; what came after is delivered again, and known by its key.
pub const PROGRESS_EVERY: Duration = Duration::from_millis(200);
/// How often gauges are brought up to date.
pub const GAUGES_EVERY: Duration = Duration::from_secs(1);
