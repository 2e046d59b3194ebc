//! What a client asks, and what it is answered.

use crate::keys::home::HomeRecord;
use crate::{ETag, Lack, Region};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use sterna_crdt::{Dot, Name};
use sterna_log::{AggregateId, Cause, LogId, Position, Token};
use sterna_model::ArgError;

/// A request to change one aggregate.
#[derive(Clone, Debug)]
pub struct Command {
    pub aggregate: AggregateId,
    pub name: Name,
    /// A JSON object.
    pub args: Bytes,
    /// Made by the writer if absent.
    pub key: Option<Name>,
    pub if_match: Option<ETag>,
    /// What the client has seen: the command waits until this shard has seen it too.
    pub token: Option<Token>,
    pub wait: Duration,
    pub actor: Name,
    /// W3C `traceparent`, or empty.
    pub trace: Name,
    /// Answer with the document.
    pub represent: bool,
    /// Set for reactions.
    pub cause: Option<Cause>,
}

#[derive(Clone, Debug)]
pub struct Accepted {
    pub aggregate: AggregateId,
    pub event: Dot,
    pub key: Name,
    pub etag: ETag,
    /// Where the event is; for a replay that was merged from elsewhere, where this region is.
    pub log: LogId,
    pub position: Position,
    /// The client's token, joined with this event.
    pub token: Token,
    /// The key was known: nothing happened now.
    pub replayed: bool,
    /// The document as JSON, if asked for.
    pub document: Option<String>,
}

/// Nothing was done. What may help is in each message; [`Refused::retry`] says whether trying again can.
#[derive(Clone, Debug, thiserror::Error, Serialize, Deserialize)]
pub enum Refused {
    #[error("there is no aggregate type `{kind}` in the model{}", hint(.suggestion))]
    UnknownType { kind: Name, suggestion: Option<Name> },
    #[error("`{kind}` has no command `{command}`{}", hint(.suggestion))]
    UnknownCommand { kind: Name, command: Name, suggestion: Option<Name> },
    #[error("an id has 1 to 128 of A-Z a-z 0-9 . _ ~ @ : + -, and is not `.` or `..`")]
    InvalidId,
    #[error("an idempotency key has 1 to 255 printable ASCII characters")]
    InvalidKey,
    #[error("the arguments do not fit the command")]
    InvalidArguments(Vec<ArgError>),
    #[error("the arguments have more than {bytes_max} bytes")]
    ArgumentsTooLarge { bytes_max: usize },
    #[error("this idempotency key was used for another command on this aggregate; use a new key for a new command")]
    KeyReused,
    #[error("the aggregate has changed since it was read; read it again and decide anew")]
    VersionMismatch { current: Option<ETag> },
    #[error("field `{field}` has several values; read the document and send its ETag as If-Match to decide between them")]
    PreconditionRequired { field: Name, current: ETag },
    #[error("there is such an aggregate already")]
    AlreadyExists,
    #[error("there is no such aggregate")]
    NotFound,
    #[error("the aggregate was deleted")]
    Deleted,
    #[error("{message}")]
    Guard { code: Name, message: Name },
    #[error("the command could not be evaluated: {message}")]
    Evaluation { message: String },
    #[error("the bound of `{}` is reached: this takes {}, and `available` says what each region has", .lack.field, .lack.needed)]
    BoundReached { lack: Lack, available: Vec<(Name, i64)> },
    #[error(
        "whether this region has spent its rights of `{field}` already is not known before {} answers; its store may be an old copy",
        .missing.join(", ")
    )]
    RightsUnknown { field: Name, missing: Vec<Name> },
    /// `moved`: the region that answers is not the home, and knows of this one.
    #[error("commands of `{kind}` are accepted in region {home}: {reason}")]
    HomeAway { kind: Name, home: Name, moved: Option<HomeRecord>, reason: String },
    #[error("the aggregate would have {bytes} bytes; the most is {bytes_max}")]
    AggregateTooLarge { bytes: usize, bytes_max: usize },
    #[error("the aggregate is parked, because an event of it could not be applied: {reason}")]
    Parked { reason: String },
    #[error("the event that caused this reaction has no effect, since its key was accepted in another region first")]
    VoidCause,
    #[error("what the token has seen has not arrived here from {}", .missing.join(", "))]
    BehindToken { missing: Vec<Name> },
    #[error("too many commands are waiting")]
    Overloaded,
    #[error("this region takes no commands now: {reason}")]
    NotAccepting { reason: String },
    #[error("the disk is full; nothing was written")]
    Full,
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
}

