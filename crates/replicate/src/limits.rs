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
/// This region's clock is believed to be ahead of a peer's when its heartbeats have said so for this long.
pub const AHEAD_FOR: Duration = Duration::from_secs(3);
/// How often the gate looks at the clocks.
pub const GATE_LOOK_EVERY: Duration = Duration::from_secs(1);
pub const FOLLOW_WAIT: Duration = Duration::from_secs(5);
pub const FOLLOW_PAUSE_FIRST: Duration = Duration::from_millis(50);
pub const FOLLOW_PAUSE_MAX: Duration = Duration::from_secs(2);
/// A peer whose logs come over a stream of its own is asked whether it agrees about the cluster: this often until it answers, and for this
/// long before its logs are followed all the same.
pub const INTRODUCTION_PAUSE: Duration = Duration::from_millis(100);
pub const INTRODUCTION_WAIT: Duration = Duration::from_secs(5);
/// A peer that disagrees about the cluster is asked again this often.
pub const REFUSED_PAUSE: Duration = Duration::from_secs(5);
/// Where the stream found the end of a copy is written down this often, if it changed.
pub const PLACE_EVERY: Duration = Duration::from_secs(5);
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

/// Rights of a counter are not spread while the regions have fewer than this each: then those that lack some ask.
pub const ESCROW_MOVED_MIN: i64 = 4;
/// Between looks at counters that were written.
pub const ESCROW_PAUSE: Duration = Duration::from_millis(10);
/// Counters looked at together.
pub const ESCROW_LOADED_MAX: usize = 256;
/// Counters that this region fetches rights for, ahead of need, at once.
pub const ESCROW_PULLS_MAX: usize = 16;
/// When a counter is looked at again that was brought something that is not settled: first, and at most this much later; and how many
/// are remembered.
pub const ESCROW_LATER_FIRST: Duration = Duration::from_millis(50);
pub const ESCROW_LATER_MAX: Duration = Duration::from_secs(5);
pub const ESCROW_LATER_MAX_COUNT: usize = 10_000;
/// One request for rights.
pub const ESCROW_ASK_WAIT: Duration = Duration::from_millis(800);
/// A region that gave nothing is not asked again sooner.
pub const ESCROW_EMPTY_PAUSE: Duration = Duration::from_millis(100);
/// What was gathered for a command that waited is not shared out again for so long.
pub const ESCROW_GATHERED: Duration = Duration::from_secs(2);
/// How often a command looks whether rights have settled that it waits for.
pub const ESCROW_SETTLE_POLL: Duration = Duration::from_millis(50);
/// Counters of which it is remembered who had nothing.
pub const ESCROW_COUNTERS_MAX: usize = 10_000;
/// How often the rights left are counted, aggregates read at once, and the pause between two reads.
pub const SURVEY_EVERY: Duration = Duration::from_secs(5);
pub const SURVEY_PAGE: usize = 128;
pub const SURVEY_PAUSE: Duration = Duration::from_millis(50);

/// Commands of one shard that wait to be sent to their home, and of these how many, of how many bytes, go in one request.
pub const FORWARD_QUEUED_MAX: usize = 1_024;
pub const FORWARD_BATCH_MAX: usize = 128;
pub const FORWARD_BATCH_BYTES: usize = 1 << 20;
/// How long a home may take to answer, beside what a command asks it to wait for its token.
pub const FORWARD_WAIT: Duration = Duration::from_secs(5);
/// A command that arrives while its home moves is tried again until then, this often.
pub const FORWARD_MOVED_WAIT: Duration = Duration::from_secs(5);
pub const FORWARD_MOVED_PAUSE: Duration = Duration::from_millis(25);

/// One answer about a region that is lost.
pub const FREEZE_WAIT: Duration = Duration::from_secs(3);
/// How often the others are asked which regions were declared lost.
pub const RUMOUR_EVERY: Duration = Duration::from_secs(2);
/// How often a lost region's heir looks for what it had: first, and while there is nothing.
pub const HEIR_PAUSE_FIRST: Duration = Duration::from_secs(1);
pub const HEIR_PAUSE_MAX: Duration = Duration::from_secs(60);

/// Reactions of one shard's log under way at once.
pub const REACTIONS_IN_FLIGHT_MAX: usize = 128;
/// Bytes of the log read at once for reactions.
pub const REACTOR_READ_BYTES: usize = 256 << 10;
pub const REACTION_PAUSE_FIRST: Duration = Duration::from_millis(10);
pub const REACTION_PAUSE_MAX: Duration = Duration::from_secs(1);
/// How often the reactor's progress is written; what came after is delivered again, and known by its key.
pub const PROGRESS_EVERY: Duration = Duration::from_millis(200);
/// How often what the peers confirmed is written down, if it changed.
pub const CONFIRMED_EVERY: Duration = Duration::from_secs(10);
/// Bytes of the log read at once to count what was written before this process began.
pub const TELL_READ_BYTES: usize = 1 << 20;
/// How often gauges are brought up to date.
pub const GAUGES_EVERY: Duration = Duration::from_secs(1);
