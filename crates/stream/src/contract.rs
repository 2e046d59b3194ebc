//! What an engine implements, and what it is handed.

use bytes::Bytes;
use sterna_crdt::RegionId;
use sterna_env::Boxed;
use sterna_log::{Frame, LogId, Position};

/// Carries this region's frames to the others, and theirs here.
pub trait Stream: Send + Sync {
    /// Publishes a frame of this region's log. Resolves when the engine has it (or, for an engine whose followers read the log
    /// themselves, when they have been woken). A heartbeat may replace an earlier one.
    fn publish(&self, frame: Frame) -> Boxed<'_, Result<(), PublishError>>;

    /// Follows another region's log behind `after`. Frames may come twice, out of order, or not at all.
    fn follow(&self, log: LogId, after: Position) -> Boxed<'_, Result<Box<dyn Follower>, FollowError>>;

    /// All processes of this region publish into one and the same: it is enough that one of them does.
    fn is_shared(&self) -> bool {
        false
    }

    /// Following asks the origin's own process, which refuses whoever disagrees about the cluster. Where it does not, the follower asks.
    fn meets_peers(&self) -> bool {
        true
    }

    /// For engines that have to look for a position before they can follow.
    fn places(&self) -> Option<&dyn Places> {
        None
    }
}

/// Where an engine found positions, so that it need not search for them in its next life. Whoever follows keeps it beside its progress.
pub trait Places: Send + Sync {
    /// In the engine's own terms, where what lies behind `after` begins, or a little before that. `None` if it does not know.
    fn place(&self, log: LogId, after: Position) -> Option<Bytes>;

    /// What [`place`](Self::place) gave once. It is a hint: the engine checks it, and searches where it does not fit.
    fn recall(&self, log: LogId, place: &[u8]);
}

pub trait Follower: Send {
    /// Waits for the next frame; may be dropped while it waits, and called again, without losing one. After an error the follower
    /// is of no more use: follow again from where you are.
    fn next(&mut self) -> Boxed<'_, Result<Frame, FollowError>>;
}

/// This region's copy of every log, its own included. Handed to engines whose peers read logs directly, and to repair.
pub trait LogSource: Send + Sync {
    /// The entries behind `after`, at most about `bytes_max` of them (at least one if there is one), with what this region knows of
    /// the origin (seal, applied, models). Without entries the frame is the origin's last known heartbeat. Where entries were left
    /// out for their size, `sealed` is the frame's end and `applied` is empty: nothing is said of what is not in the frame.
    fn read(&self, log: LogId, after: Position, bytes_max: usize) -> Boxed<'_, Result<Frame, FollowError>>;

    /// Answers what a peer asks beside logs; `request` is what it gave to [`Repair::call`].
    fn answer(&self, _from: RegionId, _request: Bytes) -> Boxed<'_, Result<Bytes, FollowError>> {
        Box::pin(async { Err(FollowError::Unreachable("it answers nothing but logs".to_owned())) })
    }
}

/// Asks one region for its copy of any log: how a hole is repaired, and how a third region carries what two can't send each other.
pub trait Repair: Send + Sync {
    fn fetch(&self, from: RegionId, log: LogId, after: Position) -> Boxed<'_, Result<Frame, FollowError>>;

    /// Asks one region something else, such as for rights of a bounded counter. On an error it is not known whether it was done.
    fn call(&self, to: RegionId, _request: Bytes) -> Boxed<'_, Result<Bytes, FollowError>> {
        Box::pin(async move { Err(FollowError::Unreachable(format!("region {} can be asked for logs only", to.0))) })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// May be published again.
    #[error("the stream is unavailable: {0}")]
    Unavailable(String),
    #[error("the frame has {bytes} bytes, the stream takes {bytes_max}")]
    TooLarge { bytes: usize, bytes_max: usize },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FollowError {
    /// May be tried again.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// The peer disagrees about the cluster: shards, members or secret. Trying again helps only once somebody has mended the
    /// configuration.
    #[error("refused: {0}")]
    Refused(String),
    /// The frames that come next are gone from the stream; ask a region that has a copy.
    #[error("the stream no longer has what follows {0}")]
    Expired(Position),
    /// The bytes are damaged.
    #[error("malformed frame: {0}")]
    Malformed(String),
}