/// Whether sending the same command again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    Never,
    /// With the same key, after a pause.
    SameKey,
}

impl Refused {
    pub fn retry(&self) -> Retry {
        match self {
            Self::BehindToken { .. }
            | Self::RightsUnknown { .. }
            | Self::HomeAway { .. }
            | Self::Overloaded
            | Self::NotAccepting { .. }
            | Self::Full
            | Self::Unavailable(_) => Retry::SameKey,
            _ => Retry::Never,
        }
    }

    pub(crate) fn not_home(kind: &Name, home: HomeRecord, region: &Region) -> Self {
        let reason = format!("this is region {}", region.name);
        Self::HomeAway { kind: kind.clone(), home: region.membership.name(home.region), moved: Some(home), reason }
    }

    pub(crate) fn bound_reached(lack: Lack, region: &Region) -> Self {
        let available = lack.available.iter().map(|(of, rights)| (region.membership.name(*of), *rights)).collect();
        Self::BoundReached { lack, available }
    }
}

/// Every [`Refused::outcome`], and those of what was not refused.
pub(crate) const OUTCOMES: [&str; 27] = [
    "accepted",
    "replayed",
    "unknown-type",
    "unknown-command",
    "invalid-id",
    "invalid-key",
    "invalid-arguments",
    "arguments-too-large",
    "key-reused",
    "version-mismatch",
    "precondition-required",
    "already-exists",
    "not-found",
    "deleted",
    "guard-refused",
    "evaluation-failed",
    "bound-reached",
    "aggregate-too-large",
    "parked",
    "behind-token",
    "overloaded",
    "not-accepting",
    "disk-full",
    "store-unavailable",
    "rights-unknown",
    "home-away",
    "void-cause",
];

impl Refused {
    /// A short name for metrics and problem documents.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::UnknownType { .. } => "unknown-type",
            Self::UnknownCommand { .. } => "unknown-command",
            Self::InvalidId => "invalid-id",
            Self::InvalidKey => "invalid-key",
            Self::InvalidArguments(_) => "invalid-arguments",
            Self::ArgumentsTooLarge { .. } => "arguments-too-large",
            Self::KeyReused => "key-reused",
            Self::VersionMismatch { .. } => "version-mismatch",
            Self::PreconditionRequired { .. } => "precondition-required",
            Self::AlreadyExists => "already-exists",
            Self::NotFound => "not-found",
            Self::Deleted => "deleted",
            Self::Guard { .. } => "guard-refused",
            Self::Evaluation { .. } => "evaluation-failed",
            Self::BoundReached { .. } => "bound-reached",
            Self::RightsUnknown { .. } => "rights-unknown",
            Self::HomeAway { .. } => "home-away",
            Self::AggregateTooLarge { .. } => "aggregate-too-large",
            Self::Parked { .. } => "parked",
            Self::VoidCause => "void-cause",
            Self::BehindToken { .. } => "behind-token",
            Self::Overloaded => "overloaded",
            Self::NotAccepting { .. } => "not-accepting",
            Self::Full => "disk-full",
            Self::Unavailable(_) => "store-unavailable",
        }
    }
}

fn hint(suggestion: &Option<Name>) -> String {
    suggestion.as_ref().map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}
